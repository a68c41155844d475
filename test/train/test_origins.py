# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What lerobot-train makes of a foundation on data of one's own is exported as it was trained."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('transformers', reason="needs pip install 'vla_ros[train]'")

from lerobot.configs import FeatureType, PolicyFeature, PreTrainedConfig  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402
from lerobot.policies.factory import make_pre_post_processors  # noqa: E402
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig  # noqa: E402
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy  # noqa: E402
from lerobot.processor import AbsoluteActionsProcessorStep  # noqa: E402

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.policy.bundle import load_bundle  # noqa: E402
from vla_ros.policy.flow import noise  # noqa: E402
from vla_ros.policy.pipeline import Policy  # noqa: E402
from vla_ros.tools.main import main  # noqa: E402
from vla_ros.train import origins  # noqa: E402
from vla_ros.train.checkpoint import (  # noqa: E402
    DatasetFacts,
    camera_sources,
    load_checkpoint,
)
from vla_ros.train.export import export  # noqa: E402

from .vlm import write_vlm  # noqa: E402

JOINTS = tuple(f'joint{i}' for i in range(1, 8))
SIZES = {'wrist': (24, 32), 'front': (40, 48)}
RENAMED = {'wrist': 'camera2', 'front': 'camera1'}
TASKS = ('Pick up the cube.', 'Put the cube into the box.')
IMAGES = 'observation.images.'
SMOLVLA = {'chunk_size': 6, 'n_action_steps': 6, 'num_vlm_layers': 2, 'tokenizer_max_length': 24}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Return a folder with what a user has: a dataset, and a foundation for other robots."""
    folder = tmp_path_factory.mktemp('lerobot')
    write_dataset(folder / 'cubes')
    write_foundation(folder / 'base', write_vlm(folder / 'vlm'))
    return folder


def write_dataset(root):
    """Write pictures of two sizes, one of them no video, seven joints in rad and two tasks."""
    vector = {'dtype': 'float32', 'shape': (7,), 'names': [f'{name}.pos' for name in JOINTS]}
    features = {'observation.state': vector, 'action': vector}
    for name, size in SIZES.items():
        kind = 'image' if name == 'front' else 'video'
        axes = ['height', 'width', 'channels']
        features[IMAGES + name] = {'dtype': kind, 'shape': (*size, 3), 'names': axes}
    dataset, rng = (
        LeRobotDataset.create('me/cubes', 15, features, root=root),
        np.random.default_rng(0),
    )
    for task in TASKS:
        for _ in range(9):
            frame = {
                key: rng.normal(0, 0.5, 7).astype(np.float32)
                for key in features
                if 'im' not in key
            }
            for name, size in SIZES.items():
                blocks = rng.integers(0, 256, (size[0] // 8, size[1] // 8, 3), np.uint8)
                frame[IMAGES + name] = blocks.repeat(8, 0).repeat(8, 1)
            dataset.add_frame(frame | {'task': task})
        dataset.save_episode()
    dataset.finalize()


def write_foundation(path, vlm):
    """Write a SmolVLA of three square cameras and six joints, as the published one is."""
    torch.manual_seed(0)
    six = PolicyFeature(FeatureType.STATE, (6,))
    cameras = [f'{IMAGES}camera{i}' for i in (1, 2, 3)]
    config = SmolVLAConfig(
        input_features={'observation.state': six}
        | dict.fromkeys(cameras, PolicyFeature(FeatureType.VISUAL, (3, 64, 64))),
        output_features={'action': PolicyFeature(FeatureType.ACTION, (6,))},
        vlm_model_name=str(vlm),
        resize_imgs_with_padding=(32, 32),
        device='cpu',
        push_to_hub=False,
        **SMOLVLA,
    )
    stats = {'mean': torch.zeros(6), 'std': torch.ones(6)}
    processors = make_pre_post_processors(
        config, dataset_stats={'observation.state': stats, 'action': stats}
    )
    for part in (SmolVLAPolicy(config), *processors):
        part.save_pretrained(path)


def lerobot_train(folder, name, *words):
    """Have LeRobot train one step on the dataset; return the checkpoint."""
    renamed = {IMAGES + old: IMAGES + new for old, new in RENAMED.items()}
    given = {
        'output_dir': name,
        'dataset.repo_id': 'me/cubes',
        'dataset.root': folder / 'cubes',
        'policy.path': 'base',
        'policy.device': 'cpu',
        'policy.push_to_hub': 'false',
        'rename_map': json.dumps(renamed),
        'steps': 1,
        'batch_size': 2,
        'num_workers': 0,
        'persistent_workers': 'false',
        'wandb.enable': 'false',
    }
    options = [f'--{key}={value}' for key, value in given.items()]
    done = subprocess.run(
        [sys.executable, '-m', 'lerobot.scripts.lerobot_train', *options, *words],
        cwd=folder,
        env={**os.environ, 'HF_HUB_OFFLINE': '1', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / name / 'checkpoints' / 'last' / 'pretrained_model'


@pytest.fixture(scope='module')
def tuned(folder):
    return lerobot_train(folder, 'tuned')


@pytest.fixture(scope='module')
def adapter(folder):
    return lerobot_train(folder, 'adapter', '--peft.method_type=LORA', '--peft.r=4')


def answers(checkpoint, dataset):
    """Return LeRobot's own actions for some of its own frames."""
    config = PreTrainedConfig.from_pretrained(checkpoint)
    if config.use_peft:
        from peft import PeftModel

        base = SmolVLAPolicy.from_pretrained(checkpoint.parents[3] / 'base', config=config)
        policy = PeftModel.from_pretrained(base, checkpoint)
    else:
        policy = SmolVLAPolicy.from_pretrained(checkpoint)
    preprocess, postprocess = make_pre_post_processors(config, str(checkpoint))
    for number, row in enumerate((0, 10)):
        item = dataset[row]
        shown = {key: item[key] for key in item if key.startswith('observation.')}
        start = torch.from_numpy(noise(0, number, config.chunk_size, config.max_action_dim))[None]
        batch = preprocess(shown | {'task': item['task']})
        yield item, postprocess(policy.predict_action_chunk(batch, noise=start))[0].numpy()


@pytest.mark.parametrize('made', ['tuned', 'adapter'])
def test_bundle_answers_as_lerobot_does_on_the_data_that_train_config_names(
    request, folder, tmp_path, made, monkeypatch, capsys
):
    checkpoint = request.getfixturevalue(made)
    monkeypatch.chdir(folder)  # an adapter names its base as it was told
    words = ['export', '--checkpoint', str(checkpoint), '--output', str(tmp_path / 'bundle')]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f'dataset: {folder / "cubes"}, as train_config.json' in out
    assert 'camera3: was in none of the data; the policy goes without it' in out
    policy, dataset = Policy(load_bundle(tmp_path / 'bundle')), open_cubes(folder)
    spec = policy.spec
    assert {camera.name: camera.size for camera in spec.cameras} == SIZES
    assert (spec.joint_names, spec.fps, spec.instruction) == (JOINTS, 15.0, '')
    for number, (item, expected) in enumerate(answers(checkpoint, dataset)):
        images = {
            name: (item[IMAGES + name] * 255).round().byte().permute(1, 2, 0).numpy()
            for name in SIZES
        }
        got, _ = policy.predict(images, item['observation.state'].numpy(), item['task'], number)
        np.testing.assert_allclose(got, expected, atol=1e-5)
    assert list(RENAMED).index('front') == 1 and spec.cameras[0].name == 'front'  # camera1


def test_what_lerobot_trained_is_trained_on_with_its_cameras_in_their_order(
    tuned, folder, tmp_path, capsys
):
    words = ['train', '--dataset', str(folder / 'cubes'), '--start', str(tuned), '--steps', '1']
    assert main([*words, '--output', str(tmp_path / 'run'), '--batch-size', '2']) == 0
    before, after = load_checkpoint(tuned), load_checkpoint(tmp_path / 'run' / 'last')
    assert [*camera_sources(after).values()] == [IMAGES + 'front', IMAGES + 'wrist']
    known = [origins.statistics(part.preprocess)['observation.state'] for part in (before, after)]
    assert all(torch.equal(known[0][name], known[1][name]) for name in ('mean', 'std'))
    bundle = tmp_path / 'bundle'
    words = ['export', '--checkpoint', str(tmp_path / 'run' / 'last'), '--output', str(bundle)]
    assert main(words) == 0
    sizes = {camera.name: camera.size for camera in load_bundle(bundle).spec.cameras}
    assert [*sizes.items()] == [(name, SIZES[name]) for name in ('front', 'wrist')]


def test_foundation_takes_on_the_cameras_of_the_data(folder, tmp_path, capsys):
    base = shutil.copytree(folder / 'base', tmp_path / 'base')
    (base / 'train_config.json').write_text('{"dataset": null}')  # as the published one has one
    (base / 'policy_postprocessor.json').unlink()
    words = ['train', '--dataset', str(folder / 'cubes'), '--start', str(base)]
    words += ['--steps', '1', '--batch-size', '2', '--output', str(tmp_path / 'run')]
    assert main(words) == 0
    sources = camera_sources(load_checkpoint(tmp_path / 'run' / 'last'))
    assert [*sources] == [*sources.values()] == [IMAGES + 'wrist', IMAGES + 'front']


def open_cubes(folder):
    return LeRobotDataset('me/cubes', root=folder / 'cubes')


def test_data_that_are_not_here_are_asked_for_where_config_names_those_of_another_policy(
    tuned, tmp_path, capsys
):
    moved = shutil.copytree(tuned, tmp_path / 'moved')
    file = moved / 'train_config.json'
    run = json.loads(file.read_text())
    run['dataset']['root'] = str(tmp_path / 'gone')
    file.write_text(json.dumps(run))
    words = ['export', '--checkpoint', str(moved), '--output', str(tmp_path / 'bundle')]
    assert main([*words, '--joint-names', *JOINTS, '--fps', '15']) == 2
    assert 'was trained on me/cubes, which is not at' in capsys.readouterr().err
    run['policy']['pretrained_path'] = None
    file.write_text(json.dumps(run))
    assert main([*words, '--joint-names', *JOINTS, '--fps', '15']) == 0
    assert main(words) == 2
    assert 'give its folder: --dataset FOLDER' in capsys.readouterr().err
    file.write_text('{}')
    assert main(words) == 2
    assert 'expected what lerobot-train wrote' in capsys.readouterr().err


def test_data_that_were_recorded_or_downloaded_are_found_by_their_name(
    tuned, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(origins, 'HF_LEROBOT_HOME', tmp_path / 'home')
    monkeypatch.setattr(origins, 'HF_LEROBOT_HUB_CACHE', tmp_path / 'hub')
    nowhere = origins._find('me/cubes')
    assert nowhere == tmp_path / 'home' / 'me' / 'cubes'
    stored = tmp_path / 'hub' / 'datasets--me--cubes'
    shutil.copytree(folder / 'cubes', stored / 'snapshots' / 'abc')
    (stored / 'refs').mkdir()
    (stored / 'refs' / 'main').write_text('abc')
    assert origins._find('me/cubes') == stored / 'snapshots' / 'abc'
    shutil.copytree(folder / 'cubes', nowhere)
    assert origins._find('me/cubes') == nowhere
    assert origins.read_origin(tuned).is_here


def test_adapter_whose_policy_is_gone_is_told_where_to_name_it(adapter, tmp_path):
    moved = shutil.copytree(adapter, tmp_path / 'moved')
    file = moved / 'adapter_config.json'
    gone = {'base_model_name_or_path': str(tmp_path / 'gone')}
    file.write_text(json.dumps(json.loads(file.read_text()) | gone))
    with pytest.raises(ConfigError, match='base_model_name_or_path: got .*gone, expected the fol'):
        load_checkpoint(moved)
    (moved / 'adapter_model.safetensors').unlink()
    with pytest.raises(ConfigError, match='got no adapter_model.safetensors in it'):
        load_checkpoint(moved)


def test_what_learns_of_a_policy_learns_on_where_an_adapter_was_added(
    adapter, folder, monkeypatch
):
    monkeypatch.chdir(folder)
    ours, base = load_checkpoint(adapter).policy, load_checkpoint(folder / 'base').policy
    learned = [
        {name for name, value in policy.named_parameters() if value.requires_grad}
        for policy in (ours, base)
    ]
    assert learned[0] == learned[1] and learned[0]


def test_folder_of_a_run_is_told_where_its_policy_is(tuned):
    for folder in (tuned.parent, tuned.parents[1], tuned.parents[2]):
        with pytest.raises(ConfigError, match=f'; give {tuned.parents[2]}.*/pretrained_model'):
            load_checkpoint(folder)


def test_adapter_without_peft_is_told_what_to_install(adapter, monkeypatch):
    monkeypatch.setitem(sys.modules, 'peft', None)
    with pytest.raises(ConfigError, match=r"pip install 'vla_ros\[train\]'"):
        load_checkpoint(adapter)


def test_step_that_no_block_computes_is_refused_by_name(tuned, tmp_path):
    checkpoint = load_checkpoint(tuned)
    origins.show(checkpoint, {})
    facts = DatasetFacts(15.0, JOINTS, '', ())
    checkpoint.postprocess.steps.append(AbsoluteActionsProcessorStep(enabled=False))
    assert export(checkpoint, facts, tmp_path / 'off') < 1e-5
    checkpoint.postprocess.steps[-1].enabled = True
    with pytest.raises(ConfigError, match='got the step absolute_actions_processor, which no bl'):
        export(checkpoint, facts, tmp_path / 'on')


def test_input_that_lerobots_policy_never_looks_at_is_left_out(tuned, tmp_path):
    checkpoint = load_checkpoint(tuned)
    origins.show(checkpoint, {})
    effort = {'observation.effort': PolicyFeature(FeatureType.STATE, (7,))}
    checkpoint.policy.config.input_features |= effort
    assert export(checkpoint, DatasetFacts(15.0, JOINTS, '', ()), tmp_path / 'bundle') < 1e-5

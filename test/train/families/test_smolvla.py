# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny SmolVLA is trained, goes on as it was, and stays LeRobot's."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('transformers', reason="needs pip install 'vla_ros[train]'")

from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy  # noqa: E402

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.dataset.lerobot import open_dataset  # noqa: E402
from vla_ros.policy.bundle import load_bundle  # noqa: E402
from vla_ros.policy.sinusoids import time_embedding  # noqa: E402
from vla_ros.tools.main import main  # noqa: E402
from vla_ros.train.batches import Batches  # noqa: E402
from vla_ros.train.checkpoint import load_checkpoint, load_facts, start_checkpoint  # noqa: E402
from vla_ros.train.families import smolvla_loss  # noqa: E402
from vla_ros.train.families.family import FlowSampling  # noqa: E402
from vla_ros.train.families.smolvla import SmolVlaSize  # noqa: E402
from vla_ros.train.families.smolvla_blocks import ActionExpert  # noqa: E402
from vla_ros.train.families.smolvla_loss import feature_maps, flow_loss  # noqa: E402
from vla_ros.train.frames import load_frames  # noqa: E402
from vla_ros.train.loop import train  # noqa: E402
from vla_ros.train.maps import MAPS  # noqa: E402
from vla_ros.train.torch_policy import TorchPolicy  # noqa: E402
from vla_ros.train.training_plan import TrainingPlan  # noqa: E402

from ..conftest import HEIGHT, JOINTS, WIDTH, write_dataset  # noqa: E402
from ..vlm import write_vlm  # noqa: E402

PLAN = TrainingPlan(steps=4, batch_size=4, evaluate_every=2, report_every=1, warmup=1)

TEXT = 'vlm.model.text_model.layers.'


@pytest.fixture(scope='module')
def vlm(tmp_path_factory):
    return write_vlm(tmp_path_factory.mktemp('vlm') / 'tiny')


@pytest.fixture(scope='module')
def run(dataset_root, vlm, tmp_path_factory):
    """Train from nothing; the vision-language model has no weights, so it learns, too."""
    output = tmp_path_factory.mktemp('smolvla')
    train([dataset_root], output, PLAN, SmolVlaSize(chunk_size=5, vlm=str(vlm)), report=print)
    return output


@pytest.fixture(scope='module')
def foundation(run, tmp_path_factory):
    """Return a checkpoint as the hub has it: frozen but for the expert, and of other data."""
    folder = shutil.copytree(run / 'step_000004', tmp_path_factory.mktemp('base') / 'base')
    (folder / 'dataset.json').unlink()
    config = json.loads((folder / 'config.json').read_text())
    config |= {'train_expert_only': True, 'freeze_vision_encoder': True, 'load_vlm_weights': True}
    cameras = config['input_features']
    cameras['observation.image'] = cameras.pop('observation.images.top')
    (folder / 'config.json').write_text(json.dumps(config))
    return folder


def weights(checkpoint):
    return load_checkpoint(checkpoint).policy.state_dict()


def test_resumed_training_gives_the_weights_of_one_that_never_stopped(run, dataset_root, tmp_path):
    def stop(line):
        if line.startswith('step 3 '):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train([dataset_root], tmp_path, PLAN, SmolVlaSize(5, vlm_of(run)), report=stop)
    last = train([dataset_root], tmp_path, PLAN, SmolVlaSize(5), resume=True)
    ours, theirs = weights(last), weights(run / 'step_000004')
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def vlm_of(run):
    return json.loads((run / 'step_000004' / 'config.json').read_text())['vlm_model_name']


def test_lerobot_loads_the_checkpoint_and_predicts_the_same(run):
    path = run / 'step_000004'
    theirs = SmolVLAPolicy.from_pretrained(path)
    ours = load_checkpoint(path)
    assert theirs.config.chunk_size == 5
    batch = ours.preprocess(observation())
    noise = torch.randn(1, 5, theirs.config.max_action_dim, generator=torch.manual_seed(0))
    expected = theirs.predict_action_chunk(dict(batch), noise=noise)
    assert expected.shape == (1, 5, len(JOINTS))
    assert torch.equal(ours.policy.predict_action_chunk(dict(batch), noise=noise), expected)


def observation():
    rng = np.random.default_rng(0)
    pictures = {
        f'observation.images.{name}': torch.from_numpy(rng.random((3, HEIGHT, WIDTH), np.float32))
        for name in ('top', 'gripper')
    }
    return {**pictures, 'observation.state': torch.zeros(len(JOINTS)), 'task': 'Wave.'}


def test_frozen_weights_stay_and_are_neither_doubled_nor_in_the_training_state(
    foundation, dataset_root, tmp_path
):
    last = train([dataset_root], tmp_path, PLAN, SmolVlaSize(), start=foundation)
    before, after = weights(foundation), weights(last)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any('.vlm.' in name for name in changed)
    state = torch.load(tmp_path / 'training_state.pt', weights_only=True)
    assert not any('.vlm.' in name for name in state['policy'] | state['average'])


def test_keys_and_values_that_the_expert_reads_of_the_last_layer_are_learned(run, vlm):
    start = weights(run / 'step_000002')
    trained = weights(run / 'step_000004')
    last = max(int(name.split('.layers.')[1].split('.')[0]) for name in start if TEXT in name)
    changed = {
        name.split(f'{TEXT}{last}.')[1]
        for name in start
        if f'{TEXT}{last}.' in name and not torch.equal(start[name], trained[name])
    }
    read = {'self_attn.k_proj.weight', 'self_attn.v_proj.weight', 'input_layernorm.weight'}
    assert changed == read


@pytest.fixture
def policy(run):
    return load_checkpoint(run / 'step_000004')


@pytest.fixture
def batch(policy, dataset_root):
    frames = load_frames(open_dataset(dataset_root))
    return policy.preprocess(
        Batches([frames], 4, 5, mask_end=True).gather(np.array([0, 4, 9, 12]))
    )


def loss_of(checkpoint, batch, samples=1, held_rows=0):
    torch.manual_seed(7)
    with torch.no_grad():
        return flow_loss(checkpoint.policy, batch, FlowSampling(samples, held_rows))


def test_one_sample_of_the_flow_gives_lerobots_own_loss(policy, batch):
    assert batch['action_is_pad'].any()
    torch.manual_seed(7)
    with torch.no_grad():
        expected = policy.policy.forward(batch)[0]
    torch.testing.assert_close(loss_of(policy, batch), expected)


def test_several_samples_are_as_many_batches(policy, batch):
    several = {
        key: value.repeat_interleave(3, dim=0)
        for key, value in batch.items()
        if isinstance(value, torch.Tensor)
    }
    torch.testing.assert_close(loss_of(policy, batch, 3), loss_of(policy, several))


@pytest.mark.parametrize('connected', [False, True])
def test_pictures_that_were_seen_before_give_the_same_loss(policy, batch, connected):
    if connected:
        model = policy.policy.model.vlm_with_expert.get_vlm_model()
        model.connector.requires_grad_(False)
    seen = feature_maps(policy.policy, batch)
    assert seen.shape[:2] == (4, 2)
    blind = {key: value for key, value in batch.items() if '.images.' not in key}
    torch.testing.assert_close(
        loss_of(policy, {**blind, MAPS: seen}, 2), loss_of(policy, batch, 2)
    )


def test_rows_that_are_given_are_finished_and_only_the_rest_is_learned(policy, batch, monkeypatch):
    model, seen = policy.policy.model, []
    denoise = model.denoise_step

    def watch(present, memory, noisy, time):
        told = denoise(present, memory, noisy, time)
        seen.append((noisy, told))
        return told

    monkeypatch.setattr(model, 'denoise_step', watch)
    monkeypatch.setattr(torch, 'randint', lambda most, size, device: torch.tensor([2, 4, 7, 5]))
    loss = loss_of(policy, batch, held_rows=4)
    ((noisy, told),) = seen
    actions = policy.policy.prepare_action(batch)
    given = (noisy == actions)[..., 0]
    assert given.sum(1).tolist() == [0, 1, 4, 2] and given[2].tolist() == [True] * 4 + [False]
    torch.manual_seed(7)
    noise = model.sample_noise(actions.shape, actions.device)
    errors = ((told - (noise - actions)) ** 2)[:, :, : len(JOINTS)].mean(2)
    torch.testing.assert_close(loss, errors[~given & ~batch['action_is_pad']].mean())


@pytest.mark.parametrize('most', [1, 4])
def test_half_of_the_chunks_begin_with_nothing_and_the_others_with_as_many_rows_each(most):
    torch.manual_seed(1)
    counts = smolvla_loss._held(torch.zeros(4000, 5, 2), most).sum(1)
    shares = torch.bincount(counts, minlength=6) / len(counts)
    expected = torch.tensor([0.5, *[0.5 / most] * most, *[0.0] * (5 - most)])
    torch.testing.assert_close(shares, expected, atol=0.03, rtol=0.0)
    assert not smolvla_loss._held(torch.zeros(9, 5, 2), 0).any()


def test_training_gives_the_rows_as_the_exported_expert_gets_them(policy):
    noisy = torch.randn(4, 5, policy.policy.config.max_action_dim)
    times = torch.tensor([[0.0, 0.0, 0.7, 0.7, 0.7], [0.2] * 5]).repeat(2, 1)
    model, config, expert = policy.policy.model, policy.policy.config, ActionExpert(policy.policy)
    told = time_embedding(times.numpy(), expert.size, config.min_period, config.max_period)
    with torch.no_grad(), smolvla_loss._row_by_row(policy.policy, times):
        rows, present, attends = model.embed_suffix(noisy, times[:, -1])
        torch.testing.assert_close(rows, expert.embedded(noisy, torch.from_numpy(told)))
    plain, *masks = model.embed_suffix(noisy, times[:, -1])
    assert torch.equal(masks[0], present) and torch.equal(masks[1], attends)
    torch.testing.assert_close(plain[1], rows[1])


def test_rows_that_were_given_in_training_are_told_to_whoever_runs_the_policy(
    dataset_root, run, tmp_path
):
    size = SmolVlaSize(5, vlm_of(run))
    plan = replace(PLAN, steps=1, held_rows=3)
    last = train([dataset_root], tmp_path / 'run', plan, size)
    for words in ((), ('--dataset', str(dataset_root))):
        bundle = tmp_path / f'bundle_{len(words)}'
        command = ('export', '--checkpoint', str(last), '--output', str(bundle), *words)
        assert main([*command]) == 0
        assert load_bundle(bundle).spec.flow.held_rows == 3
    with pytest.raises(ConfigError, match='held_rows: got 5, expected fewer than the 5 rows'):
        train([dataset_root], tmp_path / 'more', replace(PLAN, held_rows=5), size)


def test_frozen_vision_stays_and_what_it_saw_is_learned_from(run, dataset_root, tmp_path):
    start, plan = run / 'step_000002', replace(PLAN, steps=5, freeze_vision=True, flow_samples=2)
    last = train([dataset_root], tmp_path, plan, SmolVlaSize(), start=start)
    before, after = weights(start), weights(last)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any('vision_model' in name for name in changed)
    assert any('connector' in name for name in changed)
    assert np.fromfile(tmp_path / 'feature_maps' / 'seen.bool', bool).all()


def test_what_is_frozen_and_how_long_it_takes_is_said_before_the_first_step(
    foundation, dataset_root, tmp_path
):
    lines = []
    train([dataset_root], tmp_path, PLAN, SmolVlaSize(), start=foundation, report=lines.append)
    first = next(number for number, line in enumerate(lines) if line.startswith('step '))
    described, forecast = lines[first - 2 : first]
    assert 'of them trained; frozen: model.vlm_with_expert.vlm (' in described
    assert re.match(r'[\d.]+ s a step: about [\d.]+ min for 4 steps, in which every', forecast)


def test_foundation_takes_on_the_cameras_and_the_statistics_of_the_data(foundation, dataset_root):
    meta = open_dataset(dataset_root).meta
    checkpoint = start_checkpoint(foundation, [meta])
    assert list(checkpoint.policy.config.image_features) == meta.camera_keys
    mean = torch.as_tensor(meta.stats['observation.state']['mean'], dtype=torch.float32)
    batch = checkpoint.preprocess({**observation(), 'observation.state': mean})
    torch.testing.assert_close(batch['observation.state'][0], torch.zeros(len(JOINTS)))


def test_own_checkpoint_keeps_its_statistics(run, tmp_path):
    other = write_dataset(tmp_path / 'other', seed=1)
    kept = start_checkpoint(run / 'step_000004', [open_dataset(other).meta])
    first = load_checkpoint(run / 'step_000004')
    states = [part.preprocess(observation())['observation.state'] for part in (kept, first)]
    assert torch.equal(*states)


def test_every_frame_comes_with_its_instruction(dataset_root):
    assert set(load_frames(open_dataset(dataset_root)).instruction) == {'Wave.'}


def test_policy_without_blocks_acts_through_torch(run):
    path = run / 'step_000004'
    policy = TorchPolicy(load_checkpoint(path), load_facts(path))
    assert [camera.name for camera in policy.spec.cameras] == ['top', 'gripper']
    images = {name: np.zeros((HEIGHT, WIDTH, 3), np.uint8) for name in ('top', 'gripper')}
    actions, seconds = policy.predict(images, np.zeros(len(JOINTS)))
    assert actions.shape == (5, len(JOINTS)) and np.isfinite(actions).all()
    assert sum(seconds.values()) == 0


def test_checkpoint_of_a_run_is_exported(run, dataset_root, tmp_path, capsys):
    bundle = tmp_path / 'bundle'
    words = ('--checkpoint', str(run / 'step_000004'), '--dataset', str(dataset_root))
    more = ('--words', '8', '--noise-scale', '0.25')
    assert main(['export', *words, '--output', str(bundle), *more]) == 0
    assert 'the blocks differ from torch by at most' in capsys.readouterr().out
    spec = load_bundle(bundle).spec
    assert (spec.type, spec.instruction, spec.language.words) == ('smolvla', 'Wave.', 8)
    assert spec.flow.noise_scale == 0.25


def test_vision_language_model_that_moved_is_given_by_hand(run, vlm, tmp_path):
    moved = shutil.copytree(run / 'step_000004', tmp_path / 'moved')
    for name in ('config.json', 'policy_preprocessor.json'):
        text = (moved / name).read_text()
        (moved / name).write_text(text.replace(str(vlm), str(tmp_path / 'gone')))
    with pytest.raises(ConfigError, match='give its folder: --vlm FOLDER'):
        load_checkpoint(moved)
    assert load_checkpoint(moved, vlm=str(vlm)).policy.config.vlm_model_name == str(vlm)


def test_command_takes_the_type_from_the_checkpoint(foundation, dataset_root, tmp_path, capsys):
    words = f'--dataset {dataset_root} --output {tmp_path / "run"} --start {foundation} --steps 1'
    assert main(['train', *words.split(), '--episodes', '0', '--threads', '1']) == 0
    assert 'smolvla of' in capsys.readouterr().out
    assert main(['train', *words.split(), '--policy-type', 'act']) == 2
    assert '--policy-type: got act, expected smolvla' in capsys.readouterr().err

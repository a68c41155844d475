# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bundles give what the torch policy gives, or they are not written."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import onnx  # noqa: E402
from lerobot.configs import FeatureType, NormalizationMode, PolicyFeature  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.act.modeling_act import ACTPolicy  # noqa: E402
from lerobot.policies.factory import make_pre_post_processors  # noqa: E402
from torchvision.ops.misc import FrozenBatchNorm2d  # noqa: E402

from vla_ros.core.errors import ConfigError, VlaError  # noqa: E402
from vla_ros.policy.bundle import load_bundle  # noqa: E402
from vla_ros.runtime.placement import NodePlacement  # noqa: E402
from vla_ros.train.checkpoint import Checkpoint, DatasetFacts  # noqa: E402
from vla_ros.train.export import (  # noqa: E402
    check,
    dataset_observations,
    export,
    random_observations,
)
from vla_ros.train.families.split import SplitOptions  # noqa: E402

FACTS = DatasetFacts(30.0, ('pan', 'lift', 'gripper'), 'Wave.', ('tiny',))
SAME = {'top': (32, 64), 'gripper': (32, 64)}
OTHER = {'top': (32, 64), 'gripper': (64, 96)}


def policy(cameras=SAME, joints=3, extra=None, **settings):
    """Return an ACT with random weights, statistics and normalisation layers."""
    torch.manual_seed(0)
    inputs = {
        f'observation.images.{name}': PolicyFeature(FeatureType.VISUAL, (3, *size))
        for name, size in cameras.items()
    }
    inputs['observation.state'] = PolicyFeature(FeatureType.STATE, (joints,))
    small = {'chunk_size': 5, 'dim_model': 16, 'dim_feedforward': 32, 'n_heads': 2}
    config = ACTConfig(
        input_features=inputs | (extra or {}),
        output_features={'action': PolicyFeature(FeatureType.ACTION, (joints,))},
        pretrained_backbone_weights=None,
        device='cpu',
        **{**small, 'n_action_steps': 5, 'n_encoder_layers': 1, 'use_vae': False} | settings,
    )
    model = ACTPolicy(config)
    for layer in model.modules():
        if isinstance(layer, FrozenBatchNorm2d):
            for buffer in (layer.weight, layer.running_var):
                buffer.uniform_(0.5, 1.5)
            for buffer in (layer.bias, layer.running_mean):
                buffer.uniform_(-0.2, 0.2)
    shapes = {key: feature.shape for key, feature in config.input_features.items()}
    stats = {key: statistics((3, 1, 1) if len(s) == 3 else s) for key, s in shapes.items()}
    stats['action'] = statistics((joints,))
    return Checkpoint(model, *make_pre_post_processors(config, dataset_stats=stats))


def statistics(shape):
    mean, std = torch.rand(shape), 0.2 + torch.rand(shape)
    return {'mean': mean, 'std': std, 'min': mean - 2 * std, 'max': mean + 2 * std}


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    checkpoint, output = policy(), tmp_path_factory.mktemp('bundles') / 'wave'
    return checkpoint, output, export(checkpoint, FACTS, output, source={'made by': 'a test'})


def test_every_block_is_written_with_an_answer_that_back_ends_are_tried_with(exported):
    bundle = load_bundle(exported[1])
    for block in bundle.spec.blocks:
        assert bundle.open(block, NodePlacement(threads=1)).answer_error < 1e-6


RANGES = dict.fromkeys(('STATE', 'ACTION', 'VISUAL'), NormalizationMode.MIN_MAX)


@pytest.mark.parametrize(
    'settings',
    [
        {'cameras': OTHER},
        {'cameras': {'only': (48, 64)}, 'chunk_size': 9, 'n_action_steps': 9},
        {'use_vae': True, 'n_vae_encoder_layers': 1},
        {'pre_norm': True, 'n_decoder_layers': 2, 'n_encoder_layers': 2},
        {'normalization_mapping': RANGES, 'feedforward_activation': 'gelu'},
    ],
    ids=['sizes', 'one camera', 'vae', 'pre_norm', 'min_max'],
)
def test_any_act_gives_the_same_actions_in_blocks(settings, tmp_path):
    assert export(policy(**settings), FACTS, tmp_path / 'bundle') < 1e-5


def test_number_of_joints_is_free(tmp_path):
    facts = replace(FACTS, joint_names=tuple('abcdefgh'))
    assert export(policy(joints=8), facts, tmp_path / 'bundle') < 1e-5


def test_bundle_says_what_the_policy_is(exported):
    spec = load_bundle(exported[1]).spec
    assert (spec.name, spec.type, spec.fps, spec.chunk_size) == ('wave', 'act', 30.0, 5)
    assert spec.joint_names == FACTS.joint_names and spec.instruction == 'Wave.'
    assert [(c.name, c.height, c.width) for c in spec.cameras] == [
        ('top', 32, 64),
        ('gripper', 32, 64),
    ]
    assert spec.blocks['vision_encoder'].outputs['features'].shape == ('n', 2, 16)
    assert spec.blocks['llm_backbone'].inputs['features'].shape == (1, 4, 16)
    assert spec.blocks['action_expert'].outputs['actions'].shape == (1, 5, 3)
    assert set(spec.statistics['action']) == {'mean', 'std', 'min', 'max'}
    assert spec.source == {'datasets': ['tiny'], 'made by': 'a test'}


def test_what_never_changes_is_stored_and_not_computed(exported):
    vision, expert = (
        [node.op_type for node in onnx.load(exported[1] / f'{block}.onnx').graph.node]
        for block in ('vision_encoder', 'action_expert')
    )
    assert vision.count('Conv') == 21 and vision.count('Sqrt') == 0
    assert expert.count('Softmax') == 1  # of the attention to the memory


@pytest.mark.parametrize('block', ['vision_encoder', 'llm_backbone', 'action_expert'])
def test_altered_block_is_refused_with_the_joint_and_the_difference(block, tmp_path):
    checkpoint, output = policy(), tmp_path / 'wave'
    export(checkpoint, FACTS, output)
    content = json.loads((output / 'policy.json').read_text())
    path = output / content['blocks'][block]['file']
    model = onnx.load(path)
    weight = max(model.graph.initializer, key=lambda value: len(value.raw_data))
    values = np.frombuffer(weight.raw_data, np.float32) * np.float32(1.05)
    weight.raw_data = values.tobytes()
    onnx.save(model, path)
    content['blocks'][block]['sha256'] = hashlib.sha256(path.read_bytes()).hexdigest()
    (output / 'policy.json').write_text(json.dumps(content))
    with pytest.raises(VlaError, match=r'blocks differ from the torch policy by .* in \w+ on'):
        check(output, checkpoint, random_observations(checkpoint))


def test_nothing_is_left_of_a_bundle_that_is_not_exact_enough(tmp_path):
    with pytest.raises(VlaError, match='expected at most 1e-12'):
        export(policy(), FACTS, tmp_path / 'wave', tolerance=1e-12)
    assert list(tmp_path.iterdir()) == []


def test_bundle_that_is_there_is_not_overwritten(exported):
    with pytest.raises(ConfigError, match='is there already'):
        export(exported[0], FACTS, exported[1])


def test_observations_of_a_dataset_are_compared_too(exported, dataset_root):
    seen = dataset_observations(dataset_root)
    assert len(seen) == 3 and seen[0].images['top'].dtype == np.uint8
    assert check(exported[1], exported[0], seen) < 1e-5


def test_wrong_joint_names_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="got .*'pan'.*, expected 2 as in observation.state"):
        export(policy(joints=2), FACTS, tmp_path / 'wave')


def test_input_that_no_block_takes_is_named(tmp_path):
    extra = {'observation.environment_state': PolicyFeature(FeatureType.ENV, (2,))}
    with pytest.raises(ConfigError, match='observation.environment_state'):
        export(policy(extra=extra), FACTS, tmp_path / 'wave')


def test_unfolded_blocks_compute_the_same(tmp_path):
    export(policy(), FACTS, tmp_path / 'unfolded', options=SplitOptions(folded=False))
    unfolded, folded = (tmp_path / name for name in ('unfolded', 'folded'))
    export(policy(), FACTS, folded)
    sizes = [(path / 'vision_encoder.onnx').stat().st_size for path in (unfolded, folded)]
    assert sizes[0] > sizes[1]


# --- names of cameras


def test_cameras_whose_names_end_alike_stay_two(tmp_path):
    checkpoint = policy({'left.wrist': (32, 64), 'right.wrist': (32, 64)})
    assert export(checkpoint, FACTS, tmp_path / 'two') < 1e-5
    cameras = load_bundle(tmp_path / 'two').spec.cameras
    assert [camera.name for camera in cameras] == ['left_wrist', 'right_wrist']
    seen = random_observations(checkpoint)[0]
    assert set(seen.images) == {'left_wrist', 'right_wrist'}


def test_cameras_that_would_have_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='both called a_b in topics'):
        export(policy({'a.b': (32, 64), 'a_b': (32, 64)}), FACTS, tmp_path / 'one')


def test_cameras_that_were_renamed_for_training_have_the_names_of_the_data(tmp_path, dataset_root):
    checkpoint = policy({'camera1': (32, 64), 'camera2': (32, 64)})
    rename = next(step for step in checkpoint.preprocess.steps if hasattr(step, 'rename_map'))
    rename.rename_map = {
        'observation.images.top': 'observation.images.camera1',
        'observation.images.gripper': 'observation.images.camera2',
    }
    seen = dataset_observations(dataset_root)
    assert export(checkpoint, FACTS, tmp_path / 'renamed', seen) < 1e-5
    cameras = load_bundle(tmp_path / 'renamed').spec.cameras
    assert [camera.name for camera in cameras] == ['top', 'gripper']


def test_dataset_without_a_camera_of_the_policy_is_named(tmp_path, dataset_root):
    checkpoint = policy({'camera1': (32, 64), 'camera2': (32, 64)})
    with pytest.raises(ConfigError, match='got cameras gripper, top, expected also camera1, cam'):
        export(checkpoint, FACTS, tmp_path / 'other', dataset_observations(dataset_root))

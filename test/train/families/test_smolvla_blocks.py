# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The blocks of a SmolVLA give what LeRobot gives for the same noise, or there are none."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('transformers', reason="needs pip install 'vla_ros[train]'")

import onnx  # noqa: E402
from lerobot.configs import FeatureType, NormalizationMode, PolicyFeature  # noqa: E402
from lerobot.policies.factory import make_pre_post_processors  # noqa: E402
from lerobot.policies.rtc.configuration_rtc import RTCConfig  # noqa: E402
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig  # noqa: E402
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy  # noqa: E402

from vla_ros.core.chunk import ActionChunk  # noqa: E402
from vla_ros.core.config import find_config  # noqa: E402
from vla_ros.core.errors import ConfigError, VlaError  # noqa: E402
from vla_ros.dataset.samples import Sample  # noqa: E402
from vla_ros.planning.cost import operations  # noqa: E402
from vla_ros.policy import smolvla  # noqa: E402
from vla_ros.policy.block_inputs import block_inputs  # noqa: E402
from vla_ros.policy.bundle import load_bundle  # noqa: E402
from vla_ros.policy.family import ExpertSettings, Queued  # noqa: E402
from vla_ros.policy.flow import noise  # noqa: E402
from vla_ros.policy.integrity import file_sha256  # noqa: E402
from vla_ros.policy.pipeline import Policy  # noqa: E402
from vla_ros.policy.sinusoids import time_embedding  # noqa: E402
from vla_ros.policy.spec import BLOCKS  # noqa: E402
from vla_ros.quantization.compare import action_error, predict_all  # noqa: E402
from vla_ros.quantization.quantize import on_cpu, quantize_bundle  # noqa: E402
from vla_ros.quantization.recipe import load_recipe, shipped_recipes  # noqa: E402
from vla_ros.tools.quantize import _as_made  # noqa: E402
from vla_ros.train.checkpoint import Checkpoint, DatasetFacts  # noqa: E402
from vla_ros.train.export import check, export, random_observations, reference  # noqa: E402
from vla_ros.train.families import smolvla_split  # noqa: E402
from vla_ros.train.families.smolvla_blocks import MASKED  # noqa: E402
from vla_ros.train.families.split import SplitOptions  # noqa: E402

from ..vlm import write_vlm  # noqa: E402

JOINTS = ('pan', 'lift', 'gripper')
FACTS = DatasetFacts(30.0, JOINTS, 'Wave.', ('tiny',))
EXACT = 1e-5
PICTURE = {'top': (24, 32), 'gripper': (24, 32)}


@pytest.fixture(scope='module')
def make(tmp_path_factory):
    """Return the function that makes a SmolVLA with random weights and statistics."""
    vlm = write_vlm(tmp_path_factory.mktemp('vlm') / 'tiny', layers=4)

    def policy(cameras=PICTURE, joints=JOINTS, **settings):
        torch.manual_seed(0)
        count = len(joints)
        inputs = {
            f'observation.images.{name}': PolicyFeature(FeatureType.VISUAL, (3, *size))
            for name, size in cameras.items()
        }
        inputs['observation.state'] = PolicyFeature(FeatureType.STATE, (count,))
        config = SmolVLAConfig(
            input_features=inputs,
            output_features={'action': PolicyFeature(FeatureType.ACTION, (count,))},
            vlm_model_name=str(vlm),
            device='cpu',
            **{
                'chunk_size': 6,
                'n_action_steps': 6,
                'num_vlm_layers': 4,
                'resize_imgs_with_padding': (32, 32),
                'tokenizer_max_length': 24,
            }
            | settings,
        )
        rng = np.random.default_rng(3)
        stats = {
            key: {
                'mean': rng.normal(0, 0.5, count).astype(np.float32),
                'std': rng.uniform(0.2, 0.9, count).astype(np.float32),
                'min': np.full(count, -2, np.float32),
                'max': np.full(count, 3, np.float32),
            }
            for key in ('observation.state', 'action')
        }
        level = np.full((3, 1, 1), 0.4, np.float32)
        pictures = dict.fromkeys(config.image_features, {'mean': level, 'std': level})
        processors = make_pre_post_processors(config, dataset_stats=stats | pictures)
        return Checkpoint(SmolVLAPolicy(config).eval(), *processors)

    return policy


ONE = {'only': (24, 32)}
RANGES = {
    'VISUAL': NormalizationMode.IDENTITY,
    'STATE': NormalizationMode.MIN_MAX,
    'ACTION': NormalizationMode.MIN_MAX,
}
VARIANTS = {
    'pictures that are padded': {},
    'pictures as they are': {'cameras': {'a': (32, 32), 'b': (32, 32)}},
    'pictures as the camera makes them': {
        'cameras': {'only': (48, 48)},
        'resize_imgs_with_padding': None,
    },
    'pictures that are made smaller': {'cameras': {'a': (90, 160)}},
    'pictures that are higher than wide': {'cameras': {'a': (50, 30)}},
    'pictures smaller than the tower knows': {'resize_imgs_with_padding': (16, 16)},
    'cameras of several sizes': {
        'cameras': {'a': (24, 32), 'b': (32, 32), 'c': (24, 32), 'd': (90, 70), 'e': (33, 31)}
    },
    'three cameras': {'cameras': dict.fromkeys('abc', (24, 32))},
    'prompt padded to its longest': {'pad_language_to': 'max_length'},
    'empty cameras': {'cameras': ONE, 'empty_cameras': 2},
    'every layer joint': {'attention_mode': 'self_attn'},
    'one layer in three joint': {'self_attn_every_n_layers': 3},
    'no layer joint': {'self_attn_every_n_layers': -1},
    'prefix longer than its tokens': {'prefix_length': 60},
    'tokens around the pictures': {'add_image_special_tokens': True},
    'fewer layers': {'num_vlm_layers': 3},
    'wide expert': {'expert_width_multiplier': 1.0},
    'other periods of time': {'min_period': 1e-2, 'max_period': 2.0},
    'one step': {'num_steps': 1},
    'narrow actions': {'max_action_dim': 3, 'max_state_dim': 5},
    'eight joints': {'joints': tuple('abcdefgh')},
    'ranges': {'normalization_mapping': RANGES},
    'set up for real-time chunking': {'rtc_config': RTCConfig()},
}


@pytest.mark.parametrize('settings', VARIANTS.values(), ids=VARIANTS)
def test_blocks_give_what_lerobot_gives_for_the_same_noise(make, tmp_path, settings):
    names = settings.get('joints', JOINTS)
    facts = DatasetFacts(30.0, names, 'Wave.', ())
    assert export(make(**settings), facts, tmp_path / 'bundle') < EXACT


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'adapt_to_pi_aloha': True}, 'adapt_to_pi_aloha: got True, expected False'),
        ({'num_expert_layers': 2}, 'num_expert_layers: got 2, expected 4'),
        ({'use_cache': False}, 'use_cache: got False, expected True'),
        ({'resize_imgs_with_padding': (64, 32)}, 'got pictures of 64 x 32, expected as high'),
        ({'cameras': ONE, 'resize_imgs_with_padding': None}, 'got pictures of 32 x 24'),
        ({'resize_imgs_with_padding': (40, 40)}, 'and a multiple of 16 px'),
        (
            {'cameras': {'a': (32, 32), 'b': (48, 48)}, 'resize_imgs_with_padding': None},
            'got pictures of 32 x 32 and 48 x 48, expected one size',
        ),
        (
            {'cameras': {'a': (24, 32), 'b': (35, 56)}, 'resize_imgs_with_padding': (48, 48)},
            'got pictures of .* which LeRobot brings to .* by a rounding error',
        ),
        (
            {'normalization_mapping': RANGES | {'VISUAL': NormalizationMode.MEAN_STD}},
            'expected VISUAL: IDENTITY',
        ),
    ],
)
def test_what_has_no_block_is_refused_by_name(make, tmp_path, settings, message):
    checkpoint = make(**settings)
    with pytest.raises(ConfigError, match=message):
        export(checkpoint, FACTS, tmp_path / 'bundle')
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope='module')
def exported(make, tmp_path_factory):
    """Return a checkpoint and its bundle; not to be altered."""
    checkpoint, path = make(), tmp_path_factory.mktemp('bundles') / 'wave'
    export(checkpoint, FACTS, path)
    return checkpoint, path


@pytest.mark.parametrize(
    'text', ['Put\nit there.', 'Übung: 把茶包放进杯子里', '', 'Put it far ' * 30, 'Wave.\n']
)
def test_instruction_is_read_as_lerobot_reads_it(exported, text):
    checkpoint, path = exported
    seen = [item._replace(instruction=text) for item in random_observations(checkpoint)[:1]]
    assert check(path, checkpoint, seen) < EXACT


def test_fewer_words_are_as_exact_and_cut_what_is_longer(make, tmp_path):
    checkpoint, path = make(), tmp_path / 'wave'
    assert export(checkpoint, FACTS, path, options=SplitOptions(words=20)) < EXACT
    spec = load_bundle(path).spec
    assert spec.language.words == 20
    assert spec.blocks['llm_backbone'].inputs['language'].shape == (1, 20, 32)
    with pytest.raises(ConfigError, match='words: got 25, expected 1 to 24'):
        export(checkpoint, FACTS, tmp_path / 'other', options=SplitOptions(words=25))


def test_bundle_says_what_the_policy_is(exported):
    spec = load_bundle(exported[1]).spec
    assert (spec.type, spec.chunk_size, spec.language.words) == ('smolvla', 6, 24)
    assert [camera.mean for camera in spec.cameras] == [(0.5, 0.5, 0.5)] * 2
    assert spec.carried('vision_encoder') == ('features', 'state')
    assert spec.carried('llm_backbone') == ('memory', 'prefix_mask')
    tokens = 2 * 4 + 24 + 1
    assert spec.blocks['llm_backbone'].outputs['memory'].shape == (8, 2, tokens, 8)
    assert spec.blocks['action_expert'].runs == 10
    assert np.load(exported[1] / 'language.npy').dtype == np.float32


def test_every_operator_of_the_blocks_is_counted(exported):
    _, path = exported
    for block, file in zip(BLOCKS, ('vision_encoder', 'backbone', 'action_expert'), strict=True):
        counted = operations(path / f'{file}.onnx', {'n': 2})
        assert sum(item.flops for item in counted) > 1e4, block


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_blocks_bear_floats_of_sixteen_bits(make, exported, dtype):
    sample = random_observations(exported[0], ['Wave.'])[0]
    inputs = block_inputs(load_bundle(exported[1]), [Sample(*sample)], on_cpu)
    blocks = smolvla_split.split(make(), SplitOptions()).blocks
    for name in ('llm_backbone', 'action_expert'):
        module = blocks[name].module
        seen = [torch.from_numpy(array) for array in inputs[name][3 % len(inputs[name])].values()]
        with torch.no_grad():
            exact = first(module(*seen))
            short = first(copy.deepcopy(module).to(dtype)(*(item.to(dtype) for item in seen)))
        assert (short.float() - exact).abs().mean() < 0.02 * exact.std()


def first(outputs):
    """Return the only output, or the first of several."""
    return outputs if isinstance(outputs, torch.Tensor) else outputs[0]


def test_no_block_computes_the_sine_of_an_angle(exported):
    for file in ('vision_encoder', 'backbone', 'action_expert'):
        graph = onnx.load(exported[1] / f'{file}.onnx').graph
        assert not {'Sin', 'Cos', 'CumSum', 'Range'} & {node.op_type for node in graph.node}


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_what_is_there_is_not_masked_by_a_rounding_error(dtype):
    assert float(torch.tensor(MASKED, dtype=dtype)) == MASKED
    there = torch.ones(1, dtype=torch.float32)
    assert float((MASKED - (MASKED * there).to(dtype)).to(dtype)) == 0.0
    assert float(torch.tensor([100.0, 100.0 + MASKED]).softmax(0)[1]) == 0.0


@pytest.mark.parametrize('file', ['language.npy', 'action_expert.onnx'])
def test_altered_part_is_refused_with_the_joint_and_the_difference(make, tmp_path, file):
    checkpoint, path = make(), tmp_path / 'wave'
    export(checkpoint, FACTS, path)
    if file.endswith('npy'):
        np.save(path / file, np.load(path / file) * np.float32(1.5))
    else:
        shake(path / file)
    sign(path, file)
    with pytest.raises(VlaError, match=r'differ from the torch policy by .* in \w+ on'):
        check(path, checkpoint, random_observations(checkpoint))


def shake(path):
    """Change the largest weight of a model by a twentieth."""
    model = onnx.load(path)
    weight = max(model.graph.initializer, key=lambda value: len(value.raw_data))
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) * np.float32(1.05)).tobytes()
    onnx.save(model, path)


def sign(path, file):
    """Have policy.json take a file as it is now."""
    text = (path / 'policy.json').read_text()
    content = json.loads(text)
    parts = [*content['blocks'].values(), content['language']['embedding']]
    old = next(part['sha256'] for part in parts if part['file'] == file)
    (path / 'policy.json').write_text(text.replace(old, file_sha256(path / file)))


@pytest.mark.parametrize('delay', [0, 2, 4])
def test_guided_chunk_is_that_of_lerobots_real_time_chunking(make, tmp_path, monkeypatch, delay):
    checkpoint, path = make(rtc_config=RTCConfig()), tmp_path / 'wave'
    export(checkpoint, FACTS, path)
    monkeypatch.setattr(smolvla, 'EXECUTION_HORIZON', 4 - delay)  # LeRobot's counts from row 0
    seen = random_observations(checkpoint)[0]
    policy = Policy(load_bundle(path), settings=ExpertSettings(continuation='guide'))
    offset, scale = (np.array(getattr(policy.spec.flow, name)) for name in ('offset', 'scale'))
    old = offset + scale * np.random.default_rng(5).normal(0, 1, (6, len(JOINTS)))
    queued = Queued(ActionChunk(old, 0.0, 1 / 30, 1, JOINTS), 0.0, delay)
    got, _ = policy.predict(seen.images, seen.state, seen.instruction, 3, queued)
    expected = lerobots_chunk(checkpoint, seen, (old - offset) / scale, queued.frozen)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.abs(got - reference(checkpoint, seen, 3)).max() > 0.01


def lerobots_chunk(checkpoint, seen, left, delay):
    """Return what LeRobot's policy answers while ``left`` (rows, joints) is being played."""
    batch = {'observation.state': torch.from_numpy(seen.state.astype(np.float32))}
    for name, image in seen.images.items():
        pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        batch[f'observation.images.{name}'] = pixels
    batch['task'] = seen.instruction
    wide = torch.zeros(1, len(left), 32)
    wide[0, :, : left.shape[1]] = torch.from_numpy(left)
    actions = checkpoint.policy.predict_action_chunk(
        checkpoint.preprocess(batch),
        noise=torch.from_numpy(noise(0, 3, 6, 32))[None],
        inference_delay=delay,
        prev_chunk_left_over=wide,
        execution_horizon=5,
    )
    return checkpoint.postprocess(actions)[0].numpy()


@pytest.mark.parametrize('name', [r.name for r in shipped_recipes('smolvla') if r.type])
def test_shipped_recipes_fit_the_blocks(exported, tmp_path, name):
    checkpoint, path = exported
    recipe = load_recipe(find_config('recipes', name))
    recipe = replace(recipe, calibration=replace(recipe.calibration, frames=8))
    seen = random_observations(checkpoint, ['Wave.'] * 8)
    samples = [Sample(item.images, item.state, item.instruction) for item in seen]
    counts = quantize_bundle(load_bundle(path), recipe, samples, tmp_path / name)
    assert all('int8' in ' '.join(count) for count in counts.values()) and len(counts) >= 2
    old, new = (predict_all(on_cpu(load_bundle(p)), samples) for p in (path, tmp_path / name))
    assert 0 < action_error(old, new, load_bundle(path).spec).mae < 0.1
    made, where = _as_made(load_bundle(tmp_path / name))
    assert 0 < action_error(old, predict_all(made, samples), made.spec).mae < 0.1, where


def test_expert_is_calibrated_on_every_step_of_every_frame(exported):
    checkpoint, path = exported
    seen = random_observations(checkpoint, ['Wave.', 'Lift.'])
    samples = [Sample(item.images, item.state, item.instruction) for item in seen]
    inputs = block_inputs(load_bundle(path), samples, on_cpu)
    assert len(inputs['llm_backbone']) == 2
    told = [entry['time_embedding'][0, 0] for entry in inputs['action_expert']]
    times = np.array([1 - step / 10 for step in range(10)] * 2, np.float32)
    np.testing.assert_array_equal(told, time_embedding(times, told[0].size, 4e-3, 4.0))
    assert len({id(entry['memory']) for entry in inputs['action_expert']}) == 2


def test_recipe_for_another_kind_of_policy_is_refused(exported, tmp_path):
    recipe = load_recipe(find_config('recipes', 'cpu_int8'))
    with pytest.raises(ConfigError, match='cpu_int8: got a recipe for policies of type act'):
        quantize_bundle(load_bundle(exported[1]), recipe, [], tmp_path / 'new')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The commands quantize and sensitivity on a small recorded dataset."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('lerobot', reason="needs pip install 'vla_ros[train]'")
pytest.importorskip('matplotlib')

from bundles import CAMERAS, HEIGHT, JOINTS, WIDTH

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.lerobot import DatasetSpec, DatasetWriter, Frame
from vla_ros.dataset.samples import read_samples
from vla_ros.policy.bundle import load_bundle
from vla_ros.runtime.backends.table import BACKENDS
from vla_ros.tools.main import main

FRAMES = 20
STEP = 0.1  # rad, of the first joint
RECIPE = """
calibration: {frames: 8, method: minmax}
blocks:
  vision_encoder: {precision: int8_static}
  llm_backbone: {precision: int8_dynamic}
"""


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Return a dataset of one episode whose pictures get brighter and whose joints count up."""
    joints = STEP * np.linspace(1.0, 0.5, len(JOINTS))
    return write(tmp_path_factory.mktemp('data') / 'small', [i * joints for i in range(FRAMES)])


def write(root, positions):
    """Write an episode of these positions into the folder ``root`` and return it."""
    writer = DatasetWriter(
        root, DatasetSpec(30, JOINTS, dict.fromkeys(CAMERAS, (HEIGHT, WIDTH)), 'so101')
    )
    pictures = [np.full((HEIGHT, WIDTH, 3), 10 * i, np.uint8) for i in range(len(positions))]
    writer.write(
        [
            Frame(position, position, dict.fromkeys(CAMERAS, picture))
            for position, picture in zip(positions, pictures, strict=True)
        ],
        'Wave.',
    )
    writer.close()
    return root


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(RECIPE)
    return str(path)


@pytest.fixture
def spec(tiny_bundle):
    return load_bundle(tiny_bundle).spec


def rows(samples):
    """Return which row of the dataset each sample is."""
    return [round(sample.state[0] / STEP) for sample in samples]


def test_samples_are_spread_over_the_dataset(dataset, spec):
    samples = read_samples(dataset, spec, 4)
    assert rows(samples) == [2, 7, 12, 17]
    assert rows(read_samples(dataset, spec, 4, 0.0)) == [0, 5, 10, 15]
    for sample, row in zip(samples, rows(samples), strict=True):
        assert sample.images['top'].shape == (HEIGHT, WIDTH, 3)
        assert sample.images['top'].mean() == pytest.approx(10 * row, abs=3)


def test_joints_come_in_the_order_of_the_policy(dataset, spec):
    turned = read_samples(dataset, replace(spec, joint_names=spec.joint_names[::-1]), 2)
    straight = read_samples(dataset, spec, 2)
    for one, other in zip(turned, straight, strict=True):
        np.testing.assert_array_equal(one.state, other.state[::-1])
        assert len(set(one.state)) == len(JOINTS)
    others = tuple(f'axis_{i}' for i in range(len(JOINTS)))
    for one, other in zip(
        read_samples(dataset, replace(spec, joint_names=others), 2), straight, strict=True
    ):
        np.testing.assert_array_equal(one.state, other.state)


def test_joints_of_another_robot_are_named(dataset, spec):
    names = (*spec.joint_names[:-1], 'claw')
    with pytest.raises(ConfigError, match='got .*gripper, expected .*claw; take a dataset of the'):
        read_samples(dataset, replace(spec, joint_names=names), 2)


def test_joints_in_degrees_become_rad_once_somebody_says_so(tmp_path, spec):
    joints = np.full(len(JOINTS), 60.0)
    root = write(tmp_path / 'degrees', [i / FRAMES * joints for i in range(FRAMES)])
    with pytest.raises(ConfigError, match='goes to 57, expected .* say what they are: --units'):
        read_samples(root, spec, 2)
    arm = load_robot(find_config('robots', 'so101'))
    state = read_samples(root, spec, 2, units='degrees', robot=arm)[1].state
    np.testing.assert_allclose(state[:-1], np.radians(45.0))
    share = arm.lower[-1] + 0.45 * (arm.upper[-1] - arm.lower[-1])  # of the gripper's 0 to 100
    assert state[-1] == pytest.approx(share)


def test_more_samples_than_frames_are_refused(dataset, spec):
    with pytest.raises(ConfigError, match=f'{FRAMES} frames, expected at least 99'):
        read_samples(dataset, spec, 99)


def test_a_camera_that_the_dataset_lacks_is_named(dataset, spec):
    nose = replace(spec.cameras[0], name='nose', key='observation.images.nose')
    with pytest.raises(ConfigError, match='nose.*trained on'):
        read_samples(dataset, replace(spec, cameras=(nose,)), 2)


def test_a_folder_without_a_dataset_is_named(tmp_path, spec):
    with pytest.raises(ConfigError, match=r'info\.json.*vla_ros generate'):
        read_samples(tmp_path, spec, 2)


def test_quantize_writes_a_bundle_and_says_how_far_its_actions_are(
    tiny_bundle, dataset, recipe, tmp_path, capsys
):
    words = ['quantize', '--policy', str(tiny_bundle), '--recipe', recipe]
    words += ['--dataset', str(dataset), '--output', str(tmp_path / 'new')]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert 'layers: 1 at int8_static' in out and 'layers: 2 at int8_dynamic' in out
    assert 'computed by: 1 QLinearConv' in out
    assert 'action_expert' in out and 'as they were' in out and 'on the worst of 16' in out
    assert re.search(r'root mean square 0\.\d{4}.* is off by [+-]0\.\d{4} rad on average', out)
    assert load_bundle(tmp_path / 'new').spec.name == 'new'
    assert main(words) == 2
    assert 'new: is there already' in capsys.readouterr().err
    words[-1] = str(tmp_path / 'another')
    assert main([*words, '--frames', '5000']) == 2
    assert 'expected at least 5000' in capsys.readouterr().err
    assert main([*words, '--frames', '4']) == 2
    assert capsys.readouterr().err.startswith('vla_ros: --frames: got 4, expected 8 or more')


@pytest.mark.parametrize('here', [True, False])
def test_actions_are_compared_on_the_back_end_that_they_are_made_for(
    tiny_bundle, dataset, tmp_path, monkeypatch, capsys, here
):
    pytest.importorskip('openvino')
    if 'bf16' not in next(iter(BACKENDS['openvino'].devices())).floats:
        pytest.skip('this CPU does not compute in bf16')
    if not here:
        gone = BACKENDS['openvino']._replace(module='no_such_module', library='no_such_module')
        monkeypatch.setitem(BACKENDS, 'openvino', gone)
    recipe = tmp_path / 'bf16.yaml'
    recipe.write_text('target: openvino\nblocks: {llm_backbone: {precision: bf16}}')
    words = ['quantize', '--policy', str(tiny_bundle), '--recipe', str(recipe)]
    assert main([*words, '--dataset', str(dataset), '--output', str(tmp_path / 'new')]) == 0
    out = capsys.readouterr().out
    if here:
        assert 'on openvino, actions differ' in out and 'differ by 0.0000' not in out
        assert 'computed by: ' in out and 'bf16' in out
    else:
        assert 'does not run on this machine: backend openvino' in out
        assert 'on onnxruntime at fp32, for openvino does not run it here' in out


def test_quantize_asks_for_no_frames_that_no_block_is_calibrated_on(
    tiny_bundle, dataset, tmp_path, capsys
):
    recipe = tmp_path / 'dynamic.yaml'
    recipe.write_text('blocks: {llm_backbone: {precision: int8_dynamic}}')  # 64 frames by default
    words = ['quantize', '--policy', str(tiny_bundle), '--recipe', str(recipe)]
    assert main([*words, '--dataset', str(dataset), '--output', str(tmp_path / 'new')]) == 0
    assert 'layers: 2 at int8_dynamic' in capsys.readouterr().out
    assert load_bundle(tmp_path / 'new').spec.recipe['frames'] == 0


def test_sensitivity_reports_every_variant_and_recommends_one(
    tiny_bundle, dataset, recipe, tmp_path, capsys
):
    words = ['sensitivity', '--policy', str(tiny_bundle), '--recipe', recipe]
    words += ['--dataset', str(dataset), '--work', str(tmp_path / 'work')]
    words += ['--episodes', '0', '--frames', '6', '--rounds', '2']
    assert main(words) == 0
    out = capsys.readouterr().out
    assert 'llm_backbone-int8_dynamic' in out and 'recommended: ' in out
    report = json.loads((tmp_path / 'work' / 'report.json').read_text())
    assert [item['variant'] for item in report['variants']][::3] == ['fp32', 'mine']
    assert (tmp_path / 'work' / 'report.html').is_file()
    made = load_bundle(tmp_path / 'work' / 'bundles' / 'mine')
    assert made.spec.recipe['frames'] == 8


def test_policy_of_another_robot_than_the_simulated_one_plays_no_episodes(
    tiny_bundle, dataset, recipe, tmp_path, capsys
):
    pytest.importorskip('mujoco')
    other = shutil.copytree(tiny_bundle, tmp_path / 'other')
    text = (other / 'policy.json').read_text()
    (other / 'policy.json').write_text(text.replace('"name": "top"', '"name": "front"'))
    words = ['sensitivity', '--policy', str(other), '--recipe', recipe, '--dataset', str(dataset)]
    words += ['--work', str(tmp_path / 'work'), '--frames', '6', '--rounds', '2']
    assert main(words) == 0
    out = capsys.readouterr().out
    assert 'no episodes in simulation (as with --episodes 0): its cameras are front' in out
    assert 'no episodes were played' in out
    assert main([*words, '--episodes', '5']) == 2
    assert '--episodes: got 5, expected 0: tiny cannot be played' in capsys.readouterr().err


@pytest.mark.parametrize(('option', 'value'), [('--episodes', '-3'), ('--max-drop', '-1')])
def test_sensitivity_refuses_numbers_that_make_no_sense_before_it_starts(
    tmp_path, capsys, option, value
):
    words = ['sensitivity', '--dataset', str(tmp_path), '--work', str(tmp_path / 'work')]
    assert main([*words, option, value]) == 2
    assert f'vla_ros: {option}: got {value}' in capsys.readouterr().err

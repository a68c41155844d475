# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of data in degrees becomes one in rad, and nothing else about it changes."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from lerobot.configs import NormalizationMode  # noqa: E402
from lerobot.policies.factory import make_pre_post_processors  # noqa: E402

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.core.joint import DEGREE  # noqa: E402
from vla_ros.core.robot import RobotSpec  # noqa: E402
from vla_ros.policy.bundle import load_bundle  # noqa: E402
from vla_ros.policy.pipeline import Policy  # noqa: E402
from vla_ros.tools.main import main  # noqa: E402
from vla_ros.train.checkpoint import Checkpoint, dataset_facts  # noqa: E402
from vla_ros.train.export import random_observations, reference  # noqa: E402
from vla_ros.train.units import find_conversions, in_rad  # noqa: E402

JOINTS = ('pan', 'lift', 'gripper')
ROBOT = RobotSpec(
    'arm', JOINTS, np.full(3, -2.0), np.full(3, 1.5), np.full(3, 5.0), np.full(3, 60.0)
)


def in_degrees(checkpoint, gripper=(0.0, 90.0)):
    """Return the checkpoint with statistics of data in degrees, and a gripper of its own."""
    low, high = np.array([-80.0, -30.0, gripper[0]]), np.array([70.0, 60.0, gripper[1]])
    vector = {'mean': (low + high) / 2, 'std': (high - low) / 5, 'min': low, 'max': high}
    config = checkpoint.policy.config
    stats = {'observation.state': vector, 'action': vector}
    for key in config.image_features:
        stats[key] = {'mean': np.full((3, 1, 1), 0.4), 'std': np.full((3, 1, 1), 0.2)}
    return Checkpoint(checkpoint.policy, *make_pre_post_processors(config, dataset_stats=stats))


def test_same_poses_lead_to_the_same_actions_in_rad(checkpoint):
    degrees = in_degrees(checkpoint)
    ways = find_conversions(degrees, 'degrees', JOINTS, ROBOT)
    converted = in_rad(degrees, ways)
    for seen in random_observations(degrees):
        expected = ways['action'](reference(degrees, seen))
        state = ways['observation.state'](seen.state)
        got = reference(converted, seen._replace(state=state))
        np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(ways['action'].scale, [DEGREE, DEGREE, 3.5 / 100])


def test_checkpoint_in_rad_is_left_as_it_is(checkpoint):
    ways = find_conversions(checkpoint, '', JOINTS, None)
    assert in_rad(checkpoint, ways) is checkpoint


def test_checkpoint_of_unknown_units_is_asked_about(checkpoint):
    with pytest.raises(ConfigError, match='observation.state: .*goes to .*--units deg'):
        find_conversions(in_degrees(checkpoint), '', JOINTS, None)


def test_joints_that_are_not_normalised_can_not_be_converted(checkpoint, monkeypatch):
    degrees = in_degrees(checkpoint)
    plain = {**degrees.policy.config.normalization_mapping, 'ACTION': NormalizationMode.IDENTITY}
    monkeypatch.setattr(degrees.policy.config, 'normalization_mapping', plain)
    with pytest.raises(ConfigError, match='got ACTION that is not normalised'):
        in_rad(degrees, find_conversions(degrees, 'degrees', JOINTS, ROBOT))


def test_export_converts_what_it_is_told_and_refuses_what_nobody_said(
    checkpoint, dataset, tmp_path, capsys
):
    degrees = in_degrees(checkpoint, gripper=(-20.0, 70.0))
    degrees.save(tmp_path / 'checkpoint', dataset_facts([dataset.meta]))
    words = ['export', '--checkpoint', str(tmp_path / 'checkpoint'), '--output']
    assert main([*words, str(tmp_path / 'silent')])
    assert 'say what they are: --units degrees' in capsys.readouterr().err
    assert not (tmp_path / 'silent').exists()
    assert main([*words, str(tmp_path / 'bundle'), '--units', 'degrees', '--robot', 'so101']) == 0
    assert f'--policy {tmp_path / "bundle"} --robot so101' in capsys.readouterr().out
    spec = load_bundle(tmp_path / 'bundle').spec
    assert (spec.units, spec.source['units']) == ('rad', 'degrees')
    highest = spec.statistics['action']['max']
    np.testing.assert_allclose(highest, np.deg2rad([70.0, 60.0, 70.0]), rtol=1e-6)
    seen = random_observations(degrees)[0]
    actions, _ = Policy(load_bundle(tmp_path / 'bundle')).predict(
        seen.images, np.deg2rad(seen.state), seen.instruction
    )
    np.testing.assert_allclose(actions, np.deg2rad(reference(degrees, seen)), atol=1e-4)


def test_dataset_that_reaches_too_far_is_not_converted(
    dataset_root, tmp_path, capsys, monkeypatch
):
    from vla_ros.dataset import stored

    real = stored.stored_bounds

    def far(stats, key):
        return stored.Bounds(*(573.0 * end for end in real(stats, key)))

    monkeypatch.setattr(stored, 'stored_bounds', far)
    assert main(['convert', str(dataset_root), '--output', str(tmp_path / 'bags')])
    assert '--units degrees or --units normalized' in capsys.readouterr().err
    assert not list(tmp_path.glob('bags/*'))

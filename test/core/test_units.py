# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Positions reach rad from whatever unit they are said to be in, and are asked about if not."""

import numpy as np
import pytest

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.core.units import UNITS, Bounds, find_other_units, to_rad

ROBOT = load_robot(find_config('robots', 'so101'))
NAMES = ROBOT.joint_names


def bounds(low, high, gripper=None):
    """Return bounds of all joints; the gripper, which is the last one, may have its own."""
    lowest, highest = np.full(6, float(low)), np.full(6, float(high))
    if gripper:
        lowest[-1], highest[-1] = gripper
    return Bounds(lowest, highest)


def test_positions_in_rad_stay_as_they_are_and_need_nobody_to_say_so():
    given = np.array([[0.1, -0.2, 0.3, 0.4, 0.5, 0.6]])
    for units in ('', 'rad'):
        convert = to_rad('data', units, NAMES, bounds(-0.1, 1.5), ROBOT)
        np.testing.assert_array_equal(convert(given), given)


def test_degrees_become_rad_and_the_gripper_of_lerobot_a_share_of_its_range():
    convert = to_rad('data', 'degrees', NAMES, bounds(-90, 90, (0, 100)), ROBOT)
    ends = convert(np.array([[90.0] * 5 + [0.0], [-90.0] * 5 + [100.0]]))
    np.testing.assert_allclose(ends[:, :5], [[np.pi / 2] * 5, [-np.pi / 2] * 5])
    np.testing.assert_allclose(ends[:, 5], [ROBOT.lower[5], ROBOT.upper[5]])


def test_gripper_that_goes_below_zero_is_in_degrees_too_and_needs_no_range():
    convert = to_rad('data', 'degrees', NAMES, bounds(-34, 34))
    np.testing.assert_allclose(convert(np.full(6, 30.0)), np.pi / 6)


def test_shares_of_the_range_become_rad():
    convert = to_rad('data', 'normalized', NAMES, bounds(-100, 100, (0, 100)), ROBOT)
    np.testing.assert_allclose(convert(np.full(6, 100.0)), ROBOT.upper)
    lowest = np.array([-100.0] * 5 + [0.0])
    np.testing.assert_allclose(convert(lowest), ROBOT.lower)


def test_joints_are_matched_by_their_names():
    names = NAMES[::-1]
    convert = to_rad('data', 'normalized', names, Bounds(np.zeros(6), np.full(6, 100.0)), ROBOT)
    np.testing.assert_allclose(convert(np.full(6, 100.0)), ROBOT.upper[::-1])


@pytest.mark.parametrize(
    ('units', 'given', 'robot', 'complaint'),
    [
        ('', bounds(-34, 34), None, 'shoulder_pan goes to 34, .* degrees, or another unit.* --un'),
        ('', bounds(-3, 3), ROBOT, 'at -3, expected .* units are not known; say what they are'),
        ('rad', bounds(-34, 34), ROBOT, 'at -34, expected .* rad of robot so101, where units are'),
        ('degrees', bounds(-170, 170, (0, 9)), ROBOT, 'elbow_flex at -2.967|at -2.967'),
        ('degrees', bounds(-90, 90, (0, 100)), None, 'gripper is given as a share .*got no robot'),
        ('normalized', bounds(-100, 100), None, 'shoulder_pan is given as a share'),
        ('normalized', bounds(-180, 180), ROBOT, 'goes from -180 to 180, expected -100 to 100'),
        ('turns', bounds(-1, 1), None, "units: got 'turns', expected one of rad, degrees"),
    ],
)
def test_numbers_that_are_not_what_is_said_of_them_are_refused(units, given, robot, complaint):
    with pytest.raises(ConfigError, match=complaint):
        to_rad('data', units, NAMES, given, robot)


def test_range_of_a_joint_without_ends_is_asked_for(tmp_path):
    path = tmp_path / 'arm.yaml'
    path.write_text(
        'joints: {turn: {type: continuous, velocity: 1, acceleration: 1}}', encoding='utf-8'
    )
    with pytest.raises(ConfigError, match='turn is given as a share of its range, and has none'):
        to_rad('data', 'normalized', ('turn',), Bounds(np.zeros(1), np.ones(1)), load_robot(path))


def test_as_many_names_as_numbers_are_needed():
    with pytest.raises(ConfigError, match='got 6 numbers for 2 joint names'):
        to_rad('data', 'rad', ('a', 'b'), bounds(0, 1))


def test_robot_of_other_joints_judges_nothing():
    names = tuple(f'leader_{name}' for name in NAMES)
    assert len(to_rad('data', 'rad', names, bounds(-5, 5), ROBOT).scale) == 6


@pytest.mark.parametrize('farthest', [3.2, 6.3, 12.5])
def test_positions_that_can_be_rad_are_not_asked_about(farthest):
    assert find_other_units(NAMES, bounds(-farthest, 0.0)) == ''


def test_every_unit_has_a_way_to_rad():
    for units in UNITS:
        assert (to_rad('data', units, NAMES, bounds(0, 0.5), ROBOT).scale > 0).all()

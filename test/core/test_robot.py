# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Robots are files; what is wrong in one is named."""

import pytest
import yaml

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot

LIMITS = {'lower': -1.0, 'upper': 1, 'velocity': 2.0, 'acceleration': 10.0}


def write(folder, joints, **more):
    path = folder / 'arm.yaml'
    path.write_text(yaml.safe_dump({'joints': joints, **more}))
    return path


def test_shipped_robot_loads_with_its_joints_in_order():
    robot = load_robot(find_config('robots', 'so101'))
    assert robot.name == 'so101'
    assert robot.joint_names == (
        'shoulder_pan',
        'shoulder_lift',
        'elbow_flex',
        'wrist_flex',
        'wrist_roll',
        'gripper',
    )
    assert robot.lower[5] == -0.1745 and robot.upper[4] == 2.841
    assert (robot.settle_time, robot.largest_lag, robot.same_lag) == (0.2, 0.2, 0.03)


def test_how_a_robot_follows_is_read_from_its_file(tmp_path):
    robot = load_robot(write(tmp_path, {'a': LIMITS}, settle_time=1, same_lag=0.1))
    assert (robot.settle_time, robot.same_lag) == (1, 0.1)


@pytest.mark.parametrize(
    'value, complaint', [('slow', "settle_time: got 'slow', expected a number"), (0.0, 'above 0')]
)
def test_robot_that_never_settles_is_refused(tmp_path, value, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_robot(write(tmp_path, {'a': LIMITS}, settle_time=value))


def test_whole_numbers_are_numbers(tmp_path):
    robot = load_robot(write(tmp_path, {'a': LIMITS, 'b': LIMITS}, description='two joints'))
    assert robot.joint_names == ('a', 'b') and robot.upper.tolist() == [1.0, 1.0]


INF = float('inf')


@pytest.mark.parametrize(
    'change, complaint',
    [
        ({'lower': 2.0}, 'joint_1: lower 2.0 is not below upper'),
        ({'lower': 1}, 'joint_1: lower 1.0 is not below upper 1.0'),
        ({'velocity': 0.0}, 'joint_1: velocity: got 0.0, expected a number above 0'),
        ({'acceleration': -1.0}, 'joint_1: acceleration: got -1.0'),
        ({'velocity': INF}, 'joint_1: velocity: got inf'),
        ({'acceleration': float('nan')}, 'joint_1: acceleration: got nan'),
        ({'velocity': 'fast'}, "velocity: got 'fast', expected a number"),
        ({'upper': True}, 'upper: got True, expected a number'),
        ({'upper': 10**400}, 'upper: got a whole number that is too large'),
        ({'velocty': 1.0}, 'joint joint_1: got .*velocty'),
        ({'lower': float('nan')}, 'joint_1: lower nan is not below'),
        (
            {'upper': INF},
            'joint_1: got limits -1.0 and inf, expected two numbers, or -inf and inf',
        ),
        ({'type': 'ball'}, "joint_1: type: got 'ball', expected one of revolute, continuous"),
        (
            {'type': 'continuous'},
            'joint_1: got limits -1.0 and 1.0 for a joint that turns without',
        ),
        ({'velocity': 1e-9}, 'joint_1: got velocity 1e-09 rad/s'),
        ({'acceleration': 1e-3}, 'braking within 10 s'),
        ({'acceleration': 1e300}, 'acceleration: got 1e.300, expected at most 5000 rad/s'),
    ],
)
def test_what_is_wrong_with_a_joint_is_named(tmp_path, change, complaint):
    path = write(tmp_path, {'joint_0': LIMITS, 'joint_1': {**LIMITS, **change}})
    with pytest.raises(ConfigError, match=complaint):
        load_robot(path)


@pytest.mark.parametrize(
    'change, mend',
    [
        (
            {'upper': 110},
            r'upper: got 110, .* look like degrees; write rad \(110 degrees are 1.92',
        ),
        ({'lower': -90.0}, r'lower: got -90, .* degrees are -1.571'),
        ({'velocity': 286.5}, r'velocity: got 286.5, .* write rad/s \(286.5 degrees/s are 5\)'),
        ({'type': 'prismatic', 'upper': 40}, r'look like millimetres; write m .* are 0.04\)'),
    ],
)
def test_numbers_of_another_unit_are_recognised(tmp_path, change, mend):
    with pytest.raises(ConfigError, match=mend):
        load_robot(write(tmp_path, {'wrist': {**LIMITS, **change}}))


@pytest.mark.parametrize(
    'limits',
    [
        {**LIMITS, 'lower': -INF, 'upper': INF},
        {'type': 'continuous', 'velocity': 2.0, 'acceleration': 10.0},
        {**LIMITS, 'type': 'continuous', 'lower': -INF, 'upper': INF},
    ],
)
def test_joint_that_turns_without_end_has_no_limits(tmp_path, limits):
    robot = load_robot(write(tmp_path, {'shoulder': LIMITS, 'wrist': limits}))
    assert robot.lower.tolist() == [-1.0, -INF] and robot.upper.tolist() == [1.0, INF]
    assert robot.units == ('rad', 'rad')


def test_sliding_joints_are_in_metres(tmp_path):
    slide = {'type': 'prismatic', 'lower': 0.0, 'upper': 0.04, 'velocity': 0.1, 'acceleration': 1}
    robot = load_robot(write(tmp_path, {'wrist': LIMITS, 'gripper': slide}))
    assert dict(zip(robot.joint_names, robot.units, strict=True)) == {
        'gripper': 'm',
        'wrist': 'rad',
    }
    assert robot.braking_time == pytest.approx(0.2)


def test_names_of_joints_are_texts(tmp_path):
    with pytest.raises(ConfigError, match='got the name 1, expected a text'):
        load_robot(write(tmp_path, {1: LIMITS}))


def test_robot_with_more_joints_than_any_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='got 300 joints, expected at most 256'):
        load_robot(write(tmp_path, {f'joint_{i}': LIMITS for i in range(300)}))


def test_file_without_joints_is_refused(tmp_path):
    for joints in (None, [], {}, 'six'):
        with pytest.raises(ConfigError, match=r'arm\.yaml: joints: expected a mapping'):
            load_robot(write(tmp_path, joints))


def test_unknown_key_of_the_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='unknown key colour'):
        load_robot(write(tmp_path, {'a': LIMITS}, colour='orange'))


def test_a_robot_names_its_urdf_and_the_frame_of_its_tool(tmp_path):
    (tmp_path / 'arm.urdf').touch()
    path = write(tmp_path, {'a': LIMITS}, urdf='arm.urdf', tool='tip')
    robot = load_robot(path)
    assert (robot.urdf, robot.tool) == (tmp_path / 'arm.urdf', 'tip')


@pytest.mark.parametrize(
    ('more', 'complaint'),
    [
        ({'urdf': 'hand.urdf', 'tool': 'tip'}, 'urdf: got .*hand.urdf, expected a file'),
        ({'urdf': 'hand.urdf'}, r'expected urdf \(a file\) and tool'),
        ({'urdf': 3, 'tool': 'tip'}, 'urdf: got 3, expected a name'),
    ],
)
def test_a_urdf_that_is_not_there_is_named(tmp_path, more, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_robot(write(tmp_path, {'a': LIMITS}, **more))

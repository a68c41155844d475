# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames of an arm are one tree, and each is where core says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import load_robot
from vla_ros.view.frames import fixed_transforms, moving_transforms, parse_pose, quaternion

SO101 = load_robot(find_config('robots', 'so101'))
MODEL = robot_model(SO101)
STILL = np.zeros(6)
ANGLE = st.floats(-np.pi, np.pi)


def tree(prefix='', base='0 0 0 0 0 0', positions=STILL):
    fixed = fixed_transforms(MODEL, prefix, 'world', parse_pose(base))
    return [*fixed, *moving_transforms(MODEL, positions, prefix)]


def test_every_frame_hangs_on_the_world_and_none_is_left_over():
    above = {item.child: item.parent for item in tree()}
    assert set(above) == set(MODEL.links)
    for frame in above:
        seen = [frame]
        while seen[-1] != 'world':
            seen.append(above[seen[-1]])
            assert len(seen) <= len(above) + 1


def test_two_arms_share_the_world_and_no_frame():
    left = {item.child for item in tree('left_')}
    right = {item.child for item in tree('right_')}
    assert not left & right and len(left) == len(right) == len(MODEL.links)


def test_transforms_multiply_to_the_pose_of_each_link():
    positions = np.linspace(-0.7, 0.7, 6)
    items = {item.child: item for item in tree('', '0.5 -0.2 0.1 0 0 1.5', positions)}
    for link, pose in MODEL.poses(positions).items():
        whole, frame = np.eye(4), link
        while frame != 'world':
            whole = items[frame].pose @ whole
            frame = items[frame].parent
        np.testing.assert_allclose(whole, parse_pose('0.5 -0.2 0.1 0 0 1.5') @ pose, atol=1e-12)


@given(ANGLE, ANGLE, ANGLE)
def test_a_quaternion_turns_as_its_matrix_does(roll, pitch, yaw):
    pose = parse_pose(f'0 0 0 {roll} {pitch} {yaw}')
    x, y, z, w = quaternion(pose)
    assert w >= 0 and np.linalg.norm([x, y, z, w]) == pytest.approx(1)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    np.testing.assert_allclose(turned, pose[:3, :3], atol=1e-9)


@pytest.mark.parametrize('turn', ['0 0 0', '3.141592653589793 0 0', '0 3.141592653589793 0'])
def test_half_turns_have_quaternions_too(turn):
    assert np.isfinite(quaternion(parse_pose(f'0 0 0 {turn}'))).all()


@pytest.mark.parametrize('text', ['', '1 2 3', '0 0 0 0 0 north', '0 0 0 0 0 nan'])
def test_a_pose_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=f'base_pose: got {text!r}, expected six numbers'):
        parse_pose(text)

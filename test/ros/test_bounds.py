# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages with too much in them are refused by their bytes."""

import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.chunk import MOST_ROWS
from vla_ros.core.errors import VlaError
from vla_ros.core.trajectory import MOST_POINTS
from vla_ros.msg import ActionChunk, StageTiming
from vla_ros.ros.bounds import bounded, check_chunk, check_trajectory

NAMES = ['shoulder_pan', 'lift', 'elbow_flex']


def chunk(**fields):
    msg = ActionChunk(joint_names=NAMES, values=[0.5] * 30, timings=[StageTiming(stage='expert')])
    msg.header.frame_id = 'base'
    for name, value in fields.items():
        setattr(msg, name, value)
    return msg


def receive(msg, msg_type=ActionChunk, check=check_chunk):
    """Return what the callback gets of a message that was on the wire."""
    got = []
    bounded(msg_type, got.append, check)(msg if isinstance(msg, bytes) else serialize_message(msg))
    return got[0]


@pytest.mark.parametrize(
    'fields',
    [
        {},
        {'values': [0.0] * MOST_ROWS * 3},
        {'joint_names': [f'j{i}' * (i % 5) for i in range(256)]},
        {'joint_names': [], 'values': []},
        {'timings': [StageTiming()] * 64},
    ],
)
def test_sound_chunk_arrives_as_it_was_sent(fields):
    sent = chunk(**fields)
    assert receive(sent) == sent


@pytest.mark.parametrize(
    'fields, complaint',
    [
        ({'values': [0.0] * (MOST_ROWS * 3 + 1)}, 'got 3001 values for 3 joints, expected at'),
        ({'values': [0.0] * 6_000_000}, 'got 6000000 values for 3 joints'),
        ({'joint_names': ['j'] * 257}, 'got 257 joints, expected at most 256'),
        ({'joint_names': []}, 'got 30 values for 0 joints, expected at most 0'),
        ({'timings': [StageTiming()] * 65}, 'got 65 timings, expected at most 64'),
    ],
)  # fmt: skip
def test_chunk_with_too_much_in_it_is_refused_before_it_is_opened(fields, complaint):
    with pytest.raises(VlaError, match=f'action chunk: {complaint}'):
        receive(chunk(**fields))


SOUND = bytes(serialize_message(chunk()))


@pytest.mark.parametrize('length', range(0, len(SOUND) - 4, 7))
def test_bytes_that_end_too_early_are_no_chunk(length):
    with pytest.raises(VlaError, match=f'ActionChunk: got {length} bytes that are none'):
        receive(SOUND[:length])


@pytest.mark.parametrize('lie', [b'\xff\xff\xff\xff', b'\xff\xff\xff\x7f'])
@pytest.mark.parametrize('place', range(4, 160, 4))
def test_lengths_that_lie_make_an_error_and_no_crash(place, lie):
    forged = SOUND[:place] + lie + SOUND[place + 4 :]
    try:
        receive(forged)
    except VlaError as error:
        assert 'ction' in str(error)


def test_message_without_long_fields_has_a_size_that_it_can_not_exceed():
    usual = JointState(name=[f'joint_{i}' for i in range(256)], position=[0.0] * 256)
    assert receive(usual, JointState, None) == usual
    with pytest.raises(VlaError, match='expected at most 16384'):
        receive(JointState(name=['j'] * 5000), JointState, None)


def trajectory(count, names=NAMES, **fields):
    """Return a trajectory of ``count`` points, as a planner sends it."""
    full = {name: [0.5] * len(names) for name in ('positions', 'velocities', 'accelerations')}
    point = JointTrajectoryPoint(**{**full, **fields})
    return JointTrajectory(joint_names=names, points=[point] * count)


@pytest.mark.parametrize('count', [0, 1, MOST_POINTS])
def test_sound_trajectory_arrives_as_it_was_sent(count):
    sent = trajectory(count)
    assert receive(sent, JointTrajectory, check_trajectory) == sent


@pytest.mark.parametrize(
    'sent, complaint',
    [
        (trajectory(MOST_POINTS + 1), f'got {MOST_POINTS + 1} points, expected at most'),
        (trajectory(1, ['j'] * 257), 'got 257 joints, expected at most 256'),
        (trajectory(2, effort=[0.0] * 100_000), r'got \d+ bytes, expected at most'),
    ],
)
def test_trajectory_with_too_much_in_it_is_refused_before_it_is_opened(sent, complaint):
    with pytest.raises(VlaError, match=f'trajectory: {complaint}'):
        receive(sent, JointTrajectory, check_trajectory)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recorded joints that contradict themselves are refused, where the last one would win."""

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import FPS, START, joint_commands, joint_states

from vla_ros.core.errors import VlaError
from vla_ros.dataset.joint_messages import read_command, read_states

NAMES = ('shoulder', 'elbow')


def states(*messages):
    return read_states('bag: /joint_states', messages, NAMES)


def moving(count=60, names=NAMES):
    return [
        joint_states(START + i / FPS, [i / FPS, 1.0][: len(names)], names) for i in range(count)
    ]


@pytest.mark.parametrize(
    ('names', 'positions', 'complaint'),
    [
        (('shoulder', 'elbow', 'elbow'), [0.0, 1.0, 9.0], 'got elbow twice in one message'),
        (('shoulder', 'elbow'), [0.0], 'got 1 positions for 2 joints'),
        (('shoulder', 'elbow'), [0.0, 1.0, 2.0], 'got 3 positions for 2 joints'),
        (('shoulder', 'elbow'), [0.0, np.nan], 'expected finite positions of shoulder, elbow'),
    ],
)
def test_a_state_that_does_not_say_each_joint_once_is_named(names, positions, complaint):
    with pytest.raises(VlaError, match=f'^bag: /joint_states: .*{complaint}'):
        states(joint_states(START, positions, names))


@pytest.mark.parametrize('positions', [[0.0], [0.0, 1.0, 2.0], []])
def test_a_command_of_another_length_than_its_names_is_named(positions):
    with pytest.raises(VlaError, match=f'got {len(positions)} positions for 2 joints'):
        read_command('bag: /joint_commands', joint_commands(START, positions), NAMES)


def test_a_command_through_several_places_is_no_action():
    same = joint_commands(START, [0.0, 1.0], NAMES, later=[[0.0, 1.0]])
    np.testing.assert_array_equal(read_command('bag: /c', same, NAMES), [0.0, 1.0])
    way = joint_commands(START, [0.0, 1.0], NAMES, later=[[0.5, 1.0], [1.0, 1.0]])
    with pytest.raises(VlaError, match='^bag: /c: .*through 3 points.*followed_commands'):
        read_command('bag: /c', way, NAMES)


def test_velocities_without_positions_and_joints_of_others_say_nothing():
    others = (
        joint_states(START + 0.5, [np.nan], ('wheel',)),
        joint_states(START + 0.6, [], NAMES[:0]),
    )
    found = states(joint_states(START, [0.5, 1.0]), *others)
    np.testing.assert_allclose(found, [[0.5, 1.0]] * 3)


def test_two_publishers_that_put_a_joint_in_two_places_are_found():
    other = [joint_states(START + i / FPS + 0.001, [i / FPS, 1.5]) for i in range(60)]
    mixed = [message for pair in zip(moving(), other, strict=True) for message in pair]
    with pytest.raises(VlaError, match='elbow jumps 119 times in 120 messages.*one publisher'):
        states(*mixed)
    assert len(states(*moving())) == 60


def test_one_jump_is_no_second_publisher():
    after = [joint_states(START + 2.0 + i / FPS, [-1.0, 1.0]) for i in range(60)]
    assert states(*moving(), *after)[-1, 0] == -1.0


def test_a_joint_whose_driver_died_does_not_stand_where_it_was_for_ever():
    alone = [joint_states(START + 2.0 + i / FPS, [2.0], NAMES[:1]) for i in range(60)]
    with pytest.raises(VlaError, match='no position of elbow for more than 1 s'):
        states(*moving(), *alone)

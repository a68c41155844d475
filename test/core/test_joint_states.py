# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joint states of one robot out of whatever is published."""

import numpy as np
import pytest

from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import FASTEST, LASTING, MOST_LAYOUTS, SAME, JointStates

ARM = ('shoulder', 'elbow', 'gripper')


@pytest.fixture
def joints():
    return JointStates(ARM)


def test_nothing_is_known_at_first(joints):
    assert joints.positions is None
    assert joints.time == -np.inf
    assert joints.missing == ARM
    assert 'where the joints are is not known' in joints.objection(0.0)


def test_a_whole_message_in_any_order_tells_all(joints):
    assert joints.take(['gripper', 'wheel', 'elbow', 'shoulder'], [3.0, 9.0, 2.0, 1.0], 5.0)
    assert joints.positions.tolist() == [1.0, 2.0, 3.0]
    assert joints.time == 5.0
    assert joints.objection(5.0) == ''


@pytest.mark.parametrize('names', [['wheel_left', 'wheel_right'], []])
def test_a_message_of_somebody_else_changes_nothing(joints, names):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0)
    assert not joints.take(names, [7.0] * len(names), 6.0)
    assert joints.positions.tolist() == [1.0, 2.0, 3.0]
    assert joints.time == 5.0


def test_parts_are_put_together_and_the_oldest_counts(joints):
    joints.take(['shoulder', 'elbow'], [1.0, 2.0], 5.0, 'arm')
    assert joints.positions is None
    assert joints.objection(5.0) == (
        'no joint state of gripper, only of the others: does its driver run?'
    )
    joints.take(['gripper'], [3.0], 5.2, 'gripper')
    joints.take(['shoulder', 'elbow'], [1.1, 2.1], 5.3, 'arm')
    assert joints.positions.tolist() == [1.1, 2.1, 3.0]
    assert (joints.oldest, joints.time) == ('gripper', 5.2)


def test_a_message_without_positions_says_nothing_of_them(joints):
    assert not joints.take(ARM, [], 5.0)


def test_a_late_message_does_not_replace_a_newer_one(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0)
    joints.take(ARM, [1.01, 2.0, 3.0], 4.9)
    assert joints.positions.tolist() == [1.0, 2.0, 3.0]


def test_after_the_clock_was_set_back_messages_count_again(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 100.0)
    joints.set_back(50.0)
    joints.take(ARM, [1.1, 2.0, 3.0], 50.0)
    assert joints.positions.tolist() == [1.1, 2.0, 3.0]


def test_a_dispute_of_before_the_clock_was_set_back_is_over(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5000.0, 'driver')
    with pytest.raises(VlaError, match='from two publishers'):
        joints.take(ARM, [1.0, 0.0, 3.0], 5000.01, 'joint_state_publisher')
    joints.set_back(100.0)
    assert joints.objection(100.0 + LASTING) == ''


def test_who_spoke_before_the_clock_was_set_back_contradicts_nobody(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5000.0, 'driver that ended')
    joints.set_back(100.0)
    joints.take(ARM, [0.0, 0.0, 0.0], 100.0, 'driver')
    joints.take(ARM, [0.0, 0.0, 0.0], 5000.0, 'driver')
    assert joints.objection(5000.0) == ''


def test_a_joint_that_comes_twice_is_named(joints):
    with pytest.raises(VlaError, match='got elbow twice in one message'):
        joints.take(['shoulder', 'elbow', 'gripper', 'elbow'], [1.0, 2.0, 3.0, 4.0], 5.0)
    assert joints.positions is None


def test_a_foreign_joint_that_comes_twice_is_none_of_our_business(joints):
    assert joints.take([*ARM, 'wheel', 'wheel'], [1.0, 2.0, 3.0, 4.0, 5.0], 5.0)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_joint_without_a_number_is_named_and_not_known_any_more(joints, value):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0)
    with pytest.raises(VlaError, match=r"got NaN or infinity for \['elbow'\]"):
        joints.take(ARM, [1.0, value, 3.0], 5.1)
    assert joints.missing == ('elbow',)


def test_names_and_positions_have_to_be_as_many(joints):
    with pytest.raises(VlaError, match='got 2 positions for 3 names'):
        joints.take(ARM, [1.0, 2.0], 5.0)


def test_two_publishers_that_contradict_each_other_are_noticed_for_a_while(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0, 'driver')
    with pytest.raises(VlaError, match=r'got elbow at 2\.000 and at 0\.000 from two publishers'):
        joints.take(ARM, [1.0, 0.0, 3.0], 5.01, 'joint_state_publisher')
    assert 'from two publishers' in joints.objection(5.1)
    assert joints.objection(5.01 + LASTING) == ''


def test_two_publishers_that_agree_are_welcome(joints):
    for step in range(50):
        time = 5.0 + 0.01 * step
        joints.take(ARM, [1.0 + 0.02 * step, 2.0, 3.0], time, 'driver')
        joints.take(ARM, [1.0 + 0.02 * step + 0.9 * SAME, 2.0, 3.0], time + 0.001, 'republished')
    assert joints.objection(5.5) == ''


def test_a_slow_publisher_may_be_behind_by_what_the_arm_can_move(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0, 'slow')
    joints.take(ARM, [1.0 + 0.9 * FASTEST * 0.1, 2.0, 3.0], 5.1, 'fast')
    assert joints.objection(5.1) == ''


def test_a_publisher_that_fell_silent_contradicts_nobody(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0, 'before')
    joints.take(ARM, [0.0, 0.0, 0.0], 5.0 + LASTING, 'after')
    assert joints.objection(6.0) == ''


def test_one_publisher_may_be_anywhere_next(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0)
    joints.take(ARM, [0.0, 0.0, 0.0], 5.001)
    assert joints.objection(5.001) == ''


def test_nothing_is_known_after_clearing(joints):
    joints.take(ARM, [1.0, 2.0, 3.0], 5.0)
    joints.clear()
    assert joints.missing == ARM


def test_senseless_publishers_fill_no_memory(joints):
    for number in range(3 * MOST_LAYOUTS):
        joints.take([f'joint_{number}'], [0.0], 5.0)
    assert len(joints._layouts) <= MOST_LAYOUTS

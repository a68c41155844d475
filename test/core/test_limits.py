# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""No command leaves the limits in position, velocity or acceleration, and none overshoots."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import NAMES, chunk, ramp, robot

from vla_ros.core.limits import FAR, LONGEST_TICK, PAUSE, PLAY, Motion, find_beyond, find_jump
from vla_ros.core.robot import RobotSpec

ARM = robot(velocity=2.0, limit=1.0, acceleration=20.0)
LOW, HIGH = ARM.lower, ARM.upper
any_position = st.floats(-1e6, 1e6)
TICK = 0.01  # s


def motion(start=0.0, arm=ARM):
    return Motion(arm, np.full(2, start))


def follow(moving, targets, elapsed=TICK):
    return np.array([moving.follow(np.full(2, target), elapsed)[0] for target in targets])


def test_joint_that_rests_against_its_end_is_commanded_no_further():
    beyond = np.array([HIGH[0] + 0.5 * PLAY, LOW[1] - 0.5 * PLAY])
    assert np.array_equal(Motion(ARM, beyond).position, [HIGH[0], LOW[1]])
    far = beyond + [PLAY, -PLAY]
    assert np.array_equal(Motion(ARM, far).position, far)


def test_target_within_the_limits_is_reached_at_once():
    free = motion(arm=robot())
    assert free.follow(np.array([0.01, -0.01]), TICK) == pytest.approx([0.01, -0.01])


def test_targets_that_keep_the_limits_are_followed_exactly():
    times = TICK * np.arange(1, 500)
    targets = 0.45 * (1 - np.cos(2 * times))
    assert follow(motion(), targets) == pytest.approx(targets, abs=1e-9)


def test_joint_moves_no_faster_than_its_velocity():
    positions = follow(motion(-1.0), np.full(80, 1.0))
    assert np.diff(positions).max() == pytest.approx(2.0 * TICK)


def test_joint_gets_faster_and_slower_no_sooner_than_its_acceleration():
    positions = np.concatenate([[-1.0, -1.0], follow(motion(-1.0), np.full(200, 1.0))])
    assert np.abs(np.diff(positions, 2)).max() == pytest.approx(20.0 * TICK**2)


def test_step_is_gone_to_without_running_past_it():
    positions = follow(motion(), np.full(200, 0.5))
    assert (np.diff(positions) >= 0).all()
    assert positions[-1] == pytest.approx(0.5) and positions.max() <= 0.5 + 1e-9


def test_target_that_ran_ahead_is_caught_up_with_while_it_moves():
    targets = 0.3 + 0.5 * TICK * np.arange(120)
    positions = follow(motion(), targets)
    assert positions[-1] == pytest.approx(targets[-1], abs=1e-3)
    assert (positions <= targets + 1e-9).all()


def test_stop_brakes_within_the_acceleration_and_ends_at_rest():
    moving = motion(-1.0)
    follow(moving, np.linspace(-1.0, 0.0, 60))
    velocities = [moving.velocity[0]]
    while moving.moving:
        moving.stop(TICK)
        velocities.append(moving.velocity[0])
    assert velocities[0] > 1.0 and velocities[-1] == 0.0
    assert -np.diff(velocities[:-1]) == pytest.approx(20.0 * TICK)


def test_time_that_stands_still_moves_nothing():
    moving = motion()
    moving.follow(HIGH, TICK)
    before = moving.position.copy()
    assert np.array_equal(moving.follow(LOW, 0.0), before)
    assert np.array_equal(moving.stop(0.0), before) and moving.moving


@pytest.mark.parametrize('pause', [1.01 * PAUSE, 60.0])
def test_first_command_after_a_pause_moves_nothing_and_the_next_begins_at_rest(pause):
    moving = motion(-1.0)
    before = follow(moving, np.full(20, 0.5))[-1]
    assert moving.velocity[0] == pytest.approx(2.0)
    assert follow(moving, [0.5], pause) == before and not moving.moving
    assert follow(moving, [0.5])[0] - before == pytest.approx(20.0 * TICK**2)


def test_brake_after_a_pause_ends_where_the_arm_was_told_to_be():
    slow = robot(velocity=2.0, limit=5.0, acceleration=1.0)  # brakes within 2 s
    moving = motion(arm=slow)
    before = follow(moving, np.full(200, 5.0))[-1]
    assert moving.stop(0.7)[0] == before and not moving.moving


def test_command_after_a_late_tick_goes_no_further_than_one_long_tick():
    moved = motion(-1.0).follow(HIGH, 0.9 * PAUSE)
    assert moved - LOW == pytest.approx(2.0 * LONGEST_TICK)


def test_ticks_that_are_all_slow_move_the_arm_all_the_same():
    positions = follow(motion(-1.0), np.full(6, 1.0), 1.1 * PAUSE)
    assert np.diff(positions)[1:4] == pytest.approx(2.0 * LONGEST_TICK)


def test_arm_found_beyond_a_limit_comes_back_within_velocity_and_acceleration():
    moving = motion(1.5)
    positions = np.concatenate([[1.5, 1.5], follow(moving, np.full(100, 3.0))])
    assert positions[-1] == pytest.approx(1.0) and (np.diff(positions) <= 0).all()
    assert np.abs(np.diff(positions)).max() <= 2.0 * TICK + 1e-12
    assert np.abs(np.diff(positions, 2)).max() <= 20.0 * TICK**2 + 1e-12


steps = st.tuples(any_position, any_position, st.just(0.0) | st.floats(1e-4, 10.0), st.booleans())


@settings(max_examples=500, deadline=None)
@given(st.lists(steps, max_size=40))
def test_no_sequence_of_targets_and_stops_leads_beyond_any_limit(sequence):
    moving, last, velocity = motion(), np.zeros(2), np.zeros(2)
    for *target, elapsed, stop in sequence:
        command = moving.stop(elapsed) if stop else moving.follow(np.array(target), elapsed)
        assert (command >= LOW).all() and (command <= HIGH).all()
        if elapsed == 0.0:
            assert np.array_equal(command, last)
            continue
        assert (np.abs(command - last) <= ARM.velocity * elapsed + 1e-9).all()
        assert (np.abs(command - last - velocity * elapsed) <= 20.0 * elapsed**2 + 1e-9).all()
        velocity, last = (command - last) / elapsed, command


# --- joints without ends

FREE = replace(ARM, lower=np.array([-np.inf, -1.0]), upper=np.array([np.inf, 1.0]))
any_number = st.floats(allow_nan=False, allow_infinity=False, width=64)


def test_joint_without_ends_turns_on_and_on():
    targets = 1.5 * TICK * np.arange(1, 2001)
    positions = follow(motion(arm=FREE), targets)
    assert positions[-1] == pytest.approx(30.0, abs=0.01)
    assert np.diff(positions).max() <= 2.0 * TICK + 1e-12


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(any_number, st.floats(0.0, 1e9), st.booleans()), max_size=40))
def test_no_target_and_no_time_makes_a_command_that_is_no_number(sequence):
    moving = motion(arm=FREE)
    for target, elapsed, stop in sequence:
        command = moving.stop(elapsed) if stop else moving.follow(np.full(2, target), elapsed)
        assert np.isfinite(command).all() and np.abs(command).max() <= FAR
        assert np.isfinite(moving.velocity).all()


# --- chunks beyond the ends


def test_positions_a_little_beyond_the_ends_are_followed_to_the_ends():
    assert find_beyond(ARM, np.array([-1.4, 0.0]), np.array([0.0, 1.4])) == ''


def test_positions_far_beyond_the_ends_name_the_joint_and_its_range():
    wrong = find_beyond(ARM, np.array([-0.5, -57.3]), np.array([0.5, 57.3]))
    assert wrong == 'gripper at -57.3, expected -1 to 1 rad'


def test_joint_with_a_small_range_can_not_be_half_a_unit_beyond_it():
    slide = np.array([0.04, 0.04])
    arm = RobotSpec('slide', NAMES, 0 * slide, slide, slide, slide, prismatic=NAMES)
    assert 'shoulder at 0.1, expected 0 to 0.04 m' in find_beyond(arm, 0 * slide, slide + 0.06)
    assert find_beyond(arm, 0 * slide, slide + 0.03) == ''


def test_nothing_is_beyond_the_ends_of_a_joint_that_has_none():
    assert find_beyond(FREE, np.array([-1e9, 0.0]), np.array([1e9, 0.0])) == ''


# --- jumps


def test_chunk_that_the_joints_can_follow_is_no_jump():
    assert find_jump(ARM, ramp(10, slope=1.5), 0.3, np.full(2, 0.4), 0.5) == ''


def test_chunk_that_begins_too_far_away_names_the_joint_and_the_time():
    far = find_jump(ARM, ramp(10), 0.3, np.array([0.3, -2.0]), 0.5)
    assert far == 'gripper is 1.15 s away at its full velocity, expected at most 0.50 s'


def test_only_the_rows_that_are_not_late_count():
    assert find_jump(ARM, ramp(50, slope=2.0), 4.0, np.full(2, 8.0), 0.5) == ''


def test_step_inside_a_chunk_that_no_joint_can_make_is_a_jump():
    rows = chunk([0.0, 0.0, 0.7, 0.7])  # 0.7 rad in 0.1 s at 2 rad/s
    assert 'shoulder moves 3.5 times as fast as it can' in find_jump(
        ARM, rows, 0.0, np.zeros(2), 0.5
    )


def test_with_an_infinite_time_to_get_there_nothing_is_a_jump():
    assert find_jump(ARM, chunk([0.0, 90.0]), 0.0, np.full(2, 1e9), np.inf) == ''

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The guard lets pass what the executor computes, and nothing that could do harm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import ramp, robot

from vla_ros.core.executor import Executor, ExecutorConfig
from vla_ros.core.guard import Guard

ARM = robot(velocity=2.0, limit=1.0, acceleration=20.0)
TICK = 0.01  # s
HOME = np.zeros(2)


@pytest.fixture
def guard():
    """Return a guard of an arm that was told to be at HOME."""
    guard = Guard(ARM)
    assert guard.objection(HOME, HOME, 0.0) == ''
    guard.note(HOME, 0.0)
    return guard


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_command_that_is_no_number_is_not_sent(guard, value):
    assert 'expected a finite position' in guard.objection(np.array([0.0, value]), HOME, TICK)


@pytest.mark.parametrize('command', [np.zeros(1), np.zeros(3), np.zeros((2, 2)), np.zeros(0)])
def test_command_that_lacks_a_joint_is_not_sent(guard, command):
    assert 'for each joint' in guard.objection(command, HOME, TICK)


@pytest.mark.parametrize('side', [1.0, -1.0])
def test_command_beyond_a_limit_is_not_sent_however_close_it_is(guard, side):
    for share in np.linspace(0.0, 1.0, 60):
        guard.note(np.array([0.0, side * share]), TICK)
    assert guard.objection(np.array([0.0, side]), HOME, TICK) == ''
    beyond = guard.objection(np.array([0.0, side * 1.001]), HOME, TICK)
    assert f'gripper: got the command {side * 1.001:g}, expected -1 to 1' in beyond


def test_command_that_is_too_far_from_the_last_one_is_not_sent(guard):
    assert guard.objection(np.array([0.0, 2.0 * TICK]), HOME, TICK) == ''
    fast = guard.objection(np.array([0.0, 2.1 * TICK]), HOME, TICK)
    assert 'gripper: got a command 0.021 from the last one after 0.01 s, expected at most' in fast


def test_time_that_the_clock_jumped_by_allows_no_leap(guard):
    assert guard.objection(np.array([0.0, 0.9]), HOME, 3600.0) != ''
    assert guard.objection(np.array([0.0, 0.1]), HOME, -5.0) != ''


def test_where_the_arm_is_measured_moves_nothing_and_may_be_sent(guard):
    moved = np.array([0.7, -0.7])
    assert guard.objection(moved, moved, 0.0) == ''
    assert guard.objection(moved, None, 0.0) != ''


def test_arm_that_is_beyond_a_limit_is_told_to_come_back_and_never_further_out():
    guard, outside = Guard(ARM), np.array([1.2, 0.0])
    assert guard.objection(outside, outside, 0.0) == ''
    guard.note(outside, 0.0)
    assert guard.objection(outside - [0.01, 0.0], outside, TICK) == ''
    assert guard.objection(outside + [0.01, 0.0], outside, TICK) != ''


def test_arm_in_other_units_is_told_nothing():
    degrees = np.array([57.3, 0.0])
    assert 'expected -1 to 1' in Guard(ARM).objection(degrees, degrees, 0.0)


def test_arm_that_was_never_seen_is_told_nothing():
    assert 'never measured' in Guard(ARM).objection(HOME, None, TICK)


def test_what_was_sent_last_can_be_braked(guard):
    for k in range(1, 4):
        guard.note(np.array([0.01, 0.02]) * k, TICK)
    assert guard.motion.velocity == pytest.approx([1.0, 2.0])
    assert guard.motion.stop(TICK) == pytest.approx([0.03 + 0.008, 0.06 + 0.018])


def test_arm_that_was_told_nothing_has_nothing_to_brake():
    assert Guard(ARM).motion is None


events = st.sampled_from(['disable', 'enable', 'estop', 'hold', 'silent', 'moved', ''])
ticks = st.tuples(st.sampled_from([0.0, 0.002, TICK, 0.05, 0.5, 30.0]), events)


@settings(max_examples=100, deadline=None)
@given(st.lists(ticks, max_size=60), st.floats(-3.0, 3.0), st.sampled_from([20.0, 0.5]))
def test_guard_never_objects_to_what_the_executor_computes(ticks, slope, acceleration):
    arm = robot(velocity=2.0, limit=1.0, acceleration=acceleration)
    executor, guard = Executor(arm, ExecutorConfig()), Guard(arm)
    executor.enable()
    now, measured = 0.0, HOME.copy()
    for elapsed, event in ticks:
        now += elapsed
        if event in ('disable', 'enable', 'estop', 'hold'):
            executor.rearm()
            getattr(executor, event)()
        elif event == 'moved':
            measured = measured + [0.1, -0.05]
        tick = executor.stop(now, elapsed) if event == 'silent' else None
        if tick is None:
            tick = executor.tick(now, measured, elapsed)
        if tick.send:
            assert guard.objection(tick.positions, measured, tick.elapsed) == ''
            guard.note(tick.positions, tick.elapsed)
            measured = 0.9 * measured + 0.1 * tick.positions
        if tick.request is not None:
            executor.push(ramp(30, now, tick.request, slope=slope), now)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an executor is about to command is what it then commands."""

import numpy as np
import pytest

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.executor import Executor
from vla_ros.core.lookahead import MOST_TICKS, TICKS_AT_ONCE
from vla_ros.core.robot import load_robot
from vla_ros.core.settings import ExecutorConfig

PERIOD = 1 / 50
HOME = np.array([0.0, -1.3, 1.3, 1.0, 1.5708, 0.3])


def begin(robot_name='so101', rows=40, sway=0.3):
    """Return an executor that has begun to play a chunk, its robot, and the time."""
    robot = load_robot(find_config('robots', robot_name))
    executor = Executor(robot, ExecutorConfig(observation_timeout=100.0))
    executor.enable()
    now = 100.0
    request = executor.tick(now, HOME, PERIOD).request
    values = HOME + sway * np.sin(np.linspace(0.0, 3.0, rows))[:, None]
    executor.push(ActionChunk(values, now, 1 / 30, request, robot.joint_names), now)
    executor.tick(now + PERIOD, HOME, PERIOD)
    return executor, robot, now + PERIOD


def whole(lookahead):
    """Look ahead to the end."""
    while not lookahead.complete:
        lookahead.extend()
    return lookahead


@pytest.mark.parametrize('robot_name', ['so101', 'so101_real'])
@pytest.mark.parametrize('sway', [0.3, 3.0])  # within what the joints can do, and beyond
def test_ticks_that_follow_command_what_was_foreseen(robot_name, sway):
    executor, _, now = begin(robot_name, sway=sway)
    rows = whole(executor.look_ahead(now, PERIOD)).rows
    for tick, row in enumerate(rows[1:], start=1):
        commanded = executor.tick(now + tick * PERIOD, HOME, PERIOD).positions
        np.testing.assert_allclose(commanded, row, atol=1e-9)
    np.testing.assert_allclose(executor.tick(now + 100.0, HOME, PERIOD).positions, rows[-1])


def test_looking_ahead_changes_nothing():
    executor, _, now = begin()
    other, _, _ = begin()
    whole(executor.look_ahead(now, PERIOD))
    for tick in range(1, 60):
        one, two = (each.tick(now + tick * PERIOD, HOME, PERIOD) for each in (executor, other))
        np.testing.assert_array_equal(one.positions, two.positions)


def test_each_bit_ends_at_rest_within_the_limits():
    executor, robot, now = begin(sway=1.0)
    lookahead = executor.look_ahead(now, PERIOD)
    while not lookahead.complete:
        lookahead.extend()
        steps = np.diff(lookahead.rows, axis=0)
        changes = np.diff(steps, axis=0) / PERIOD**2
        assert (np.abs(steps) <= robot.velocity * PERIOD * (1 + 1e-9)).all()
        assert (np.abs(changes) <= robot.acceleration * (1 + 1e-9)).all()
        assert (np.abs(steps[-1]) <= robot.acceleration * PERIOD**2 * (1 + 1e-9)).all()


def test_bits_are_as_long_as_a_tick_may_compute():
    executor, _, now = begin()
    lookahead = executor.look_ahead(now, PERIOD)
    lookahead.extend()
    assert lookahead.led == 1 + TICKS_AT_ONCE and not lookahead.complete


def test_queue_that_is_longer_than_anybody_looks_ends_at_rest_all_the_same():
    executor, _, now = begin(rows=990)
    lookahead = whole(executor.look_ahead(now, PERIOD))
    assert lookahead.led <= MOST_TICKS + 1
    np.testing.assert_array_equal(lookahead.at(now + 1000.0), lookahead.rows[-1])


def test_arm_that_has_nothing_to_play_brakes():
    executor, _, now = begin()
    for tick in range(1, 10):
        executor.tick(now + tick * PERIOD, HOME, PERIOD)
    executor.hold()
    lookahead = whole(executor.look_ahead(now + 9 * PERIOD, PERIOD))
    assert lookahead.led == 1 and len(lookahead.rows) > 1


def test_positions_between_ticks_are_interpolated_and_the_ends_hold():
    executor, _, now = begin()
    lookahead = whole(executor.look_ahead(now, PERIOD))
    first, second = lookahead.rows[:2]
    np.testing.assert_allclose(lookahead.at(now + PERIOD / 4), first + (second - first) / 4)
    np.testing.assert_array_equal(lookahead.at(now - 5.0), first)


def test_commands_after_a_moment_are_a_period_apart_and_there_is_always_one():
    executor, _, now = begin()
    lookahead = whole(executor.look_ahead(now, PERIOD))
    np.testing.assert_allclose(lookahead.after(now), lookahead.rows[1:], atol=1e-12)
    np.testing.assert_allclose(lookahead.after(now + 3 * PERIOD), lookahead.rows[4:], atol=1e-9)
    np.testing.assert_array_equal(lookahead.after(now + 1000.0), lookahead.rows[-1:])


@pytest.mark.parametrize('late', [0.1, 0.5, 0.9])
def test_commands_between_ticks_keep_the_limits_and_end_at_rest(late):
    executor, robot, now = begin(sway=3.0)
    lookahead = whole(executor.look_ahead(now, PERIOD))
    moment = now + (3 + late) * PERIOD
    rows = np.array([lookahead.at(moment), *lookahead.after(moment)])
    steps = np.diff(rows, axis=0)
    assert (np.abs(steps) <= robot.velocity * PERIOD * (1 + 1e-6)).all()
    assert (np.abs(np.diff(steps, axis=0)) <= robot.acceleration * PERIOD**2 * (1 + 1e-6)).all()
    np.testing.assert_array_equal(rows[-1], lookahead.rows[-1])

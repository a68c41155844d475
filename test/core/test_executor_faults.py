# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The executor when things go wrong: requests, answers, episodes and clocks that do not fit."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from plans import HOME, NAMES, ROWS, Bench, chunk, make, ramp, robot

from vla_ros.core.errors import VlaError
from vla_ros.core.executor import Mode
from vla_ros.core.queue import PushResult
from vla_ros.core.robot import load_robot

# --- requests and answers


def test_request_that_is_lost_is_made_again():
    executor = make(request_timeout=2.0)
    requests = [executor.tick(k / 10, HOME).request for k in range(45)]
    assert [request for request in requests if request] == [1, 2, 3]
    assert executor.counters.lost == 2


def test_useless_answer_is_counted_and_asked_for_anew():
    executor = make()
    assert executor.tick(0.0, HOME).request == 1
    executor.reject(1)
    assert executor.counters.rejected == 1 and executor.tick(0.1, HOME).request == 2


def test_chunk_with_other_joints_is_refused_by_name_and_asked_for_anew():
    executor = make()
    executor.tick(0.0, HOME)
    with pytest.raises(VlaError, match='got joints gripper, shoulder, expected shoulder, grip'):
        executor.push(chunk(np.zeros(3), names=NAMES[::-1]), 0.1)
    assert executor.counters.rejected == 1 and executor.tick(0.1, HOME).request == 2


def test_chunk_for_a_disabled_arm_is_stale():
    executor = make(enabled=False)
    assert executor.push(ramp(ROWS), 0.0) is PushResult.STALE
    executor.enable()
    assert executor.tick(0.0, HOME).mode is Mode.WAITING


def test_chunk_asked_for_before_a_pause_is_stale_after_it():
    executor = make()
    executor.tick(0.0, HOME)
    executor.disable()
    executor.enable()
    assert executor.push(ramp(ROWS, sequence=1), 0.1) is PushResult.STALE
    assert executor.tick(0.1, HOME).request == 2


def test_answers_from_before_a_restart_do_not_block_the_queue():
    executor = make()
    executor.tick(0.0, HOME)
    assert executor.push(ramp(ROWS, sequence=57), 0.1) is PushResult.ACCEPTED
    executor.tick(0.2, HOME)
    request = executor.tick(0.99, HOME).request
    assert executor.push(ramp(ROWS, start=0.9, sequence=request), 1.0) is PushResult.ACCEPTED


def test_arm_whose_state_is_unknown_holds_and_goes_on_from_where_it_is():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    executor.tick(0.2, HOME)
    executor.hold()
    assert executor.mode is Mode.HOLDING and executor.queue.remaining(0.2) == 0.0
    ticks = [executor.tick(0.5 + 0.1 * k, -HOME) for k in range(10)]
    first = next(tick for tick in ticks if tick.request is not None)  # once it stands
    np.testing.assert_allclose(first.positions, -HOME)
    assert first.mode is Mode.WAITING


# --- episodes and clocks


def test_reset_empties_the_queue_and_begins_at_the_measured_position():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    executor.tick(0.5, HOME)
    executor.reset(0.6)
    tick = executor.tick(0.6, -HOME)
    assert np.array_equal(tick.positions, -HOME)
    assert tick.mode is Mode.WAITING and tick.request is not None


def test_chunk_of_the_last_episode_is_stale():
    executor = make()
    executor.tick(0.0, HOME)  # request 1
    executor.reset(5.0)
    assert executor.push(ramp(100, start=4.9, sequence=1), 5.1) is PushResult.STALE
    executor.tick(5.1, HOME)  # request 2, answered with a picture taken before the reset
    assert executor.push(ramp(100, start=4.99, sequence=2), 5.2) is PushResult.STALE
    assert executor.tick(5.2, HOME).request == 3


def test_idle_time_counts_anew_in_each_episode():
    bench = Bench(latency=0.3, mode='sync').run(3.0)
    assert bench.executor.counters.idle > 0.5
    bench.executor.reset(bench.now)
    bench.run(0.3)
    assert bench.executor.counters.idle == 0.0


def test_clock_that_steps_back_counts_as_a_reset():
    executor = make()
    executor.tick(100.0, np.zeros(2))
    executor.push(ramp(ROWS, start=100.0), 100.0)
    executor.tick(100.5, HOME)
    ticks = [executor.tick(3.0 + 0.1 * k, -HOME) for k in range(9)]
    assert ticks[0].mode is Mode.HOLDING and ticks[-1].mode is Mode.WAITING
    assert np.array_equal(ticks[-1].positions, -HOME)
    chunk = ramp(ROWS, start=3.8, sequence=executor.request)
    assert executor.push(chunk, 3.9) is PushResult.ACCEPTED
    assert executor.tick(3.95, HOME).mode is Mode.RUNNING


def test_clock_that_jumps_forward_moves_nothing_and_the_arm_goes_on_from_rest():
    executor = make(arm=robot(velocity=1.0), observation_timeout=100.0)
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(1000), 0.0)
    executor.tick(0.1, HOME)
    before = executor.tick(0.2, HOME).positions
    assert executor.tick(50.0, HOME).positions == pytest.approx(before)
    assert executor.tick(50.01, HOME).positions == pytest.approx(before + 0.01)


def test_chunk_from_before_a_forward_jump_of_the_clock_is_expired():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    executor.tick(0.5, HOME)
    executor.tick(50.0, HOME)
    assert executor.push(ramp(ROWS, start=0.4, sequence=2), 50.1) is PushResult.EXPIRED
    assert executor.tick(50.1, HOME).request == 3


def test_clock_that_stands_still_keeps_the_arm_still():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    commands = [executor.tick(0.3, HOME).positions for _ in range(5)]
    assert all(np.array_equal(commands[0], command) for command in commands)


def test_same_inputs_give_the_same_commands():
    first, second = (Bench(latency=0.13).run(4.0) for _ in range(2))
    assert first.commands == second.commands and first.asked == second.asked


def test_hostile_chunks_never_move_the_arm_beyond_its_limits():
    random = np.random.default_rng(7)
    arm = robot(velocity=2.0, limit=1.0)
    executor, commands, now = make(arm=arm, chunk_size_threshold=1.0, jump_time=np.inf), [], 0.0
    for sequence in range(2000):
        rows = random.normal(0.0, 10.0 ** random.integers(-2, 6), random.integers(1, 30))
        start = now + random.normal(0.0, 0.5)
        executor.push(chunk(rows, start, sequence, random.uniform(0.001, 0.2)), now)
        commands.append((now, executor.tick(now, np.zeros(2)).positions))
        now += random.exponential(0.02)
    for (before, last), (time, command) in pairwise(commands):
        assert (np.abs(command) <= 1.0).all()
        assert (np.abs(command - last) <= 2.0 * (time - before) + 1e-9).all()
    assert executor.counters.accepted > 500 and executor.counters.rejected > 50


# --- joints without ends


def test_joint_that_turns_without_end_is_led_as_far_as_the_chunk_says(tmp_path):
    limits = 'velocity: 2.0, acceleration: 10.0'
    path = tmp_path / 'arm.yaml'
    path.write_text(
        f'joints:\n  shoulder: {{lower: -1.9, upper: 1.9, {limits}}}\n'
        f'  gripper: {{lower: -.inf, upper: .inf, {limits}}}\n'
    )
    executor = make(arm=load_robot(path))
    commands = [executor.tick(0.0, HOME).positions]
    turns = ramp(90, slope=0.5)
    executor.push(replace(turns, values=turns.values * [0.25, 1.0] + HOME), 0.0)
    for k in range(1, 880):
        commands.append(executor.tick(k / 100, commands[-1]).positions)
    assert np.isfinite(commands).all()
    assert commands[-1] == pytest.approx([0.5 + 1.1, -0.5 + 4.4], abs=0.02)

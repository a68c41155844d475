# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The executor, tick by tick: what it commands, when it asks and when it holds, in both modes."""

import numpy as np
import pytest
from plans import HOME, ROWS, STEP, Bench, chunk, make, ramp, robot

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.executor import ExecutorConfig, Mode
from vla_ros.core.queue import PushResult

# --- what it commands


def test_disabled_executor_follows_the_measured_position_and_asks_for_nothing():
    executor = make(enabled=False)
    tick = executor.tick(0.0, HOME)
    assert np.array_equal(tick.positions, HOME)
    assert tick.mode is Mode.HOLDING and tick.request is None and not executor.enabled


def test_first_command_is_the_measured_position_though_a_chunk_is_there():
    executor = make()
    executor.push(chunk(np.full(ROWS, 3.0)), 0.0)
    assert np.array_equal(executor.tick(0.0, HOME).positions, HOME)


def test_enabling_again_begins_at_the_measured_position_with_an_empty_queue():
    executor = make()
    executor.tick(0.0, HOME)
    executor.push(ramp(ROWS), 0.0)
    executor.tick(0.1, HOME)
    executor.disable()
    brake = executor.tick(0.15, 3 * HOME)
    assert brake.send and brake.positions == pytest.approx([0.1, 0.1])  # it stands
    moved = [executor.tick(0.16 + 0.05 * k, 3 * HOME) for k in range(40)]
    assert np.array_equal(moved[-1].positions, 3 * HOME) and not moved[-1].send
    executor.enable()
    tick = executor.tick(2.2, -HOME)
    assert np.array_equal(tick.positions, -HOME) and tick.mode is Mode.WAITING


def test_enabling_what_is_enabled_changes_nothing():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    executor.enable()
    assert executor.tick(0.1, HOME).positions == pytest.approx([0.1, 0.1])


def test_positions_between_rows_are_interpolated_at_any_rate():
    for rate in (10.0, 30.0, 100.0):
        bench = Bench(latency=0.0, rate=rate).run(0.8)
        assert bench.commands[2:] == pytest.approx(np.arange(2, 0.8 * rate) / rate - 1 / rate)


def test_irregular_ticks_command_the_position_for_their_time():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    for now in (0.013, 0.1, 0.104, 0.52):
        assert executor.tick(now, HOME).positions == pytest.approx(np.full(2, now))


def test_commands_stay_within_position_and_velocity_and_are_counted():
    executor = make(arm=robot(velocity=1.0, limit=0.3), jump_time=np.inf)
    executor.tick(0.0, np.zeros(2))
    executor.push(chunk(np.full(100, 0.8)), 0.0)
    commands = [executor.tick(k / 100, HOME).positions[0] for k in range(1, 101)]
    assert max(commands) == pytest.approx(0.3)
    assert max(np.diff([0.0, *commands])) <= 0.01 + 1e-12
    assert executor.counters.limited == 100


def test_command_is_the_callers_to_change():
    executor = make()
    executor.tick(0.0, HOME).positions[:] = 99.0
    assert np.array_equal(executor.tick(0.1, HOME).positions, HOME)


def test_measured_positions_stay_the_callers():
    executor, measured = make(), HOME.copy()
    executor.tick(0.0, measured)
    measured[:] = 99.0
    assert np.array_equal(executor.tick(0.1, measured).positions, HOME)


@pytest.mark.parametrize('measured', [[0.0, np.nan], [np.inf, 0.0], [0.0], [0.0, 0.0, 0.0]])
def test_measured_position_that_is_no_number_for_each_joint_never_becomes_a_command(measured):
    with pytest.raises(VlaError, match='shoulder, gripper; mend the robot driver'):
        make().tick(0.0, np.array(measured))


# --- asynchronous mode


def test_next_chunk_is_asked_for_at_the_threshold_while_the_arm_goes_on():
    bench = Bench(latency=0.1, chunk_size_threshold=0.2).run(3.0)
    periods = np.diff(bench.asked)
    assert bench.asked[0] == 0.0
    assert periods[1:] == pytest.approx(0.8, abs=0.011)  # 8 of 10 rows of 0.1 s
    assert set(bench.modes[bench.modes.index(Mode.RUNNING) :]) == {Mode.RUNNING}
    assert bench.executor.counters.starved == 0 and bench.executor.counters.idle == 0.0


def test_arm_does_not_stop_at_the_seams_of_chunks():
    bench = Bench(latency=0.08).run(5.0)
    moving = bench.commands[bench.modes.index(Mode.RUNNING) + 1 :]
    assert np.diff(moving) == pytest.approx(0.01, abs=1e-6)


def test_chunk_that_comes_while_the_last_row_is_held_goes_on_from_there_without_a_jump():
    bench = Bench(latency=0.15).run(5.0)  # the last row is reached after 0.1 s, and dry after 0.2
    assert bench.executor.counters.starved == 0
    assert max(np.diff(bench.commands)) < 0.011


def test_arm_that_stands_still_is_asked_for_chunks_all_the_same():
    executor, asked = make(), 0
    for k in range(300):
        request = executor.tick(k / 100, HOME).request
        if request is not None:
            asked += 1
            executor.push(chunk(np.zeros(ROWS), k / 100, request), k / 100)
    assert asked == 4


def test_queue_that_runs_dry_holds_the_last_command_and_is_counted_once():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    ticks = [executor.tick(k / 100, HOME) for k in range(1, 200)]
    held = [tick for tick in ticks if tick.mode is Mode.STARVED]
    assert all(tick.positions == pytest.approx(ticks[98].positions) for tick in held)
    assert len(held) == 100 and executor.counters.starved == 1
    assert executor.counters.idle == pytest.approx(1.0)


def test_waiting_for_the_first_chunk_is_neither_starving_nor_idle():
    bench = Bench(latency=0.5).run(0.5)
    assert set(bench.modes) == {Mode.WAITING}
    assert bench.executor.counters.starved == 0 and bench.executor.counters.idle == 0.0


def test_rows_whose_time_the_arm_spent_moving_are_skipped():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(20), 0.0)
    executor.tick(0.6, HOME)
    executor.push(ramp(20, start=0.2, sequence=2), 0.6)
    assert executor.tick(0.7, HOME).positions == pytest.approx([0.7, 0.7])
    assert executor.counters.latency == pytest.approx(0.4)
    assert executor.counters.margin == pytest.approx(1.4)


def test_rows_whose_time_the_arm_spent_waiting_are_played():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.tick(0.7, HOME)
    assert executor.push(ramp(ROWS, sequence=1), 0.7) is PushResult.ACCEPTED
    assert executor.tick(0.7, HOME).positions == pytest.approx([0.0, 0.0])
    assert executor.tick(0.9, HOME).positions == pytest.approx([0.2, 0.2])


def test_only_the_time_that_the_arm_waited_delays_a_chunk():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    for now in (0.5, 1.0, 1.5):
        executor.tick(now, HOME)  # stands still from 0.9 on, the time of the last row
    executor.push(ramp(30, start=0.8, sequence=2), 1.5)
    assert executor.tick(1.6, HOME).positions == pytest.approx([1.0, 1.0])


def test_chunk_that_begins_after_its_arrival_is_not_delayed():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.tick(0.5, np.zeros(2))
    executor.push(ramp(ROWS, start=0.6, slope=2.0), 0.5)
    assert executor.tick(0.8, HOME).positions == pytest.approx([1.6, 1.6])


def test_chunks_that_arrive_together_are_both_delayed_by_the_wait():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.tick(0.7, np.zeros(2))
    executor.push(ramp(ROWS), 0.7)
    executor.push(chunk(STEP * np.arange(ROWS), 0.3, 2), 0.7)
    assert executor.tick(0.9, HOME).positions == pytest.approx([0.2, 0.2])


def test_policy_slower_than_its_chunks_still_moves_the_arm_in_bursts():
    bench = Bench(latency=1.7).run(10.0)  # a chunk lasts 1 s
    assert bench.executor.counters.rejected == 0
    assert bench.commands[-1] > 2.5 and max(np.diff(bench.commands)) < 0.011


def test_late_chunk_expires_while_the_arm_goes_on():
    executor = make()
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(50), 0.0)
    executor.tick(2.0, HOME)
    assert executor.push(ramp(ROWS, sequence=2), 2.0) is PushResult.EXPIRED
    assert executor.counters.rejected == 1


# --- synchronous mode


def test_synchronous_arm_waits_for_every_chunk_and_plays_all_of_it():
    bench = Bench(latency=0.3, mode='sync').run(5.2)
    assert bench.asked == pytest.approx([0.0, 1.3, 2.6, 3.9], abs=0.011)
    assert Mode.STARVED not in bench.modes and bench.executor.counters.starved == 0
    assert bench.executor.counters.idle == pytest.approx(0.9, abs=0.04)
    assert max(np.diff(bench.commands)) < 0.011
    assert bench.commands[-1] == pytest.approx(3.6, abs=0.05)  # 4 chunks of 9 steps of 0.1 rad


def test_synchronous_arm_takes_one_chunk_for_each_wait():
    executor = make('sync', request_timeout=1.0)
    assert executor.tick(0.0, np.zeros(2)).request == 1
    assert executor.tick(1.0, HOME).request == 2 and executor.counters.lost == 1
    assert executor.push(ramp(ROWS, sequence=1), 1.2) is PushResult.ACCEPTED
    assert executor.tick(1.3, HOME).positions == pytest.approx([0.1, 0.1])
    assert executor.push(ramp(ROWS, start=1.0, sequence=2), 1.4) is PushResult.STALE
    requests = [executor.tick(1.4 + k / 10, HOME).request for k in range(9)]
    assert requests == [None] * 8 + [3]


# --- settings


@pytest.mark.parametrize(
    'setting, complaint',
    [
        ({'mode': 'asynchronous'}, "mode: got 'asynchronous', expected one of async, sync"),
        ({'chunk_size_threshold': 1.1}, 'chunk_size_threshold: got 1.1, expected 0 to 1'),
        ({'chunk_size_threshold': -0.1}, 'chunk_size_threshold: got -0.1'),
        ({'request_timeout': 0.0}, 'request_timeout: got 0.0 s'),
        ({'aggregate_fn_name': 'mean'}, "aggregate_fn_name: got 'mean', expected one of latest"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, complaint):
    with pytest.raises(ConfigError, match=complaint):
        ExecutorConfig(**setting)

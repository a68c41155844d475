# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What keeps the arm safe: limits, every way to stop, and chunks that are not believed."""

import numpy as np
import pytest
from plans import HOME, ROWS, STEP, Bench, chunk, make, ramp, robot

from vla_ros.core.errors import VlaError
from vla_ros.core.executor import Mode
from vla_ros.core.limits import Motion
from vla_ros.core.queue import PushResult

ARM = {'velocity': 5.0, 'limit': 3.0, 'acceleration': 10.0}
TICK = 0.01  # s


def moving(**config):
    """Return an executor that moves its arm at 1 rad/s, and the ticks so far."""
    executor = make(arm=robot(**ARM), **config)
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(30), 0.0)
    ticks = [executor.tick(k * TICK, np.zeros(2)) for k in range(1, 101)]
    return executor, ticks


def velocities(ticks):
    return np.diff([tick.positions[0] for tick in ticks]) / TICK


def brakes(ticks):
    """Say whether ticks lead from full speed to rest within the acceleration, and stay there."""
    speed = velocities(ticks)
    even = -np.diff(speed).min() <= ARM['acceleration'] * TICK + 1e-9
    return even and speed[0] > 0.5 and speed[-1] == 0.0 and (speed >= 0.0).all()


# --- limits


def test_chunk_starts_the_arm_within_its_acceleration():
    _, ticks = moving()
    speed = velocities(ticks)
    assert np.diff(speed).max() <= ARM['acceleration'] * TICK + 1e-9
    assert speed[-1] == pytest.approx(1.0) and ticks[-1].positions[0] == pytest.approx(1.0)


def test_queue_that_runs_dry_at_full_speed_brakes_within_the_acceleration():
    executor, ticks = moving()
    ticks += [executor.tick(k * TICK, HOME) for k in range(101, 400)]
    assert np.abs(np.diff(velocities(ticks))).max() <= ARM['acceleration'] * TICK + 1e-9
    assert ticks[-1].mode is Mode.STARVED and velocities(ticks)[-1] == 0.0
    assert ticks[-1].positions[0] == pytest.approx(2.9, abs=0.06)


# --- ways to stop


@pytest.mark.parametrize('stop', ['disable', 'estop', 'hold'])
def test_every_stop_brakes_and_begins_at_the_measured_position_afterwards(stop):
    executor, ticks = moving()
    getattr(executor, stop)()
    measured = np.array([1.0, -0.5])
    while not np.array_equal(ticks[-1].positions, measured):
        assert ticks[-1].send
        ticks.append(executor.tick(len(ticks) * TICK + TICK, measured))
    assert 10 <= len(ticks) - 100 <= 12  # 1 rad/s at 10 rad/s^2
    assert brakes(ticks[60:-1] + [ticks[-2]])


def test_arm_that_a_new_episode_puts_elsewhere_is_not_led_there_from_where_it_was():
    executor, ticks = moving()
    executor.begin_episode(1.0)
    measured = np.array([0.5, 0.5])  # so near that it can have moved there
    after = [executor.tick(k * TICK, measured) for k in range(101, 160)]
    began = next(k for k, tick in enumerate(after) if np.array_equal(tick.positions, measured))
    assert all(np.array_equal(tick.positions, measured) for tick in after[began:])
    assert brakes(ticks[60:] + after[:began] + after[began - 1 : began])


SQUEEZE = np.array([0.0, 0.4])  # what the second joint holds stops it so far from its command


def squeezing():
    """Return an executor that moves its arm while its second joint squeezes, and its last tick."""
    executor = make(arm=robot(**ARM))
    tick = executor.tick(0.0, np.zeros(2))
    executor.push(ramp(30), 0.0)
    for k in range(1, 101):
        tick = executor.tick(k * TICK, tick.positions + min(k / 50, 1.0) * SQUEEZE)
    return executor, tick


def test_gripper_that_squeezes_goes_on_squeezing_after_a_hold():
    executor, tick = squeezing()
    executor.hold()
    ticks = [tick]
    for k in range(101, 160):
        ticks.append(executor.tick(k * TICK, ticks[-1].positions + SQUEEZE))
    assert ticks[-1].mode is Mode.WAITING  # it went on
    assert np.abs(np.diff([tick.positions[1] for tick in ticks])).max() <= 5.0 * TICK
    assert ticks[-1].positions[1] == ticks[-1].positions[0] and brakes(ticks)


@pytest.mark.parametrize('sag', [0.0, 0.1])
def test_joint_that_was_moved_meanwhile_begins_there_and_a_gripper_goes_on_squeezing(sag):
    executor, tick = squeezing()
    for k in range(101, 200):
        stood = executor.stop(k * TICK)
    measured = stood.positions + SQUEEZE - [sag, 0.0]
    for k in range(200, 225):
        tick = executor.tick(k * TICK, measured)
    np.testing.assert_allclose(tick.positions, stood.positions - [sag, 0.0])


def test_arm_that_still_moves_when_it_is_seen_again_begins_where_it_comes_to_rest():
    executor, _ = moving()
    for k in range(101, 200):
        executor.stop(k * TICK)
    ticks = [executor.tick(k * TICK, HOME + min(k - 200, 15) * 0.02) for k in range(200, 225)]
    sent = [tick for tick in ticks if tick.send]
    assert 4 <= len(sent) <= 6 and not any(tick.send for tick in ticks[:19])
    np.testing.assert_allclose(sent[0].positions, HOME + 0.3)


@pytest.mark.parametrize('stop', ['disable', 'estop'])
def test_gripper_of_an_arm_that_was_disabled_begins_where_it_is_measured(stop):
    executor, tick = squeezing()
    getattr(executor, stop)()
    for k in range(101, 160):
        stood = executor.tick(k * TICK, tick.positions + SQUEEZE)
    executor.rearm()
    executor.enable()
    measured = stood.positions + SQUEEZE
    np.testing.assert_array_equal(executor.tick(1.6, measured).positions, measured)


def test_arm_whose_state_is_unknown_brakes_and_then_is_told_nothing():
    executor, ticks = moving()
    after = [executor.stop(k * TICK) for k in range(101, 140)]
    assert brakes(ticks[60:] + after)
    assert after[0].send and not after[-1].send and executor.mode is Mode.HOLDING
    assert executor.request is None and executor.queue.remaining(1.0) == 0.0


def test_arm_that_was_never_told_anything_is_told_nothing_when_it_is_to_stop():
    assert make().stop(0.0) is None


def test_disabled_arm_that_stands_is_told_nothing():
    executor, _ = moving()
    executor.disable()
    sent = [executor.tick(1.0 + k * TICK, HOME).send for k in range(1, 150)]
    assert sent[0] and not sent[-1] and sent == sorted(sent, reverse=True)


@pytest.mark.parametrize('stop', ['disable', 'estop', 'hold'])
def test_the_last_command_of_a_stop_says_that_the_arm_stands(stop):
    executor, ticks = moving()
    getattr(executor, stop)()
    unknown = stop == 'hold'  # where the joints are
    tick = executor.stop if unknown else lambda now: executor.tick(now, ticks[-1].positions)
    sent = [each for each in (tick(1.0 + 0.013 * k) for k in range(1, 40)) if each.send]
    steps = np.diff([each.positions[0] for each in sent])
    assert (steps[:-1] > 0.0).all() and steps[-1] == 0.0


def test_emergency_stop_is_latched_and_takes_arming_and_enabling():
    executor, _ = moving()
    executor.estop()
    assert executor.mode is Mode.ESTOP and not executor.enabled
    with pytest.raises(VlaError, match='release it with rearm first'):
        executor.enable()
    for k in range(101, 250):
        assert executor.tick(k * TICK, HOME).mode is Mode.ESTOP
    executor.rearm()
    assert executor.tick(2.5, HOME).mode is Mode.HOLDING and not executor.enabled
    executor.enable()
    assert executor.tick(2.51, HOME).request is not None


def test_chunk_that_comes_during_an_emergency_stop_is_refused():
    executor, _ = moving()
    executor.estop()
    assert executor.push(ramp(30, start=1.0, sequence=2), 1.0) is PushResult.STALE
    executor.rearm()
    executor.enable()
    assert executor.push(ramp(30, start=1.0, sequence=3), 1.1) is PushResult.ACCEPTED


def test_emergency_stop_acts_within_the_next_tick_whatever_comes_with_it():
    executor, ticks = moving()
    executor.push(ramp(30, start=0.9, sequence=2), 1.0)
    executor.estop()
    tick = executor.tick(1.01, HOME)
    assert (tick.positions[0] - ticks[-1].positions[0]) / TICK == pytest.approx(0.9)


def test_clock_that_is_set_back_in_motion_stops_the_arm_smoothly():
    executor, ticks = moving()
    ticks += [executor.tick(-50.0 + k * TICK, HOME, TICK) for k in range(9)]
    assert np.diff(velocities(ticks))[-8:] == pytest.approx(-0.1)


def test_clock_that_is_set_forward_moves_the_arm_no_faster():
    executor, ticks = moving(observation_timeout=1e3)
    ticks.append(executor.tick(1.5, HOME, TICK))
    assert np.abs(np.diff(velocities(ticks))).max() <= ARM['acceleration'] * TICK + 1e-9


def test_observation_that_has_become_too_old_stops_the_arm():
    executor, ticks = moving(observation_timeout=1.2)
    ticks += [executor.tick(k * TICK, HOME) for k in range(101, 160)]
    modes = [tick.mode for tick in ticks]
    assert modes[118] is Mode.RUNNING and modes[121] is Mode.STARVED
    assert brakes(ticks[60:]) and executor.counters.stale == 1
    assert 'the newest observation is 1.21 s old' in executor.note
    executor.push(ramp(20, start=1.55, sequence=9), 1.6)
    assert executor.note == ''


def test_chunk_of_an_observation_that_is_too_old_is_expired():
    executor = make(observation_timeout=1.0)
    executor.tick(0.0, HOME)
    assert executor.push(ramp(300), 1.1) is PushResult.EXPIRED


# --- chunks that are not believed


def test_chunk_that_jumps_is_refused_counted_and_asked_for_anew():
    executor, _ = moving()
    request = executor.last_request
    far = chunk(np.full(30, 3.9), 1.0, request + 1)
    assert executor.push(far, 1.0) is PushResult.JUMP
    assert (executor.counters.jumps, executor.counters.rejected) == (1, 1)
    assert 'shoulder is 0.58 s away' in executor.objection
    assert executor.tick(1.01, HOME).mode is Mode.RUNNING  # the old chunk goes on


def test_degrees_are_no_radians():
    executor = make(arm=robot(velocity=5.0, limit=2.0))
    executor.tick(0.0, HOME)
    assert executor.push(chunk([30.0, 31.0, 32.0]), 0.0) is PushResult.BEYOND
    assert executor.objection == 'shoulder at 32, expected -2 to 2 rad'
    assert executor.counters.rejected == 1


def test_motion_in_degrees_that_begins_where_the_arm_is_is_seen_by_its_end():
    """10 degrees per second from 1.2 degrees on: as radians each step could be made."""
    executor = make(arm=robot(velocity=5.0, limit=1.9, acceleration=60.0))
    executor.tick(0.0, np.full(2, 0.02))
    assert executor.push(ramp(60, start=0.12, step=1 / 30, slope=10.0), 0.12) is PushResult.BEYOND


# --- what no robot and no clock says


@pytest.mark.parametrize('ahead', [3.0, 2.0**31, 1e9])
def test_episode_of_the_far_future_does_not_make_every_chunk_stale(ahead):
    executor = make(budget_chunks=0)
    executor.reset(ahead)
    executor.tick(0.0, HOME)
    executor.tick(0.01, HOME)
    assert executor.push(ramp(ROWS, start=0.01), 0.1) is PushResult.ACCEPTED


def test_chunk_that_is_ahead_of_the_clock_has_no_negative_latency():
    bench = Bench(latency=0.0, chunk_size_threshold=0.9)
    for k in range(20):
        tick = bench.executor.tick(k / 10, bench.position)
        if tick.request is not None:
            ahead = ramp(ROWS, start=k / 10 + 0.3, sequence=tick.request, slope=0.1)
            bench.executor.push(ahead, k / 10)
    assert bench.executor.counters.accepted > 3
    assert bench.executor.inference_delay == 0 and bench.executor.counters.latency == 0.0


def test_command_that_could_not_be_sent_disables_the_arm_which_brakes_from_the_one_before():
    executor, ticks = moving()
    sent = Motion(robot(**ARM), ticks[-1].positions, np.ones(2))
    executor._anchor.motion.position[:] = np.nan  # whatever the fault was
    executor.refuse('shoulder: got the command nan', sent)
    ticks += [executor.tick(k * TICK, np.ones(2)) for k in range(101, 140)]
    assert brakes([tick for tick in ticks[60:] if tick.send])
    assert not executor.enabled and executor.counters.refused == 1
    assert 'got the command nan' in executor.note
    executor.enable()
    assert executor.note == ''


@pytest.mark.parametrize('sequence', [2**63, 2**64 - 1, -1])
def test_number_that_was_never_given_out_is_refused_and_changes_nothing(sequence):
    executor = make()
    executor.tick(0.0, HOME)
    assert executor.push(ramp(ROWS, sequence=sequence), 0.1) is PushResult.UNKNOWN
    assert executor.last_request == 1 and executor.request == 1
    assert executor.push(ramp(ROWS, sequence=1), 0.1) is PushResult.ACCEPTED


# --- budget


def test_chunks_before_the_first_motion_are_measured_and_not_played():
    bench = Bench(latency=0.1, budget_chunks=3, chunk_size_threshold=0.5).run(2.0)
    running = bench.modes.index(Mode.RUNNING) * bench.period
    assert running == pytest.approx(0.3, abs=0.03)
    assert bench.executor.counters.accepted == len(bench.asked) - 2 - bool(bench.executor.request)
    assert bench.executor.budget().latency == pytest.approx(0.1)


def test_arm_that_would_starve_is_not_let_go_and_says_what_to_do():
    bench = Bench(latency=0.45, budget_chunks=3, chunk_size_threshold=0.2).run(5.0)
    assert set(bench.modes) == {Mode.WAITING} and bench.executor.counters.accepted == 0
    assert 'needs chunk_size_threshold 0.45, it is 0.20; raise it' in bench.executor.note


def test_automatic_budget_raises_the_threshold_and_lets_the_arm_go():
    bench = Bench(latency=0.45, budget_chunks=3, chunk_size_threshold=0.2, auto_budget=True).run(
        8.0
    )
    assert bench.executor.threshold == pytest.approx(0.54)
    assert Mode.RUNNING in bench.modes and bench.executor.counters.starved == 0


@pytest.mark.parametrize('latency', [0.55, 1.5])
def test_no_threshold_helps_a_policy_that_needs_more_than_half_of_its_chunks(latency):
    bench = Bench(latency=latency, budget_chunks=2, auto_budget=True).run(8.0)
    assert Mode.RUNNING not in bench.modes
    assert 'no threshold is enough' in bench.executor.note


def test_arm_is_let_go_when_the_policy_has_become_faster():
    bench = Bench(latency=0.5, budget_chunks=2).run(3.0)
    bench.latency = 0.1
    bench.run(8.0)
    assert Mode.RUNNING in bench.modes


def test_forecast_tells_that_the_queue_will_run_dry_before_it_does():
    bench = Bench(latency=0.1).run(4.0)
    executor = bench.executor
    assert executor.forecast(bench.now) > 0.05
    bench.latency = 0.6  # a slow chunk
    forecasts, starved = [], []
    for _ in range(200):
        bench.run(0.01)
        forecasts.append(executor.forecast(bench.now))
        starved.append(executor.counters.starved)
    first = starved.index(1)
    warned = next(k for k, value in enumerate(forecasts) if value < 0.0)
    assert first - warned >= 4  # 40 ms before


def test_synchronous_mode_waits_by_intention_and_needs_no_budget():
    bench = Bench(latency=0.5, mode='sync', budget_chunks=3).run(2.0)
    assert Mode.RUNNING in bench.modes and np.isnan(bench.executor.forecast(bench.now))


# --- what a policy continues


def test_queued_rows_and_the_expected_delay_are_there_for_a_policy_that_continues_them():
    bench = Bench(latency=0.25, chunk_size_threshold=0.5).run(3.0)
    queued = bench.executor.queue.rest(bench.now)
    assert bench.executor.inference_delay == 3
    assert queued.start <= bench.now < queued.start + STEP
    assert queued.at(bench.now + 0.1) == pytest.approx(
        bench.executor.queue.sample(bench.now + 0.1)
    )
    bench.executor.disable()
    assert bench.executor.queue.rest(bench.now) is None


def test_second_chunk_is_told_how_long_the_first_one_took():
    bench = Bench(latency=0.25, chunk_size_threshold=1.0).run(0.25)
    assert bench.executor.inference_delay == 0
    bench.latency = 0.15  # the warm-up is over
    bench.run(0.05)
    assert len(bench.asked) == 2 and bench.executor.inference_delay == 3
    bench.run(0.15)
    assert bench.executor.inference_delay == 2


def test_arm_that_lags_far_behind_is_told_to_stand_too_where_one_late_tick_brakes_it():
    executor = make(arm=robot(**ARM), jump_time=np.inf)
    executor.tick(0.0, np.zeros(2))
    executor.push(ramp(ROWS), 0.0)
    last = [executor.tick(now, HOME - 0.5).positions for now in np.arange(1, 60) * TICK][-1]
    executor.estop()
    late = executor.tick(60 * TICK + 0.5, HOME - 0.5, elapsed=0.3)
    assert late.send and late.mode is Mode.ESTOP
    assert np.array_equal(late.positions, last)
    assert not executor.tick(61 * TICK + 0.5, HOME - 0.5).send

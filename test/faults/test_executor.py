# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults that need no process: the real executor of the SO-101, in simulated time."""

from dataclasses import replace

import numpy as np
import pytest
from faults.bench import ROBOT, Bench, altered
from faults.recording import Reset
from faults.table import Seen

from vla_ros.core.errors import VlaError
from vla_ros.core.queue import PushResult
from vla_ros.core.status import Mode

PERIOD = 1 / 60
BRAKING = 0.1  # s; from full velocity at full deceleration, and one control period


@pytest.fixture
def bench():
    return Bench(observation_timeout=10.0)


@pytest.fixture
def conclude(bench, table):
    """Return the function that judges the commands and adds the row to the table."""

    def judge(fault, outcome, **times):
        worst = bench.recording.ratios().worst
        table.append(Seen(fault, outcome, worst=worst, **times))
        bench.recording.check()

    return judge


def holds(bench, began, mode, timeout=10.0):
    """Run until the executor is in ``mode`` and the arm stands; return both times, s."""
    noticed = bench.run_until(mode, timeout)
    bench.run(0.5)
    return noticed, bench.held(began)


def goes_on(bench, after):
    """Run until the arm moves again; return when it did, s."""
    bench.run_until(Mode.RUNNING)
    bench.run(0.5)
    return bench.recording.since(after).motions[0]


def hold_and_go_on(bench, conclude, fault, mode=Mode.STARVED):
    """Leave the fault in until the arm holds, mend it, and see the arm go on."""
    began = bench.true_time
    left = bench.executor.queue.remaining(bench.now)
    noticed, held = holds(bench, began, mode)
    bench.spoil, ended = None, bench.true_time
    again = goes_on(bench, ended)
    conclude(
        fault,
        f'played the {left:.1f} s that were queued, held, went on',
        detected=noticed - began,
        held=held - began,
        recovered=again - ended,
    )
    assert held - began <= left + BRAKING
    assert again - ended <= 6.0  # the request is repeated after 5 s


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_actions_that_are_no_numbers_never_reach_the_arm(bench, conclude, value):
    def spoil(chunk):
        values = chunk.values.copy()
        values[7, 2] = value
        return altered(chunk, values)

    bench.moving()
    bench.spoil = spoil
    hold_and_go_on(bench, conclude, f'action is {value}')
    assert bench.refused and 'NaN or infinity' in bench.refused[0]
    assert bench.executor.counters.rejected >= len(bench.refused)


def test_actions_out_of_range_are_followed_to_the_limit_only(bench, conclude):
    bench.moving()
    bench.spoil = lambda chunk: replace(chunk, values=chunk.values + 0.4 * ROBOT.upper)
    bench.run(3.0)
    bench.spoil = lambda chunk: replace(chunk, values=5.0 * chunk.values)
    bench.run(3.0)
    bench.spoil, ended = None, bench.true_time
    again = goes_on(bench, ended)
    assert bench.executor.counters.limited > 0
    conclude('actions out of range', 'clamped, went on', recovered=again - ended)


def test_actions_that_jump_are_rejected_and_counted(bench, conclude):
    bench.moving()
    bench.spoil = lambda chunk: replace(chunk, values=chunk.values + 3.0)
    hold_and_go_on(bench, conclude, 'actions jump by 3 rad')
    assert PushResult.BEYOND in bench.results and bench.executor.counters.rejected >= 1


@pytest.mark.parametrize(
    ('fault', 'spoil', 'said'),
    [
        ('step of a microsecond', {'step': 1e-6}, 'expected a step of at least'),
        ('smallest step there is', {'step': 5e-324}, 'expected a step of at least'),
        ('chunk of an hour', {'step': 72.0}, '100 s in all'),
        ('a million rows', {'values': np.broadcast_to(0.1, (10**6, 6))}, 'got 1000000 rows'),
        ('positions of 1e300 rad', {'values': np.full((50, 6), 1e300)}, 'finite positions'),
        ('chunk of no time', {'start': np.nan}, 'expected a time in s'),
    ],
)
def test_chunk_that_would_keep_the_loop_waiting_is_refused(bench, conclude, fault, spoil, said):
    bench.moving()
    bench.spoil = lambda chunk: lambda: replace(chunk, **spoil)
    hold_and_go_on(bench, conclude, fault)
    assert said in bench.refused[0]
    assert bench.executor.counters.rejected >= len(bench.refused)


def test_policy_that_answers_in_degrees_is_refused_and_asked_for_its_units(bench, conclude):
    bench.moving()
    bench.spoil = lambda chunk: replace(chunk, values=np.rad2deg(chunk.values))
    hold_and_go_on(bench, conclude, 'policy in degrees')
    assert PushResult.BEYOND in bench.results and 'units?' in PushResult.BEYOND.value


def test_one_row_that_jumps_is_rejected_too(bench, conclude):
    def spoil(chunk):
        values = chunk.values.copy()
        values[20] += 1.5
        return replace(chunk, values=values)

    bench.moving()
    bench.spoil = spoil
    hold_and_go_on(bench, conclude, 'one row jumps by 1.5 rad')
    assert bench.executor.counters.jumps >= 1


@pytest.mark.parametrize(
    ('fault', 'spoil', 'result'),
    [
        ('chunk after expiry', lambda c: replace(c, start=c.start - 30.0), PushResult.EXPIRED),
        ('chunk of the far future', lambda c: replace(c, start=c.start + 60.0), PushResult.FUTURE),
        (
            'chunk nobody asked for',
            lambda c: replace(c, sequence=2**63),
            PushResult.UNKNOWN,
        ),
    ],
)
def test_chunk_that_does_not_fit_the_time_is_rejected(bench, conclude, fault, spoil, result):
    bench.moving()
    bench.spoil = spoil
    hold_and_go_on(bench, conclude, fault)
    assert result in bench.results


def test_chunks_that_are_lost_are_asked_for_again(bench, conclude):
    bench.moving()
    bench.spoil = lambda chunk: None
    hold_and_go_on(bench, conclude, 'chunks are lost')
    assert bench.executor.counters.lost >= 1


def test_chunks_twice_and_out_of_order_do_no_harm(bench, conclude):
    bench.moving()
    seen = []

    def spoil(chunk):
        seen.append(chunk)
        bench.push(chunk)
        bench.push(seen[-2] if len(seen) > 1 else chunk)
        return chunk

    bench.spoil = spoil
    starved = bench.executor.counters.starved
    bench.run(8.0)
    assert bench.results.count(PushResult.STALE) >= 2 * len(seen)
    assert bench.executor.counters.starved == starved and bench.executor.mode is Mode.RUNNING
    conclude('chunks twice and out of order', 'went on; every second one was refused')


def test_chunk_with_other_joints_is_refused(bench, conclude):
    bench.moving()
    bench.spoil = lambda chunk: replace(chunk, joint_names=chunk.joint_names[::-1])
    hold_and_go_on(bench, conclude, 'chunk of another robot')
    assert 'expected shoulder_pan' in bench.refused[0]


def test_joint_states_that_stop_coming_brake_the_arm_at_once(bench, conclude):
    began = bench.moving()
    bench.felt = False
    noticed, held = holds(bench, began, Mode.HOLDING)
    bench.measured = bench.measured + 0.3  # somebody moved the arm meanwhile
    bench.felt, ended = True, bench.true_time
    again = goes_on(bench, ended)
    conclude(
        'joint states stop, and the arm is moved by hand',
        'braked, went on from the measured position',
        detected=noticed - began,
        held=held - began,
        recovered=again - ended,
    )
    assert held - began <= BRAKING


def test_an_episode_that_begins_while_the_arm_moves_brakes_it(bench, conclude):
    """Whoever keeps the episodes of a real arm may say so at any time."""
    began = bench.moving()
    bench.executor.begin_episode(bench.now)
    bench.run_until(Mode.WAITING)
    stood = bench.held(began)
    again = goes_on(bench, bench.true_time)
    conclude(
        'episode begins while the arm moves',
        'braked, went on with the next chunk',
        held=stood - began,
        recovered=again - began,
    )
    assert stood - began <= BRAKING


def test_an_arm_that_a_simulation_puts_elsewhere_begins_there(bench, conclude):
    began = bench.moving()
    bench.executor.begin_episode(bench.now)
    bench.felt = False
    bench.run(2 * PERIOD)  # until the simulation tells where the arm is now
    bench.recording.resets.append(Reset(bench.true_time, bench.true_time))
    bench.measured, bench.felt = np.array(ROBOT.home), True
    bench.run(PERIOD)
    first = bench.recording.commands[-1].positions
    again = goes_on(bench, bench.true_time)
    conclude('arm is put elsewhere as it moves', 'began there', recovered=again - began)
    assert np.array_equal(first, ROBOT.home)


def test_inference_that_is_10_times_slower_for_a_while_starves_and_goes_on(bench, conclude):
    bench.moving()
    bench.latency *= 10
    bench.run(10.0)
    assert bench.executor.counters.starved >= 1
    bench.latency /= 10
    ended = bench.true_time
    bench.run(4.0)
    starved = bench.executor.counters.starved
    bench.run(5.0)
    assert bench.executor.counters.starved == starved, 'a spike is not forgotten'
    conclude(
        'inference 10 times slower for 10 s',
        f'held {starved} times until the chunk came; went on without a pause after',
        recovered=bench.recording.since(ended).motions[0] - ended,
    )


@pytest.mark.parametrize('step', [-3600.0, -5.0, -0.5, 0.5, 5.0, 3600.0])
def test_clock_that_is_set_never_makes_the_arm_jump(bench, conclude, step):
    began = bench.moving()
    bench.offset += step
    bench.run(2.0)
    goes_on(bench, began + 2.0)
    motions = np.array([began, *bench.recording.since(began).motions])
    pause = np.diff(motions).max()
    conclude(
        f'clock is set by {step:+g} s',
        'went on' if pause < 0.05 else 'braked, went on with the next chunk',
        recovered=pause,
    )
    assert pause <= 1.0


@pytest.mark.parametrize('at', [0.0, PERIOD / 2])
def test_emergency_stop_during_a_merge_is_the_last_word(bench, conclude, at):
    bench.moving()
    chunk = bench.plan(bench.executor.last_request + 1)
    bench.push(chunk)
    bench.run(at)
    began = bench.true_time
    bench.executor.estop()
    bench.push(bench.plan(chunk.sequence + 1))
    bench.run(1.0)
    held = bench.held(began)
    assert bench.executor.mode is Mode.ESTOP and bench.results[-1] is PushResult.STALE
    with pytest.raises(VlaError, match='rearm'):
        bench.executor.enable()
    bench.executor.rearm()
    bench.run(1.0)
    assert bench.held(began) == held, 'armed again is not enabled'
    bench.executor.enable()
    ended = bench.true_time
    again = goes_on(bench, ended)
    conclude(
        'e-stop during a merge' if not at else 'e-stop between two ticks',
        'braked, stayed stopped until it was armed and enabled',
        detected=PERIOD,
        held=held - began,
        recovered=again - ended,
    )
    assert held - began <= BRAKING


def test_braking_begins_with_the_first_command_after_an_emergency_stop(bench):
    began = bench.moving()
    before = bench.recording.commands[-2:]
    bench.executor.estop()
    bench.run(3 * PERIOD)
    first = bench.recording.since(began).commands[0]
    speed = np.abs(before[1].positions - before[0].positions) / PERIOD
    braked = np.abs(first.positions - before[1].positions) / PERIOD
    slower = np.maximum(speed - ROBOT.acceleration * PERIOD, 0.0)
    assert braked == pytest.approx(slower, abs=1e-6)


def test_chunks_for_a_disabled_arm_move_nothing(bench, conclude):
    began = bench.moving()
    bench.executor.disable()
    bench.run(0.5)
    held = bench.held(began)
    for _ in range(20):
        bench.push(bench.plan(bench.executor.last_request + 1))
        bench.run(0.1)
    assert bench.held(began) == held
    assert set(bench.results[-20:]) == {PushResult.STALE}
    bench.executor.enable()
    ended = bench.true_time
    again = goes_on(bench, ended)
    conclude(
        'chunks while disabled',
        'braked, moved nothing, went on when enabled',
        held=held - began,
        recovered=again - ended,
    )
    assert held - began <= BRAKING


def test_enabling_and_disabling_all_the_time_stays_smooth(bench, conclude):
    random = np.random.default_rng(3)
    bench.moving()
    for _ in range(300):
        chosen = random.integers(5)
        executor = bench.executor
        if chosen == 0:
            executor.estop()
            executor.rearm()
        (executor.enable, executor.disable, executor.enable, executor.hold)[chosen % 4]()
        bench.run(random.uniform(0.0, 0.3))
    bench.executor.enable()
    ended = bench.true_time
    again = goes_on(bench, ended)
    conclude('300 rapid changes of state', 'smooth, went on', recovered=again - ended)


def test_ticks_that_come_late_or_in_bursts_stay_within_the_limits(bench, conclude):
    random = np.random.default_rng(5)
    bench.moving()
    for _ in range(1500):
        late = random.choice([1.0, 1.0, 1.0, 0.05, 2.5, 12.0])
        bench.period = PERIOD * late
        bench.run(bench.period)
    bench.period = PERIOD
    ended = bench.true_time
    again = goes_on(bench, ended)
    conclude('control ticks 20 times early to 12 late', 'went on', recovered=again - ended)

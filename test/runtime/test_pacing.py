# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pacer keeps its grid, and notes what it could not keep."""

import time

import pytest

from vla_ros.runtime import pacing
from vla_ros.runtime.pacing import LONGEST, Pacer


class Clock:
    """A clock that sleeps too long when told to."""

    def __init__(self) -> None:
        self.now, self.late = 100.0, 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, delay: float) -> None:
        self.now += delay + self.late


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pacing, 'time', clock)
    return clock


def test_ticks_lie_on_a_grid_though_some_are_late(clock: Clock) -> None:
    pacer, times = Pacer(0.01), []
    for late in (0.0, 0.003, 0.0, 0.009, 0.0):
        clock.late = late
        pacer.wait()
        times.append(clock.now)
    assert times == pytest.approx([100.01, 100.023, 100.03, 100.049, 100.05])


def test_work_that_takes_part_of_the_period_moves_no_tick(clock: Clock) -> None:
    pacer = Pacer(0.01)
    for number in range(1, 6):
        pacer.wait()
        assert clock.now == pytest.approx(100.0 + 0.01 * number)
        clock.now += 0.006


def test_deadline_that_is_missed_by_a_period_is_given_up_and_counted(clock: Clock) -> None:
    pacer = Pacer(0.01)
    pacer.wait()
    clock.now += 0.5
    pacer.wait()
    pacer.wait()
    assert clock.now == pytest.approx(100.52)
    lateness = pacer.lateness()
    assert (lateness.ticks, lateness.missed) == (3, 1)
    assert lateness.largest == pytest.approx(0.49)


def test_percentiles_are_those_of_all_ticks(clock: Clock) -> None:
    pacer = Pacer(0.01)
    for i in range(200):
        clock.late = 0.005 if i % 50 == 0 else 0.001
        pacer.wait()
    lateness = pacer.lateness()
    assert lateness.p50 == pytest.approx(0.001, abs=2e-5)
    assert lateness.p99 == pytest.approx(0.005, abs=2e-5)
    assert str(lateness) == 'p50 1.00 p99 5.00 max 5.00 ms, 0 of 200 missed'


def test_tick_that_is_later_than_all_bins_is_noted(clock: Clock) -> None:
    pacer = Pacer(0.01)
    clock.late = 3 * LONGEST
    pacer.wait()
    assert pacer.lateness().p50 == pytest.approx(LONGEST)
    assert pacer.lateness().largest == pytest.approx(3 * LONGEST)


def test_before_the_first_tick_nothing_was_late() -> None:
    assert Pacer(0.01).lateness() == (0, 0.0, 0.0, 0.0, 0)


def test_real_time_passes() -> None:
    began, pacer = time.monotonic(), Pacer(0.01)
    for _ in range(20):
        pacer.wait()
    assert time.monotonic() - began >= 0.2

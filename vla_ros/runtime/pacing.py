# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A control loop's clock: wakes at absolute deadlines, and notes how late it really was."""

import time
from array import array
from typing import NamedTuple

import numpy as np

RESOLUTION = 1e-5  # s, of the notes
LONGEST = 0.5  # s; a tick that is later still is noted as that late


class Lateness(NamedTuple):
    """How late ticks were (s)."""

    ticks: int
    p50: float
    p99: float
    largest: float
    missed: int  # deadlines that were given up, being late by a period

    def __str__(self) -> str:
        """Return the figures in ms."""
        p50, p99, largest = 1e3 * self.p50, 1e3 * self.p99, 1e3 * self.largest
        return (
            f'p50 {p50:.2f} p99 {p99:.2f} max {largest:.2f} ms, '
            f'{self.missed} of {self.ticks} missed'
        )


class Pacer:
    """
    Wakes one thread every ``period`` seconds.

    Deadlines lie on a grid, so that a late tick makes no later one late; one that is missed by a
    whole period is given up, and the grid begins anew.
    """

    def __init__(self, period: float) -> None:
        """Begin now."""
        self._period = period
        self._deadline = time.monotonic()
        self._counts = array('Q', bytes(8 * (round(LONGEST / RESOLUTION) + 1)))  # by lateness
        self._largest, self._missed = 0.0, 0

    def wait(self) -> None:
        """Sleep until the next deadline."""
        self._deadline += self._period
        delay = self._deadline - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        lateness = time.monotonic() - self._deadline
        self._counts[min(round(lateness / RESOLUTION), len(self._counts) - 1)] += 1
        self._largest = max(self._largest, lateness)
        if lateness > self._period:
            self._missed += 1
            self._deadline += lateness

    def lateness(self) -> Lateness:
        """Return how late the ticks were so far."""
        counts = np.cumsum(np.frombuffer(self._counts, np.uint64))
        ticks = int(counts[-1])
        p50, p99 = (
            float(RESOLUTION * np.searchsorted(counts, share * ticks)) for share in (0.5, 0.99)
        )
        return Lateness(ticks, p50, p99, self._largest, self._missed)

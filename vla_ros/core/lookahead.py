# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lookahead: the commands to come, for a controller that is told its way ahead of time."""

from copy import copy
from math import ceil

import numpy as np

from vla_ros.core.limits import Motion
from vla_ros.core.queue import ActionQueue

TICKS_AT_ONCE = 8  # are computed within one tick; where there is a workspace each takes its time
MOST_TICKS = 900  # the rest is looked at when these are over
ROUNDING = 1e-6  # of a period


class Lookahead:
    """
    What an executor is about to command, one control period after the other.

    It is what the ticks would do if nothing else happened: the queue is played within the limits
    of the robot, and then the arm brakes. It is computed bit by bit; each bit ends at rest.
    """

    def __init__(self, motion: Motion, queue: ActionQueue, now: float, period: float) -> None:
        """Look ahead from ``motion``, which is at ``now`` (s), by ticks of ``period`` (s)."""
        self._motion, self._queue = copy(motion), copy(queue)  # neither alters what it holds
        self._start, self._period = now, period
        self._rows = [motion.position]
        self._braking = self._brake()
        self.complete = False

    def extend(self) -> None:
        """Look TICKS_AT_ONCE further, to the end of the queue at most."""
        for _ in range(TICKS_AT_ONCE):
            target = self._queue.sample(self._start + len(self._rows) * self._period)
            self.complete = target is None or len(self._rows) > MOST_TICKS
            if target is None or self.complete:
                break
            self._rows.append(self._motion.follow(target, self._period))
        self._braking = self._brake()

    @property
    def led(self) -> int:
        """Return how many ticks are known until the arm brakes."""
        return len(self._rows)

    @property
    def rows(self) -> np.ndarray:
        """Return the commands (ticks, joints) rad, the first at the start, the last at rest."""
        return np.array([*self._rows, *self._braking])

    def at(self, now: float) -> np.ndarray:
        """Return the position (joints,) at ``now`` (s), interpolated; at rest after the end."""
        rows = self._rows + self._braking
        place = min(max((now - self._start) / self._period, 0.0), len(rows) - 1.0)
        low = int(place)
        high = min(low + 1, len(rows) - 1)
        position: np.ndarray = rows[low] + (place - low) * (rows[high] - rows[low])
        return position

    def after(self, now: float) -> np.ndarray:
        """
        Return the commands (n, joints) rad at whole periods after ``now`` (s).

        There is at least one: where the arm comes to rest.
        """
        rows = self.rows
        place = (now - self._start) / self._period
        left = max(1, ceil(len(rows) - 1 - place - ROUNDING))
        places = np.clip(place + np.arange(1, left + 1), 0.0, len(rows) - 1.0)
        low = places.astype(int)
        high = np.minimum(low + 1, len(rows) - 1)
        return rows[low] + (places - low)[:, None] * (rows[high] - rows[low])

    def _brake(self) -> list[np.ndarray]:
        """Return the commands (joints,) that bring the arm to rest from where it was led."""
        motion, rows = copy(self._motion), []
        while motion.moving:
            rows.append(motion.stop(self._period))
        return rows

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Smooth motions of the expert, from rest or from a speed that the arm has already."""

from typing import NamedTuple

import numpy as np


class Segment(NamedTuple):
    """A motion along waypoints that ends at rest."""

    waypoints: np.ndarray  # (n, 6) rad, the first is where the arm was
    ticks: int
    speed: np.ndarray  # (6,) rad/s, at which the arm came

    def at(self, tick: int, rate: float) -> np.ndarray:
        """Return the target (6,) of a tick."""
        part = tick / self.ticks
        position = minimum_jerk(part) * (len(self.waypoints) - 1)
        low = min(int(position), len(self.waypoints) - 2)
        before, after = self.waypoints[low : low + 2]
        way = self.ticks / rate * slowing_down(part) * self.speed
        return before + (after - before) * (position - low) + way


def minimum_jerk(part: float) -> float:
    """Return the travelled part (0 to 1) of a minimum-jerk motion (Flash and Hogan, 1985)."""
    part = min(1.0, part)
    return part**3 * (10 - 15 * part + 6 * part**2)


def slowing_down(part: float) -> float:
    """
    Return the way beside minimum_jerk's of an arm that came at speed 1 and has time 1.

    Together they are the motion of minimum jerk from any speed to rest.
    """
    part = min(1.0, part)
    return part - part**3 * (6 - 8 * part + 3 * part**2)

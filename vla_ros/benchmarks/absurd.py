# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chunks that no policy makes: what a broken node, another unit or an attacker sends."""

from typing import NamedTuple

import numpy as np

ROWS = (1, 2, 999, 1000, 1001, 1_000_000)
STEPS = (0.0, -0.0, -1.0, 5e-324, 1e-9, 1e-6, 9.99e-4, 1e-3, 0.1, 1e2, 1e9, 1e300, np.inf, np.nan)
STARTS = (0.0, 0.9, -0.9, -9.0, 2.0**31, -(2.0**31), 1e300, -np.inf, np.nan)  # s from now
VALUES = (0.0, -0.0, 5e-324, 1.0, 57.3, -3.4e38, 1.7e308, np.nan, np.inf)
AHEAD = (0, 1, -1, 2**32, 2**63, 2**64 - 1)  # of the request


class RawChunk(NamedTuple):
    """A chunk that nobody has looked at yet; fields as those of ActionChunk."""

    values: np.ndarray
    start: float
    step: float
    sequence: int

    def broken(self, rng: np.random.Generator) -> 'RawChunk':
        """Return the chunk with a number that is none."""
        values = np.array(self.values[:1000])
        values[rng.integers(len(values)), 0] = rng.choice([np.nan, np.inf, -np.inf])
        return self._replace(values=values)


def absurd_chunk(rng: np.random.Generator, joints: int, now: float, request: int) -> RawChunk:
    """
    Return a chunk of any length, step, time and values; many of them sound in all but one.

    A million rows are one row in memory, seen a million times.
    """
    rows = int(rng.choice(ROWS, p=(0.1, 0.1, 0.2, 0.3, 0.15, 0.15)))
    step = float(rng.choice(STEPS)) if rng.random() < 0.5 else 0.05
    start = now + (float(rng.choice(STARTS)) if rng.random() < 0.5 else 0.0)
    value = float(rng.choice(VALUES)) if rng.random() < 0.5 else 0.5
    ahead = int(rng.choice(len(AHEAD))) if rng.random() < 0.3 else 0
    drift = np.linspace(0.0, 1e-3, min(rows, 1000))[:, None] * np.ones(joints)
    values = value + drift if rows <= 1001 else np.broadcast_to(value, (rows, joints))
    if rows == 1001:
        values = np.vstack([values, values[-1:]])
    return RawChunk(values, start, step, max(0, min(request + AHEAD[ahead], 2**64 - 1)))

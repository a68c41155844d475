# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Action chunk: a short piece of the robot's future."""

from dataclasses import dataclass

import numpy as np

from vla_ros.core.errors import VlaError

MOST_ROWS = 1000  # of a chunk; the largest that policies make have 100
SHORTEST_STEP = 1e-3  # s
LONGEST_CHUNK = 100.0  # s
FARTHEST = 1e10  # rad, m or s since 1970; beyond it a float64 knows no microradian


@dataclass(frozen=True)
class ActionChunk:
    """
    Joint positions a policy wants at ``start``, ``start + step``, and so on.

    Rows are bound to time, not to a cursor: whoever holds the chunk and a clock knows what the
    robot should do. Raises VlaError for values that are no finite (steps, joints) array, and for a
    chunk so long or so fine that the work on it would keep a control loop waiting.
    """

    values: np.ndarray  # (steps, joints), rad or m
    start: float  # s, time of row 0
    step: float  # s between rows
    sequence: int  # of the request that it answers
    joint_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check shape, step and values."""
        self._check_size()
        farthest = np.abs(self.values).max()
        if not farthest <= FARTHEST:
            got = f'{farthest:g}' if np.isfinite(farthest) else 'NaN or infinity'
            raise VlaError(
                f'chunk {self.sequence}: got {got}, expected finite positions within '
                f'{FARTHEST:g}; the policy or its input is broken'
            )

    def _check_size(self) -> None:
        """Check what decides how much work the chunk makes, before any is done."""
        rows, joints = len(self.values), len(self.joint_names)
        if self.values.ndim != 2 or self.values.shape[1] != joints or not self.values.size:
            raise VlaError(
                f'chunk {self.sequence}: got values of shape {self.values.shape}, expected '
                f'(steps, {joints}) with a column for each joint'
            )
        if rows > MOST_ROWS:
            raise VlaError(f'chunk {self.sequence}: got {rows} rows, expected at most {MOST_ROWS}')
        if not (self.step >= SHORTEST_STEP and rows * self.step <= LONGEST_CHUNK):
            raise VlaError(
                f'chunk {self.sequence}: got {rows} rows with a step of {self.step} s, expected '
                f'a step of at least {SHORTEST_STEP} s and {LONGEST_CHUNK:g} s in all; the step '
                'is the time from one row to the next in seconds'
            )
        if not abs(self.start) <= FARTHEST:
            raise VlaError(f'chunk {self.sequence}: got start {self.start}, expected a time in s')

    @property
    def end(self) -> float:
        """Return the time of the last row, s."""
        return self.start + (len(self.values) - 1) * self.step

    @property
    def duration(self) -> float:
        """Return the seconds that the chunk lasts; each row, the last one too, lasts one step."""
        return len(self.values) * self.step

    @property
    def largest_step(self) -> np.ndarray:
        """Return how far each joint goes at most from one row to the next, (joints,) rad or m."""
        return np.abs(np.diff(self.values, axis=0)).max(axis=0, initial=0.0)

    @property
    def lowest(self) -> np.ndarray:
        """Return the lowest position of each joint, (joints,) rad or m."""
        return self.values.min(axis=0)

    @property
    def highest(self) -> np.ndarray:
        """Return the highest position of each joint, (joints,) rad or m."""
        return self.values.max(axis=0)

    def at(self, time: float | np.ndarray) -> np.ndarray:
        """
        Return the positions at ``time`` (s), interpolated; the end rows hold outside the chunk.

        One time gives (joints,), an array of n times (n, joints).
        """
        if isinstance(time, float):
            return self._between_rows((time - self.start) / self.step)
        row = np.clip((np.asarray(time) - self.start) / self.step, 0.0, len(self.values) - 1.0)
        low = row.astype(int)
        high = np.minimum(low + 1, len(self.values) - 1)
        return self.values[low] + (row - low)[..., None] * (self.values[high] - self.values[low])

    def _between_rows(self, row: float) -> np.ndarray:
        """Return the positions at one row number; a control loop asks this at every tick."""
        if row <= 0.0:
            return self.values[0].copy()
        low = int(row)
        if low >= len(self.values) - 1:
            return self.values[-1].copy()
        values: np.ndarray = self.values[low]
        return values + (row - low) * (self.values[low + 1] - values)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Action chunk: a short piece of the robot's future."""

from dataclasses import dataclass

import numpy as np

from vla_ros.core.errors import VlaError


@dataclass(frozen=True)
class ActionChunk:
    """
    Joint positions a policy wants at ``start``, ``start + step``, and so on.

    Rows are bound to time, not to a cursor: whoever holds the chunk and a clock knows what the
    robot should do. Raises VlaError for values that are no finite (steps, joints) array.
    """

    values: np.ndarray  # (steps, joints), rad or m
    start: float  # s, time of row 0
    step: float  # s between rows
    sequence: int  # of the request that it answers
    joint_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check shape, step and values."""
        joints = len(self.joint_names)
        if self.values.ndim != 2 or self.values.shape[1] != joints or not self.values.size:
            raise VlaError(
                f'chunk {self.sequence}: got values of shape {self.values.shape}, expected '
                f'(steps, {joints}) with a column for each of {", ".join(self.joint_names)}'
            )
        if not 0 < self.step < np.inf:
            raise VlaError(f'chunk {self.sequence}: step: got {self.step} s, expected above 0')
        if not (np.isfinite(self.values).all() and np.isfinite(self.start)):
            raise VlaError(
                f'chunk {self.sequence}: got NaN or infinity, expected finite positions; the '
                'policy or its input is broken'
            )

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

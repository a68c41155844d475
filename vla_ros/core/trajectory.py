# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Trajectory: where the joints are to be at certain times, as a JointTrajectory says it.

It is played as ros2_control's joint_trajectory_controller plays it: from where the joints are
when it comes to its first point, linearly from point to point, or by cubic splines where every
point has velocities; points whose time went by before it came are passed over, and at the end the
joints stay. Accelerations are left out: whoever follows keeps to those of the robot.
"""

from dataclasses import dataclass

import numpy as np

from vla_ros.core.errors import VlaError

SET_POINT = 0.1  # s; one place that is to be reached within this is one of a stream: at once
MOST_POINTS = 500  # of a message: reading them keeps a control loop waiting


@dataclass(frozen=True)
class Trajectory:
    """Points of a way; raises VlaError where they are none, or out of order."""

    times: np.ndarray  # (points,) s after its beginning, ascending
    positions: np.ndarray  # (points, joints) rad or m
    velocities: np.ndarray | None = None  # (points, joints) rad/s or m/s; None: straight lines

    def __post_init__(self) -> None:
        """Check shapes, values and times."""
        shape = self.positions.shape
        if len(shape) != 2 or not 0 < len(self.times) == shape[0]:
            raise VlaError(
                f'trajectory: got {len(self.times)} times for positions of shape {shape}, '
                'expected (points, joints), and one point at least'
            )
        arrays = [self.positions] if self.velocities is None else [self.positions, self.velocities]
        if not all(each.shape == shape and np.isfinite(each).all() for each in arrays):
            raise VlaError('trajectory: got NaN or infinity, expected a finite value per joint')
        late = np.flatnonzero(np.diff(self.times) <= 0.0)
        if len(late):
            before, after = self.times[late[0]], self.times[late[0] + 1]
            raise VlaError(
                f'trajectory: got point {late[0] + 1} at {after:g} s, behind one at {before:g} s, '
                'expected times that ascend; give each point its time_from_start'
            )
        if self.times[0] < 0.0:
            raise VlaError(
                f'trajectory: got its first point at {self.times[0]:g} s, expected 0 or later'
            )

    @classmethod
    def to(cls, positions: np.ndarray) -> 'Trajectory':
        """Return the set point ``positions`` (joints,), rad."""
        return cls(np.zeros(1), np.array(positions, np.float64)[None])

    @property
    def is_set_point(self) -> bool:
        """Whether it names one place, to be reached at once: when it was said does not matter."""
        return bool(self.times[0] <= SET_POINT and (self.positions == self.positions[0]).all())

    @property
    def beginning(self) -> np.ndarray | None:
        """Return where it has the joints go at once (joints,) rad; None: it leads them there."""
        return self.positions[0] if self.times[0] <= SET_POINT else None

    @property
    def settled(self) -> float:
        """Return the time of the point from which on the joints stay, s."""
        moving = np.flatnonzero((self.positions != self.positions[-1]).any(axis=1))
        return float(self.times[moving[-1] + 1 if len(moving) else 0])

    def joined(self, position: np.ndarray, velocity: np.ndarray, late: float) -> 'Trajectory':
        """
        Return the way from ``position`` (joints,) rad, at ``velocity``, onto what is left of it.

        It begins ``late`` s after the beginning, or before that where that is negative, and so do
        its times. Of a trajectory that is over there is its last point left.
        """
        if self.is_set_point:
            return self
        left = self.times > late
        if not left.any():
            return Trajectory.to(self.positions[-1])
        velocities = None
        if self.velocities is not None:
            velocities = np.vstack([velocity, self.velocities[left]])
        times = np.concatenate([[0.0], self.times[left] - late])
        return Trajectory(times, np.vstack([position, self.positions[left]]), velocities)

    def at(self, time: float) -> np.ndarray:
        """Return where the joints are to be ``time`` s after the beginning, (joints,) rad."""
        after = int(np.searchsorted(self.times, time, 'right'))
        if after in (0, len(self.times)):
            return self.positions[0 if after == 0 else -1]
        start, end = self.times[after - 1], self.times[after]
        share, (low, high) = (time - start) / (end - start), self.positions[after - 1 : after + 1]
        between: np.ndarray = low + share * (high - low)
        if self.velocities is not None:  # the Hermite spline, as it differs from the line
            first, last = (end - start) * self.velocities[after - 1 : after + 1] - (high - low)
            between = between + share * (1.0 - share) * ((1.0 - share) * first - share * last)
        return between

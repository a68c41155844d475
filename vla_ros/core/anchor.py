# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Anchor: where the arm was told to be, how it is braked, and where it goes on from once it stands.

After a stop the first command is the measured position, but for joints that stand off from their
command as they did before it: a gripper that squeezes goes on squeezing. An arm that is far behind
when its command has come to rest is met by it (see Retreat): no command ever steps back to an arm
that moves. An arm that could not be seen may still move when it is seen again, and is watched for
a moment first.
"""

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.core.limits import Motion
from vla_ros.core.retreat import Retreat
from vla_ros.core.robot import RobotSpec

SMOOTHED = 0.1  # s, over which the speed of a joint is looked at: an encoder has steps


class Anchor:
    """Holds the motion of the arm; None before it was told anything, and once it was moved."""

    def __init__(self, robot: RobotSpec) -> None:
        """Begin with an arm that was never told anything."""
        self.motion: Motion | None = None
        self._robot = robot
        self._told = False  # whether the arm was told to be there; else it is where it was found
        self._lag: np.ndarray = np.full(len(robot.joint_names), np.nan)  # measured less commanded
        self._kept = True  # whether the arm goes on from there, with what it squeezes
        self._retreat: Retreat | None = None
        self._felt: np.ndarray | None = None  # (joints,) rad, measured at the last brake
        self._speed: np.ndarray = np.zeros(len(robot.joint_names))  # (joints,) rad/s
        self._stood = 0.0  # s, since it was braked
        self._seen = 0.0  # s, since its state was not known
        self._measured: np.ndarray | None = None  # (joints,) rad, when it was seen last
        self._unseen = 0.0  # s, since then
        self._doubted = False  # whether somebody may have put it elsewhere meanwhile
        self._put = False  # the same, until it follows again
        self._left: np.ndarray | None = None  # (joints,) rad, from where it leapt

    @property
    def position(self) -> np.ndarray:
        """Return where the arm was told to be, (joints,) rad; a copy."""
        assert self.motion is not None
        return self.motion.position.copy()

    def take(self, motion: Motion | None) -> None:
        """Go on from ``motion``, which the arm was told; None: it was told nothing."""
        self.motion, self._told = motion, motion is not None
        self._retreat = None

    def give_way(self) -> bool:
        """
        Brake, and lead every joint back to where it is: then nothing is pressed any more.

        Say whether that can be done: not where nobody knows what the arm was told.
        """
        if self.motion is None or not self._told:
            self.take(None)
            return False
        self._retreat = Retreat(self._robot, self._lag, yielding=True)
        self._stood, self._kept = 0.0, False
        return True

    def doubt(self) -> None:
        """
        Take note that somebody may have put the arm elsewhere: where it is next seen tells.

        Its command is not led there, which would move it from where it was put.
        """
        self._doubted = self._put = True

    def see(self, measured: np.ndarray, elapsed: float) -> None:
        """
        Take note of where the arm is, (joints,) rad, ``elapsed`` s after the last look.

        Where it was doubted, and is neither where it was told to be nor where it can have moved
        to, it was put there: what it was told before means nothing any more.
        """
        self._unseen += elapsed
        if self._doubted and self._measured is not None and self.motion is not None:
            way = self._robot.velocity * (self._unseen + self._robot.settle_time)
            moved = np.abs(measured - self._measured) > way + self._robot.same_lag
            off = np.abs(measured - self.motion.position) > self._robot.largest_lag
            if (moved & off).any():
                self.take(None)
        self._measured, self._unseen, self._doubted = measured, 0.0, False

    def lose_sight(self, elapsed: float) -> None:
        """Take note that for ``elapsed`` s the state of the arm was not known."""
        self._seen, self._felt = 0.0, None
        self._unseen += elapsed

    def forget_lag(self) -> None:
        """Begin at the measured position next time, whatever a joint squeezes until then."""
        self._kept = False

    def note_lag(self, measured: np.ndarray) -> None:
        """Take note of how the joints (joints,) stand off from their commands while they move."""
        assert self.motion is not None
        self._lag = measured - self.motion.position
        self._stood, self._told, self._kept, self._put = 0.0, True, True, False
        self._retreat, self._felt, self._speed = None, measured, np.zeros(len(measured))

    def brake(self, elapsed: float, measured: np.ndarray | None = None) -> bool:
        """
        Brake; return whether the robot has to be told so: the last time, that it stands.

        Where the arm is known to be far from where that is, (joints,) rad, its command is led
        back.
        """
        if self.motion is None:
            return False
        ahead = self._ahead(self.motion, measured, elapsed)
        moved, target = self.motion.moving, self._way_back(self.motion, ahead)
        if target is None:
            self.motion.stop(elapsed)
        else:
            self.motion.follow(target, elapsed)
        early = ahead is not None and self._stood <= self._robot.settle_time
        restless = self.motion.moving or (early and not self._standing(ahead).all())
        self._stood = 0.0 if restless else self._stood + elapsed
        return moved or self.motion.moving

    def _ahead(
        self, motion: Motion, measured: np.ndarray | None, elapsed: float
    ) -> np.ndarray | None:
        """Look at the arm; return how far its command is ahead of it (joints,), None: unknown."""
        seen = measured if measured is not None and np.isfinite(measured).all() else None
        before, self._felt = self._felt, seen
        if seen is None or before is None or elapsed <= 0.0:
            return None
        self._note_leap(before, seen, elapsed)
        share = min(elapsed / SMOOTHED, 1.0)
        self._speed = (1.0 - share) * self._speed + share * (seen - before) / elapsed
        return motion.position - seen

    def _note_leap(self, before: np.ndarray, seen: np.ndarray, elapsed: float) -> None:
        """Take note that the arm was put elsewhere: it got there as no arm can, and stays."""
        reach = 2.0 * self._robot.velocity * elapsed + self._robot.largest_lag
        if (np.abs(seen - before) > reach).any():
            self._left = before if self._left is None else self._left
        elif self._left is not None:  # else it was misread
            self._put = bool((np.abs(seen - self._left) > self._robot.largest_lag).any())
            self._left = None

    def _standing(self, ahead: np.ndarray | None) -> np.ndarray:
        """Say which joints (joints,) stand, or are where they are sent."""
        slow = np.abs(self._speed) <= self._robot.same_lag / self._robot.settle_time
        return slow if ahead is None else slow | (np.abs(ahead) <= self._robot.same_lag)

    def _way_back(self, motion: Motion, ahead: np.ndarray | None) -> np.ndarray | None:
        """Return where the command of an arm that is far behind is led to; None: it brakes."""
        rests = self._put or not self._told or self._stood > self._robot.settle_time
        if ahead is None or rests or (self._retreat is None and motion.moving):
            return None
        if self._retreat is None:
            self._retreat = Retreat(self._robot, self._lag)
        assert self._felt is not None
        standing = self._standing(ahead)
        coming = ~standing & (self._speed * ahead > 0.0)
        return self._retreat.target(motion, self._felt, coming, standing)

    def settle(self, measured: np.ndarray, elapsed: float) -> bool:
        """
        Say whether the arm has come to rest; then it goes on from where it is.

        That is the measured position (joints,) for every joint that is not where it was left;
        just after it was braked its command is led there first. Raises VlaError for one that is
        no number.
        """
        self._seen += elapsed
        if self.motion is not None and (
            self.motion.moving or self._stood > self._robot.settle_time > self._seen
        ):
            return False
        measured = self._checked(measured)
        if self.motion is None or not self._told:
            self.motion, self._told = Motion(self._robot, measured), False
        elif not (left := self._are_left(measured, self.motion)).all():
            if self._stood <= self._robot.settle_time and not self._put:
                return False
            found = np.where(left, self.motion.position, measured)
            self.motion, self._told = Motion(self._robot, found), False
        return True

    def _are_left(self, measured: np.ndarray, motion: Motion) -> np.ndarray:
        """
        Say which joints (joints,) are where the arm left them, or about to get there.

        A servo lags behind, and its lag must not become a step; nor must that of a joint that
        something stops, be it what the gripper holds. Who was disabled is where it is measured.
        """
        lag = measured - motion.position
        usual = self._lag if self._kept else np.full(len(lag), np.nan)
        if self._stood > self._robot.settle_time:
            return np.abs(lag - usual) <= self._robot.same_lag
        off = np.fmin(np.abs(lag), np.abs(lag - usual))
        return np.full(len(off), off.max() <= self._robot.largest_lag)

    def _checked(self, measured: np.ndarray) -> np.ndarray:
        if measured.shape != self._robot.lower.shape or not np.isfinite(measured).all():
            raise VlaError(
                f'measured positions: got {measured}, expected a number for each of '
                f'{", ".join(self._robot.joint_names)}; mend the robot driver'
            )
        return measured

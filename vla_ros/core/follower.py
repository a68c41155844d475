# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Follower: what an arm does with commands that come from elsewhere, and may stop coming.

Whoever sends them (a policy, a leader arm, a keyboard), the arm stays within its limits, begins
where it stands, and brakes and holds when the commands end.
"""

import numpy as np

from vla_ros.core.anchor import Anchor
from vla_ros.core.errors import VlaError
from vla_ros.core.robot import RobotSpec


class Follower:
    """Brings commands within the limits of the robot; time is an argument, s."""

    def __init__(self, robot: RobotSpec, silence: float) -> None:
        """Begin with an arm that was told nothing; commands end ``silence`` s after the last."""
        self._robot, self._silence = robot, silence
        self._anchor = Anchor(robot)
        self._target: np.ndarray | None = None
        self._heard = -np.inf  # s
        self._following = False

    @property
    def following(self) -> bool:
        """Whether the last tick followed a command."""
        return self._following

    @property
    def moving(self) -> bool:
        """Whether the last tick told the arm to move."""
        return self._anchor.motion is not None and self._anchor.motion.moving

    @property
    def position(self) -> np.ndarray | None:
        """Return where the arm was last told to be (joints,), rad; None before that."""
        return self._anchor.position if self._anchor.motion is not None else None

    @property
    def denied(self) -> str:
        """Return which rule of the workspace kept the arm from its target at the last tick."""
        return self._anchor.motion.denied if self._following and self._anchor.motion else ''

    def take(self, target: np.ndarray, now: float) -> None:
        """
        Follow a command (joints,), rad, from now on.

        Raises VlaError, and follows what came before, where it is no position of this arm.
        """
        if target.shape != self._robot.lower.shape or not np.isfinite(target).all():
            raise VlaError(
                f'command: got {target}, expected a finite position for each of '
                f'{", ".join(self._robot.joint_names)}'
            )
        self._target, self._heard = target.astype(np.float64), now

    def stop(self) -> None:
        """Brake from the next tick on, and forget the command."""
        self._target = None

    def give_way(self) -> bool:
        """
        Have the arm be led back to where it is, so that nothing is pressed any more.

        Say whether the next ticks do that: not where nobody knows what the arm was told.
        """
        self.stop()
        self._following = False
        return self._anchor.give_way()

    def forget(self) -> None:
        """Take note that the arm was let go: it goes on from wherever it is then."""
        self.stop()
        self._anchor.take(None)
        self._following = False

    def tick(self, now: float, elapsed: float, measured: np.ndarray | None) -> np.ndarray | None:
        """
        Return where to send the joints (joints,), rad; None: they hold, there is nothing to say.

        ``measured`` (joints,) is where they are, None where that is not known, and ``elapsed``
        the seconds since the last tick.
        """
        if self._target is not None and not abs(now - self._heard) <= self._silence:
            self.stop()
        if self._target is None or measured is None:
            self._following = False
        elif self._following:
            return self._follow(self._target, measured, elapsed)
        moved = self._anchor.brake(elapsed, measured)
        if measured is None:
            self._anchor.lose_sight(elapsed)
        elif self._anchor.settle(measured, elapsed) and self._target is not None:
            self._following = moved = True
        return self._anchor.position if moved else None

    def _follow(self, target: np.ndarray, measured: np.ndarray, elapsed: float) -> np.ndarray:
        assert self._anchor.motion is not None
        self._anchor.note_lag(measured)
        return self._anchor.motion.follow(target, elapsed).copy()

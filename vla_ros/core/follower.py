# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Follower: what an arm does with commands that come from elsewhere, and may stop coming.

Whoever sends them (a policy, a leader arm, a keyboard), the arm stays within its limits, begins
where it stands, and brakes and holds when the commands end. A trajectory is played in its time.

A leader arm is somewhere before anybody leads with it, and goes on while the arm is stopped: a
person leads from where the arm is, and an arm never runs after a leader that is elsewhere.
"""

import numpy as np

from vla_ros.core.anchor import Anchor
from vla_ros.core.errors import VlaError
from vla_ros.core.robot import RobotSpec
from vla_ros.core.trajectory import Trajectory

PAUSE = 1.0  # s without being followed, after which whoever leads begins anew


class Follower:
    """Brings commands within the limits of the robot; time is an argument, s."""

    def __init__(self, robot: RobotSpec, silence: float) -> None:
        """Begin with an arm that was told nothing; commands end ``silence`` s after the last."""
        self._robot, self._silence = robot, silence
        self._anchor = Anchor(robot)
        self._command: Trajectory | None = None  # what is followed
        self._began = 0.0  # s, when its time began
        self._joined = False  # whether it leads on from where the arm was
        self._heard = self._ends = -np.inf  # s, when it came, and when it leads nowhere further
        self._following = False
        self._led = False  # whether the command is a person's
        self._led_at = -np.inf  # s, when such a one was last followed
        self._stopped = False  # whether whoever commands has to begin where the arm is
        self._let_go = False  # whether commands have come without a pause since the arm was
        self.astray = ''  # which joint keeps the last command from being followed: it is elsewhere

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
        self.play(Trajectory.to(target), now, now)

    def play(self, trajectory: Trajectory, now: float, begin: float, led: bool = False) -> None:
        """
        Follow a trajectory that came ``now`` and begins at ``begin`` (s), in place of any other.

        The commands end ``silence`` s after it did, or after it came. One by which a person leads,
        be it by a leader arm, is only followed from where the arm is, if it was not ``led`` within
        the last PAUSE.
        """
        self._command, self._began, self._joined, self._led = trajectory, begin, False, led
        self._heard, self._ends = now, max(now, begin + trajectory.settled)

    def stop(self) -> None:
        """Brake from the next tick on, and forget the command."""
        self._command = None

    def halt(self) -> None:
        """Stop, and have whoever commands after that begin where the arm is."""
        self.stop()
        self._stopped = True

    def give_way(self) -> bool:
        """
        Have the arm be led back to where it is, so that nothing is pressed any more.

        Say whether the next ticks do that: not where nobody knows what the arm was told.
        """
        self.stop()
        self._following = False
        return self._anchor.give_way()

    def forget(self) -> None:
        """
        Take note that the arm was let go: it goes on from wherever it is then.

        Commands that come already do not switch it on again; they have to end first.
        """
        self.stop()
        self._let_go = True
        self._anchor.take(None)
        self._following = False

    def tick(self, now: float, elapsed: float, measured: np.ndarray | None) -> np.ndarray | None:
        """
        Return where to send the joints (joints,), rad; None: they hold, there is nothing to say.

        ``measured`` (joints,) is where they are, None where that is not known, and ``elapsed``
        the seconds since the last tick.
        """
        if not self._heard - self._silence <= now <= self._ends + self._silence:
            self.stop()
            self._let_go = False
        command = self._welcome(now, measured)
        if command is None or measured is None:
            self._following = False
        elif self._following:
            return self._follow(command, measured, now, elapsed)
        moved = self._anchor.brake(elapsed, measured)
        if measured is None:
            self._anchor.lose_sight(elapsed)
        elif self._anchor.settle(measured, elapsed) and command is not None:
            self._following = moved = True
            self._joined = False
        return self._anchor.position if moved else None

    def _welcome(self, now: float, measured: np.ndarray | None) -> Trajectory | None:
        """Return the command, if there is one, and it need not begin elsewhere than it does."""
        command, self.astray = self._command, ''
        if command is None or measured is None or self._let_go:
            return None
        if self._stopped or (self._led and now - self._led_at > PAUSE):
            self.astray = self._find_astray(command, measured)
        if self.astray:
            return None
        self._stopped = False
        self._led_at = now if self._led else self._led_at
        return command

    def _find_astray(self, command: Trajectory, measured: np.ndarray) -> str:
        """Return which joint is to go at once to where it is not, '' where none is."""
        target, told = command.beginning, self.position
        if target is None:
            return ''
        off = np.abs(target - measured)
        if told is not None:  # what it squeezes is no way to go
            off = np.fmin(off, np.abs(target - told))
        joint = int(off.argmax())
        if off[joint] <= self._robot.largest_lag:
            return ''
        return (
            f'{self._robot.joint_names[joint]} is {off[joint]:.1f} {self._robot.units[joint]} '
            f'off, expected at most {self._robot.largest_lag:.1f}'
        )

    def _follow(
        self, command: Trajectory, measured: np.ndarray, now: float, elapsed: float
    ) -> np.ndarray:
        """Return where to be now, ``elapsed`` s after the last command."""
        motion = self._anchor.motion
        assert motion is not None
        self._anchor.note_lag(measured)
        if not self._joined:
            command = command.joined(motion.position, motion.velocity, now - self._began)
            self._command, self._began, self._joined = command, now, True
        return motion.follow(command.at(now - self._began), elapsed).copy()

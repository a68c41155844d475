# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Guard: the last look at a command before it is published.

It knows nothing of chunks and queues, and shares no arithmetic with what computes the command: it
compares it with the limits of the robot, with what was sent before, and with where the arm is
measured. What it objects to is a fault of this package, and is never sent.
"""

import numpy as np

from vla_ros.core.limits import BEYOND, LONGEST_TICK, PLAY, Motion
from vla_ros.core.robot import RobotSpec

SLACK = 1e-6  # relative, and rad or m: what rounding may add


class Guard:
    """
    Judges one command after another, and remembers what was sent.

    A command has a finite position for each joint; within the limits, or no further beyond them
    than the arm is already; and no further from the command before than the velocity allows, or
    else at the measured position, which moves nothing.
    """

    def __init__(self, robot: RobotSpec) -> None:
        """Begin with an arm that was never told anything."""
        self._robot = robot
        self._sent: np.ndarray | None = None  # (joints,) rad
        self._velocity = np.zeros(len(robot.joint_names))
        self._longest = max(LONGEST_TICK, robot.braking_time)  # s; after a pause it begins anew

    def objection(self, command: np.ndarray, measured: np.ndarray | None, elapsed: float) -> str:
        """
        Return what speaks against sending ``command`` (joints,), '' if nothing does.

        ``measured`` (joints,) is where the arm is, None where nobody knows, and ``elapsed`` the
        seconds for the way from the command before.
        """
        shape = self._robot.lower.shape
        if command.shape != shape or not np.isfinite(command).all():
            return f'got the command {command}, expected a finite position for each joint'
        known = [each for each in (self._sent, measured) if each is not None]
        if not known:
            return 'got a command for an arm that is nowhere: its position was never measured'
        return self._beyond(command, known) or self._too_fast(command, known, elapsed)

    def note(self, command: np.ndarray, elapsed: float) -> None:
        """Take note that ``command`` (joints,) is sent, ``elapsed`` seconds after the last."""
        velocity = np.zeros(len(command))
        if self._sent is not None and elapsed > 0.0:
            velocity = (command - self._sent) / elapsed
            velocity[np.abs(velocity) > self._robot.velocity * (1 + SLACK)] = 0.0  # a new start
        self._sent, self._velocity = command.copy(), velocity

    @property
    def motion(self) -> Motion | None:
        """Return the motion that was sent last, to brake it; None where nothing was."""
        if self._sent is None:
            return None
        return Motion(self._robot, self._sent, self._velocity)

    def _beyond(self, command: np.ndarray, known: list[np.ndarray]) -> str:
        robot = self._robot
        already = np.minimum(np.max([self._outside(each) for each in known], axis=0), BEYOND)
        out = self._outside(command) - already
        joint = int(out.argmax())
        if out[joint] <= SLACK:
            return ''
        return (
            f'{robot.joint_names[joint]}: got the command {command[joint]:.6g}, expected '
            f'{robot.lower[joint]:.6g} to {robot.upper[joint]:.6g}'
        )

    def _outside(self, positions: np.ndarray) -> np.ndarray:
        """Return how far each joint is outside its limits (joints,), 0 inside."""
        robot = self._robot
        return np.maximum(np.maximum(robot.lower - positions, positions - robot.upper), 0.0)

    def _too_fast(self, command: np.ndarray, known: list[np.ndarray], elapsed: float) -> str:
        time = min(max(elapsed, 0.0), self._longest)
        allowed = self._robot.velocity * time * (1.0 + SLACK) + SLACK
        steps = np.abs(command - known)
        excess = np.minimum(steps[0] - allowed, steps[-1] - PLAY - SLACK)
        joint = int(excess.argmax())
        if excess[joint] <= 0.0:
            return ''
        return (
            f'{self._robot.joint_names[joint]}: got a command {steps[0][joint]:.6g} from the last '
            f'one after {elapsed:.6g} s, expected at most {allowed[joint]:.6g}'
        )

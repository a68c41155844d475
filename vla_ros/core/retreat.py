# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Retreat: how the command of an arm that was stopped is led back to the arm that is behind it.

A command that steps back to where the arm is seen has a servo turn round at full force; one that
stays has the arm go on for as far as it is behind, or press against what stops it.
"""

import numpy as np

from vla_ros.core.limits import Motion
from vla_ros.core.robot import RobotSpec

REACHED = 1e-4  # rad or m


class Retreat:
    """
    Where each joint's command is to go once it is at rest: nan where it stays.

    A joint that still comes is met on its way, until it is no further away than the robot's
    largest_lag, and gets to its command by itself from there. One that stands is held up by
    something: its command goes back to where it is, so that it presses no more, unless it stood
    off like that before: a gripper goes on with what it squeezes.
    """

    def __init__(self, robot: RobotSpec, usual: np.ndarray, yielding: bool = False) -> None:
        """
        Take how joints stood off before, (joints,) rad measured less commanded; nan: not known.

        Where it is ``yielding`` every joint goes back, whatever it did before.
        """
        count = len(robot.joint_names)
        self._usual = np.full(count, np.nan) if yielding else usual.copy()
        self._allowed = 0.0 if yielding else robot.largest_lag
        self._goal: np.ndarray = np.full(count, np.nan)

    def target(
        self, motion: Motion, measured: np.ndarray, coming: np.ndarray, standing: np.ndarray
    ) -> np.ndarray | None:
        """
        Return where to lead the commands (joints,) rad; None: they may stay where they are.

        ``measured`` is where the joints are; ``coming`` says which of them are on their way to
        their commands, and ``standing`` which of them stand, (joints,) each. One that does neither
        is pushed, or was misread, and is not led after that.
        """
        lag = measured - motion.position
        usual = np.where(coming, np.nan, self._usual)
        far = np.fmin(np.abs(lag), np.abs(lag - usual)) > self._allowed
        self._goal = np.where(coming, np.nan, self._goal)
        found = far & (coming | standing) & np.isnan(self._goal)
        self._goal = np.where(found, measured, self._goal)
        led = np.isfinite(self._goal)
        if not (led & (np.abs(self._goal - motion.position) > REACHED)).any():
            return None
        return np.where(led, self._goal, motion.rest)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The last thing that happens to a command: it is brought within the limits of the robot."""

import numpy as np

from vla_ros.core.robot import RobotSpec

LONGEST_TICK = 0.1  # s; after a pause, or a clock that jumped, a command goes no further than this


def within_limits(
    robot: RobotSpec, target: np.ndarray, last: np.ndarray, elapsed: float
) -> np.ndarray:
    """
    Return the positions (joints,) nearest to ``target`` that the robot may be sent.

    They lie within the positions that the robot can take and within what its joints can move in
    ``elapsed`` seconds from ``last``, the command before. A robot that was found beyond a limit
    comes back no faster than that either.
    """
    reach = robot.velocity * min(elapsed, LONGEST_TICK)
    return np.clip(np.clip(target, robot.lower, robot.upper), last - reach, last + reach)

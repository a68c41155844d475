# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the robot node."""

from dataclasses import dataclass

from vla_ros.core.defaults import DRIVER, REAL_ROBOT
from vla_ros.ros.params import param


@dataclass(frozen=True)
class RobotParams:
    """Parameters of the robot node."""

    robot: str = param(REAL_ROBOT, "The robot's file in config/robots, or its path.")
    driver: str = param(DRIVER, 'What drives the arm: a name of the table, or module:class.')
    port: str = param('', "The arm's port, best below /dev/serial/by-id; see vla_ros find-ports.")
    calibration: str = param(
        '', "The arm's calibration: LeRobot's id of the arm, or the path of the file."
    )
    rate: float = param(50.0, 'Readings and commands per second.', 1.0, 200.0)
    answer_time: float = param(
        0.01, 'Seconds that a motor has to answer before it is asked again.', 0.001, 1.0
    )
    command_timeout: float = param(
        0.2, 'Seconds without a command after which the arm brakes and holds.', 0.02, 10.0
    )
    speed: float = param(
        1.0, "Share of the robot's velocity that the arm may reach; 0.3 for first runs.", 0.01, 1.0
    )
    unguarded: bool = param(
        False, "Drive an arm whose robot's file has no safety section, wherever it is sent."
    )
    dead_man: bool = param(
        False, 'The arm moves only while topic dead_man says true, at least 5 times a second.'
    )
    max_temperature: float = param(
        60.0, 'Degrees Celsius of a motor at which the arm stops.', 20.0, 120.0
    )
    max_current: float = param(2.0, 'Amperes of a motor at which the arm stops.', 0.05, 100.0)
    overload_time: float = param(
        0.5, 'Seconds of too much current after which the arm stops.', 0.0, 10.0
    )

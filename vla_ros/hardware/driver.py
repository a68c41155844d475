# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What drives an arm: the interface, and the one table of the drivers there are.

A driver is a class that keeps the promise of Driver (see conformance.py). One of one's own needs
no entry in DRIVERS: lookup.find takes ``my_package.my_arm:Driver`` as well.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from vla_ros.core.robot import RobotSpec

# loaded when asked for: each needs the library of its arm
DRIVERS: dict[str, str] = {
    'so101': 'vla_ros.hardware.so101:So101',
    'lerobot': 'vla_ros.hardware.lerobot_robot:LeRobotDriver',
}


@dataclass(frozen=True)
class DriverSettings:
    """What a driver is told about the arm that is wanted."""

    robot: RobotSpec
    port: str = ''  # of the arm's bus; what it may be is the driver's to say
    calibration: str = ''  # path of the arm's calibration, or its name
    answer_time: float = 0.01  # s that a motor has to answer, before it is asked again


@dataclass(frozen=True)
class Reading:
    """What an arm told about itself; arrays hold one value per joint, nan where it is unknown."""

    positions: np.ndarray  # (joints,) rad, all known
    current: np.ndarray | None = None  # (joints,) A, of each motor; signed where it tells that
    load: np.ndarray | None = None  # (joints,) share of the torque that the motor can give, signed
    temperature: np.ndarray | None = None  # (joints,) degrees Celsius
    voltage: np.ndarray | None = None  # (joints,) V
    faults: dict[str, str] = field(default_factory=dict)  # what a motor objects to, by joint


class Driver(ABC):
    """
    One arm behind its own bus or library, in rad and in the order of the robot's joints.

    It is made from DriverSettings, and then it is ready: an arm that is not there, or is not the
    one that its calibration describes, raises ConfigError. Making and closing a driver moves no
    joint and lets none go. Calls come from one thread, one at a time, and none takes longer than
    a few control periods.
    """

    @abstractmethod
    def read(self) -> Reading:
        """
        Return where the joints are now.

        Raise VlaError where that is not known; it names the joint or the cable, and the call
        after it tries anew, also after the arm was unplugged and plugged in again.
        """

    @abstractmethod
    def write(self, positions: np.ndarray) -> None:
        """
        Send the joints to ``positions`` (joints,) rad; they hold them until the next call.

        An arm whose motors are off is switched on where it stands, and goes on from there. The
        caller sees to limits and steps; a driver keeps the arm within its own calibrated range
        besides. Raise VlaError where the arm can't be reached.
        """

    @abstractmethod
    def relax(self) -> None:
        """Switch the motors off, so that the arm can be moved by hand (and may fall)."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the bus; a motor that is on holds where it is. Closing twice is once."""

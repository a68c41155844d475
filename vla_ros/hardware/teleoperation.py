# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a person leads an arm with: the interface, and the one table of the devices there are.

A device of one's own is a class that keeps the promise of Teleoperator; it needs no entry here,
for lookup.find takes ``my_package.spacemouse:SpaceMouse`` as well.
"""

import os
import select
import sys
import termios
import tty
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.robot import RobotSpec
from vla_ros.hardware.driver import DriverSettings

# loaded when asked for: a leader arm needs the library of its servos
TELEOPERATORS = {
    'leader': 'vla_ros.hardware.leader:LeaderArm',
    'keyboard': 'vla_ros.hardware.teleoperation:Keyboard',
    'gamepad': 'vla_ros.hardware.gamepad:Gamepad',
}


LEAD = 0.5  # rad or m that an arm is led ahead of where it is; a gripper presses with that
PAUSE = 0.5  # s


@dataclass(frozen=True)
class TeleoperatorSettings:
    """What a device is told about the arm that it leads."""

    driver: DriverSettings  # the robot; a leader arm's port and calibration
    device: str = ''  # path of a gamepad
    speed: float = 0.5  # rad/s (or m/s) of a joint that is jogged


class Teleoperator(ABC):
    """
    One device, made from TeleoperatorSettings and ready; ConfigError where it is not there.

    Nothing it says moves an arm by itself: whoever drives the arm brings it within the limits.
    """

    @abstractmethod
    def read(self, measured: np.ndarray, elapsed: float) -> np.ndarray | None:
        """
        Return where the person sends the joints (joints,), rad; None while nobody leads.

        ``measured`` (joints,) is where they are, and ``elapsed`` the seconds since the last call.
        Raise VlaError where the device can't be read; the call after that tries anew.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; closing twice is once."""


class Jog:
    """
    Joints that are led one by one, at a bounded speed, from where the arm is.

    Where the arm does not follow, because it is stopped or something is in its way, it is led no
    further than LEAD: it would go all that way as soon as it may. After a pause it is led from
    where it is by then.
    """

    def __init__(self, robot: RobotSpec, speed: float) -> None:
        """Begin with nobody leading."""
        self._robot, self._speed = robot, speed
        self._target: np.ndarray | None = None

    def stop(self) -> None:
        """Take note that nobody leads."""
        self._target = None

    def move(self, measured: np.ndarray, shares: np.ndarray, elapsed: float) -> np.ndarray:
        """Return the target (joints,) after going on at ``shares`` (joints,) of the speed."""
        if elapsed > PAUSE:
            self._target, elapsed = None, 0.0
        if self._target is None:
            self._target = measured.copy()
        target = self._target + np.clip(shares, -1.0, 1.0) * self._speed * elapsed
        target = np.clip(target, measured - LEAD, measured + LEAD)
        self._target = np.clip(target, self._robot.lower, self._robot.upper)
        return self._target


class Keyboard(Teleoperator):
    """
    The terminal: two keys for each joint, the space bar to take over and to give back.

    A key counts for as long as a terminal takes to repeat it.
    """

    UP, DOWN = '12345678', 'qwertyui'
    HELD = 0.15  # s that a key counts after it was seen

    def __init__(self, settings: TeleoperatorSettings) -> None:
        """Take the keys of this terminal; raise ConfigError where it is none."""
        robot = settings.driver.robot
        if len(robot.joint_names) > len(self.UP):
            raise ConfigError(
                f'keyboard: got {len(robot.joint_names)} joints, expected at most {len(self.UP)}'
            )
        self._jog, self._leads = Jog(robot, settings.speed), False
        # s that each key still counts, those that lead up and those that lead down
        self._held: np.ndarray = np.zeros((2, len(robot.joint_names)))
        self._file = sys.stdin.fileno()
        self._before: Any = None
        if not os.isatty(self._file):
            raise ConfigError(
                'keyboard: this is no terminal: run teleoperate --ros-args -p '
                'device:=keyboard in one of its own'
            )
        self._before = termios.tcgetattr(self._file)
        tty.setcbreak(self._file)

    def read(self, measured: np.ndarray, elapsed: float) -> np.ndarray | None:
        """Return the target while somebody leads."""
        self._held = np.maximum(self._held - elapsed, 0.0)
        try:
            self._take_keys()
        except OSError as error:
            self._leads = False
            self._jog.stop()
            raise VlaError(
                f'keyboard: the terminal is gone ({error}); start teleoperate anew in another'
            ) from None
        if not self._leads:
            self._jog.stop()
            return None
        up, down = self._held > 0.0
        return self._jog.move(measured, up.astype(float) - down, elapsed)

    def close(self) -> None:
        """Give the terminal back."""
        before, self._before = self._before, None
        if before is not None:
            with suppress(termios.error):  # of one that is gone
                termios.tcsetattr(self._file, termios.TCSADRAIN, before)

    def _take_keys(self) -> None:
        while select.select([self._file], [], [], 0.0)[0]:
            key = os.read(self._file, 1)
            if not key:
                raise OSError('it was closed')
            self._press(key.decode(errors='replace'))

    def _press(self, key: str) -> None:
        if key == ' ':
            self._leads = not self._leads
        for row, keys in enumerate((self.UP, self.DOWN)):
            joint = keys.find(key)
            if 0 <= joint < self._held.shape[1]:
                self._held[row, joint] = self.HELD

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A gamepad, as Linux's joystick interface tells of it (linux/joystick.h): 8 bytes an event."""

import os
import struct
from pathlib import Path

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.teleoperation import Jog, Teleoperator, TeleoperatorSettings

EVENT = struct.Struct('<IhBB')  # ms, value, type, number
BUTTON, AXIS, INITIAL = 1, 2, 0x80
FULL = 32767.0  # of an axis
DEAD_ZONE = 0.15  # of an axis at rest
CLUTCH = 4  # the left shoulder button: whoever holds it leads
# which joint each axis or pair of buttons moves, in the order of the joints of an SO-101
AXES = ((0, 0, 1.0), (1, 1, -1.0), (2, 4, -1.0), (3, 3, 1.0))  # joint, axis, sign
BUTTONS = ((4, 1, 2), (5, 3, 0))  # joint, button up, button down


class Gamepad(Teleoperator):
    """Jogs the joints while the left shoulder button is held."""

    def __init__(self, settings: TeleoperatorSettings) -> None:
        """Open the device; raise ConfigError, naming those there are, where it is not there."""
        self._path = settings.device or '/dev/input/js0'
        self._joints = len(settings.driver.robot.joint_names)
        self._jog = Jog(settings.driver.robot, settings.speed)
        self._values: dict[tuple[int, int], float] = {}
        self._file = -1
        self._open()

    def read(self, measured: np.ndarray, elapsed: float) -> np.ndarray | None:
        """Return the target while the clutch is held."""
        try:
            self._take_events()
        except OSError as error:
            self.close()
            self._values.clear()
            self._jog.stop()
            raise VlaError(f'gamepad {self._path}: is gone ({error}); plug it in again') from None
        if not self._values.get((BUTTON, CLUTCH)):
            self._jog.stop()
            return None
        return self._jog.move(measured, self._shares(), elapsed)

    def close(self) -> None:
        """Close the device."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            there = sorted(str(path) for path in Path('/dev/input').glob('js*'))
            raise ConfigError(
                f'gamepad {self._path}: cannot be opened ({error.strerror}), expected one of '
                f'{there or "none: no gamepad is plugged in"}'
            ) from None

    def _take_events(self) -> None:
        if self._file < 0:
            self._open()
        while True:
            try:
                data = os.read(self._file, EVENT.size)
            except BlockingIOError:
                return
            if len(data) < EVENT.size:
                return
            _, value, kind, number = EVENT.unpack(data)
            self._values[kind & ~INITIAL, number] = float(value)

    def _shares(self) -> np.ndarray:
        """Return how fast each joint is to go (joints,), -1 to 1."""
        shares = np.zeros(self._joints)
        for joint, axis, sign in AXES[: self._joints]:
            value = sign * self._values.get((AXIS, axis), 0.0) / FULL
            shares[joint] = value if abs(value) > DEAD_ZONE else 0.0
        for joint, up, down in (row for row in BUTTONS if row[0] < self._joints):
            pressed = [bool(self._values.get((BUTTON, button))) for button in (up, down)]
            shares[joint] = float(pressed[0]) - float(pressed[1])
        return shares

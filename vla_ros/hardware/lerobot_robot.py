# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Any robot of LeRobot as a driver; needs lerobot, and so torch.

The port names the robot's class and its port: lerobot.robots.koch_follower:KochFollower@/dev/arm.
The robot has to speak in degrees (use_degrees), its gripper in 0 to 100, which is spread over the
limits of the robot file. What LeRobot does when it connects it does here too: an SO-101 is let go
for a moment, which is why it has a driver of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.driver import Driver, DriverSettings, Reading
from vla_ros.hardware.lookup import find

GRIPPER = 'gripper'
# what LeRobot's robots raise where the arm can't be reached
TROUBLE = (ConnectionError, RuntimeError, OSError)


class LeRobotDriver(Driver):
    """Wraps a ``lerobot.robots.Robot``."""

    def __init__(self, settings: DriverSettings) -> None:
        """Connect without calibrating; raise ConfigError where the robot is not fit for this."""
        robot = settings.robot
        place, _, port = settings.port.rpartition('@')
        robot_class = find('lerobot robot (CLASS@PORT)', place, {})
        self._robot = robot_class(_config(robot_class, port, settings.calibration))
        self._keys = [f'{name}.pos' for name in robot.joint_names]
        missing = [key for key in self._keys if key not in self._robot.action_features]
        if missing:
            raise ConfigError(
                f'{place}: got no action {", ".join(missing)}, expected one for each joint of '
                f'{robot.name}; it has {", ".join(self._robot.action_features)}'
            )
        degree, zero = np.radians(1.0), 0.0
        spans = (robot.upper - robot.lower) / 100.0
        shares = np.array([name == GRIPPER for name in robot.joint_names])
        self._factor = np.where(shares, spans, degree)
        self._zero = np.where(shares, robot.lower, zero)
        try:
            self._robot.connect(calibrate=False)
        except TROUBLE as error:
            raise ConfigError(f'{place}: {error}') from None

    def read(self) -> Reading:
        """Return where LeRobot says that the joints are."""
        with self._reached():
            seen = self._robot.get_observation()
        values = np.array([float(seen[key]) for key in self._keys])
        return Reading(values * self._factor + self._zero)

    def write(self, positions: np.ndarray) -> None:
        """Send the joints to ``positions`` (joints,), rad."""
        values = (positions - self._zero) / self._factor
        with self._reached():
            self._robot.send_action(dict(zip(self._keys, values.tolist(), strict=True)))

    def relax(self) -> None:
        """Switch the motors off, where the robot has a bus that can."""
        bus = getattr(self._robot, 'bus', None)
        if bus is None:
            raise VlaError(f'{self._robot}: has no bus, expected one to switch its motors off')
        with self._reached():
            bus.disable_torque()

    def close(self) -> None:
        """Let go of the robot; what it does then is LeRobot's."""
        if self._robot.is_connected:
            with self._reached():
                self._robot.disconnect()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except TROUBLE as error:
            raise VlaError(f'{self._robot}: {error}; check its cable and its power') from None


def _config(robot_class: Any, port: str, name: str) -> Any:
    """Return the configuration of a robot that speaks in degrees and holds at the end."""
    known = {item.name for item in fields(robot_class.config_class)}
    if 'use_degrees' not in known:
        raise ConfigError(
            f'{robot_class.__name__}: does not speak in degrees (use_degrees), expected a robot '
            'that does; write a driver of its own'
        )
    wanted = {
        'use_degrees': True,
        'disable_torque_on_disconnect': False,
        'port': port,
        'id': name or None,
    }
    return robot_class.config_class(**{k: v for k, v in wanted.items() if k in known})

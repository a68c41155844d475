# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A robot on ROS topics as a LeRobot ``Robot``, so that LeRobot's own programs can drive it.

LeRobot counts joints in degrees, ROS in rad: train/degrees.py makes of a checkpoint that was
trained in rad the same policy in degrees. LeRobot finds the class by the name of this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import degrees, radians
from typing import Any, Protocol

import numpy as np
from lerobot.robots.config import RobotConfig
from lerobot.robots.robot import Robot

PATIENCE = 300.0  # s for the robot's drivers to come up


class Reading(Protocol):
    """What the robot saw and felt last."""

    images: dict[str, np.ndarray]  # by camera, (H, W, 3) uint8 RGB
    positions: np.ndarray  # (joints,) rad
    time: float  # s, stamp of the oldest part


class Link(Protocol):
    """The way to the robot; vla_ros.benchmarks.probes.arm_link.ArmLink is one."""

    def wait(self, timeout: float) -> None:
        """Return once the robot was heard."""

    def read(self) -> Reading:
        """Return the newest pictures and positions."""

    def command(self, positions: Mapping[str, float]) -> int:
        """Command positions (rad) by joint; return the command's stamp in ns."""

    def close(self) -> None:
        """Let go of the robot."""


@RobotConfig.register_subclass('ros_arm')
@dataclass(kw_only=True)
class RosArmConfig(RobotConfig):
    """A robot behind ``link``: its joints, and its cameras' picture sizes."""

    link: Link
    joint_names: tuple[str, ...]
    cameras_hw: dict[str, tuple[int, int]]  # height and width in pixels


class RosArm(Robot):
    """The robot: joint positions in degrees, pictures as they come."""

    config_class = RosArmConfig
    name = 'ros_arm'

    def __init__(self, config: RosArmConfig) -> None:
        """Take the link; ``connect`` waits for the robot."""
        super().__init__(config)
        self._config, self._link = config, config.link
        self._connected = False
        self.observed = 0.0  # s, stamp of the last observation
        self.commanded = 0  # ns, stamp of the last command

    @cached_property
    def action_features(self) -> dict[str, type]:
        """Return LeRobot's names of the joints."""
        return {f'{name}.pos': float for name in self._config.joint_names}

    @cached_property
    def observation_features(self) -> dict[str, Any]:
        """Return the joints and the shapes (H, W, 3) of the pictures."""
        return self.action_features | {
            name: (*size, 3) for name, size in self._config.cameras_hw.items()
        }

    @property
    def is_connected(self) -> bool:
        """Whether the robot was heard and not let go."""
        return self._connected

    @property
    def is_calibrated(self) -> bool:
        """Whether the robot needs no calibration: its driver has seen to that."""
        return True

    def connect(self, calibrate: bool = True) -> None:
        """Wait for pictures of every camera and for the joints."""
        self._link.wait(PATIENCE)
        self._connected = True

    def calibrate(self) -> None:
        """Do nothing: the driver has seen to that."""

    def configure(self) -> None:
        """Do nothing: the driver has seen to that."""

    def get_observation(self) -> dict[str, Any]:
        """Return the newest positions (degrees) and pictures, (H, W, 3) uint8 RGB."""
        reading = self._link.read()
        self.observed = reading.time
        positions = map(degrees, reading.positions)
        return dict(zip(self.action_features, positions, strict=True)) | reading.images

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Command ``action`` (degrees)."""
        self.commanded = self._link.command(
            {name: radians(action[f'{name}.pos']) for name in self._config.joint_names}
        )
        return action

    def disconnect(self) -> None:
        """Let go of the robot."""
        self._connected = False
        self._link.close()

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Facts about a robot: its joints and what they can do."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vla_ros.core.config import load_yaml
from vla_ros.core.errors import ConfigError


@dataclass(frozen=True)
class RobotSpec:
    """Joints of one robot; arrays hold one value per joint, in the order of the names."""

    name: str
    joint_names: tuple[str, ...]
    lower: np.ndarray  # rad or m
    upper: np.ndarray  # rad or m
    velocity: np.ndarray  # rad/s or m/s
    acceleration: np.ndarray  # rad/s^2 or m/s^2

    def __post_init__(self) -> None:
        """Check that the limits make sense."""
        if len(set(self.joint_names)) != len(self.joint_names):
            raise ConfigError(f'robot {self.name}: a joint name comes twice')
        for index, joint in enumerate(self.joint_names):
            if not self.lower[index] < self.upper[index]:
                raise ConfigError(
                    f'robot {self.name}: {joint}: lower {self.lower[index]} is not below upper '
                    f'{self.upper[index]}'
                )
            if not (self.velocity[index] > 0 and self.acceleration[index] > 0):
                raise ConfigError(
                    f'robot {self.name}: {joint}: velocity and acceleration must be above 0'
                )


_LIMITS = ('lower', 'upper', 'velocity', 'acceleration')


def load_robot(path: Path) -> RobotSpec:
    """Read config/robots/<name>.yaml; raise ConfigError naming the file, joint and key."""
    joints = load_yaml(path, ('description', 'joints')).get('joints')
    if not isinstance(joints, dict) or not joints:
        raise ConfigError(f'{path}: joints: expected a mapping from joint name to limits')
    for joint, limits in joints.items():
        if not isinstance(limits, dict) or set(limits) != set(_LIMITS):
            raise ConfigError(
                f'{path}: joint {joint}: got {limits}, expected numbers for {", ".join(_LIMITS)}'
            )
        for key, value in limits.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(
                    f'{path}: joint {joint}: {key}: got {value!r}, expected a number'
                )
    arrays = {key: np.array([float(limits[key]) for limits in joints.values()]) for key in _LIMITS}
    return RobotSpec(path.stem, tuple(joints), **arrays)

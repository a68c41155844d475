# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Facts about a robot: its joints and what they can do, and the URDF that draws it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    urdf: Path | None = None  # describes links and frames; core/kinematics.py reads it
    tool: str = ''  # frame of the URDF between the finger tips
    settle_time: float = 0.2  # s, in which an arm that was told to stop, or is seen again, rests
    largest_lag: float = 0.2  # rad or m; further from its command, something else moved the arm
    same_lag: float = 0.03  # rad or m by which a joint at rest stands where it stood before

    def __post_init__(self) -> None:
        """Check that the limits make sense."""
        for key in _MANNERS:
            if not getattr(self, key) > 0:
                raise ConfigError(f'robot {self.name}: {key}: must be above 0')
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
_MANNERS = ('settle_time', 'largest_lag', 'same_lag')


def load_robot(path: Path) -> RobotSpec:
    """Read config/robots/<name>.yaml; raise ConfigError naming the file, joint and key."""
    content = load_yaml(path, ('description', 'joints', 'urdf', 'tool', *_MANNERS))
    joints = content.get('joints')
    if not isinstance(joints, dict) or not joints:
        raise ConfigError(f'{path}: joints: expected a mapping from joint name to limits')
    for joint, limits in joints.items():
        if not isinstance(limits, dict) or set(limits) != set(_LIMITS):
            raise ConfigError(
                f'{path}: joint {joint}: got {limits}, expected numbers for {", ".join(_LIMITS)}'
            )
        for key, value in limits.items():
            _check_number(f'{path}: joint {joint}: {key}', value)
    arrays = {key: np.array([float(limits[key]) for limits in joints.values()]) for key in _LIMITS}
    urdf, tool = _find_urdf(path, content)
    manners = {key: content[key] for key in _MANNERS if key in content}
    for key, value in manners.items():
        _check_number(f'{path}: {key}', value)
    return RobotSpec(path.stem, tuple(joints), **arrays, urdf=urdf, tool=tool, **manners)


def _find_urdf(path: Path, content: Mapping[str, Any]) -> tuple[Path | None, str]:
    """Return the URDF that a robot's file names, beside it or by a path, and its tool frame."""
    for key in {'urdf', 'tool'} & set(content):
        if not isinstance(content[key], str) or not content[key]:
            raise ConfigError(f'{path}: {key}: got {content[key]!r}, expected a name')
    if ('urdf' in content) != ('tool' in content):
        raise ConfigError(f'{path}: expected urdf (a file) and tool (a frame of it), or neither')
    if 'urdf' not in content:
        return None, ''
    urdf = path.parent / content['urdf']
    if not urdf.is_file():
        raise ConfigError(f'{path}: urdf: got {urdf}, expected a file')
    return urdf, content['tool']


def _check_number(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f'{what}: got {value!r}, expected a number')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Facts about a robot: its joints and what they can do, and the URDF that draws it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.config import load_yaml
from vla_ros.core.errors import ConfigError
from vla_ros.core.joint import check_limits, number, read_joint
from vla_ros.core.safety import Safety, read_safety


@dataclass(frozen=True)
class RobotSpec:
    """
    Joints of one robot; arrays hold one value per joint, in the order of the names.

    A joint that turns without end (URDF's continuous) has the limits -inf and inf. Raises
    ConfigError for limits that a command can't be brought within.
    """

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
    prismatic: tuple[str, ...] = ()  # the joints that slide: m in place of rad
    safety: Safety | None = None  # where the arm may be; core/workspace.py sees to it
    home: np.ndarray = field(default_factory=lambda: np.empty(0))  # where it rests; empty: nowhere

    def __post_init__(self) -> None:
        """Check that the limits make sense."""
        for key in _MANNERS:
            if not 0 < getattr(self, key) <= 10:
                raise ConfigError(
                    f'robot {self.name}: {key}: got {getattr(self, key)}, expected above 0 and at '
                    'most 10'
                )
        if len(set(self.joint_names)) != len(self.joint_names):
            raise ConfigError(f'robot {self.name}: a joint name comes twice')
        unknown = sorted(set(self.prismatic) - set(self.joint_names))
        if unknown:
            raise ConfigError(f'robot {self.name}: prismatic: no joint {", ".join(unknown)}')
        for joint, *limits in zip(self.joint_names, *self._limits(), strict=True):
            check_limits(f'robot {self.name}: {joint}', *map(float, limits))
        if len(self.home):
            _check_home(self)

    @property
    def units(self) -> tuple[str, ...]:
        """Return the unit of each joint's positions, rad or m."""
        return tuple('m' if name in self.prismatic else 'rad' for name in self.joint_names)

    @property
    def braking_time(self) -> float:
        """Return the seconds in which the slowest joint brakes from its full velocity."""
        return float((self.velocity / self.acceleration).max())

    def slowed(self, speed: float) -> 'RobotSpec':
        """Return the same robot with that share of its velocity."""
        safety = self.safety and replace(self.safety, tool_speed=self.safety.tool_speed * speed)
        return replace(self, velocity=self.velocity * speed, safety=safety)

    def _limits(self) -> tuple[np.ndarray, ...]:
        arrays = (self.lower, self.upper, self.velocity, self.acceleration)
        for array in arrays:
            if array.shape != (len(self.joint_names),):
                raise ConfigError(
                    f'robot {self.name}: got limits of shape {array.shape}, expected one for each '
                    f'of {len(self.joint_names)} joints'
                )
        return arrays


MOST_JOINTS = 256
_MANNERS = ('settle_time', 'largest_lag', 'same_lag')


def load_robot(path: Path) -> RobotSpec:
    """
    Read config/robots/<name>.yaml; raise ConfigError naming the file, joint and key.

    Limits are in rad, or in m for a joint of ``type: prismatic``; a joint of ``type: continuous``
    has no lower and upper. Numbers that no joint has, because they are degrees or millimetres,
    are refused.
    """
    content = load_yaml(
        path, ('description', 'joints', 'urdf', 'tool', 'safety', 'home', *_MANNERS)
    )
    joints = _joints(path, content)
    rows = {name: read_joint(f'{path}: joint {name}', limits) for name, limits in joints.items()}
    lower, upper, velocity, acceleration = np.array(list(rows.values())).T.copy()
    sliding = tuple(name for name in rows if joints[name].get('type') == 'prismatic')
    urdf, tool = _find_urdf(path, content)
    manners: dict[str, Any] = {
        key: number(f'{path}: {key}', content[key]) for key in _MANNERS if key in content
    }
    if 'safety' in content:
        manners['safety'] = read_safety(f'{path}: safety', content['safety'])
        if urdf is None:
            raise ConfigError(f'{path}: safety: expected urdf and tool too, to know where it is')
    return RobotSpec(
        path.stem,
        tuple(rows),
        lower,
        upper,
        velocity,
        acceleration,
        urdf,
        tool,
        prismatic=sliding,
        home=_read_home(path, content.get('home', [])),
        **manners,
    )


def _read_home(path: Path, values: object) -> np.ndarray:
    if not isinstance(values, list):
        raise ConfigError(f'{path}: home: got {values!r}, expected a list of positions')
    return np.array([number(f'{path}: home', value) for value in values])


def _check_home(robot: RobotSpec) -> None:
    inside = len(robot.home) == len(robot.joint_names) and bool(
        ((robot.lower <= robot.home) & (robot.home <= robot.upper)).all()
    )
    if not inside:
        raise ConfigError(
            f'robot {robot.name}: home: got {robot.home.tolist()}, expected a position of '
            f'{", ".join(robot.joint_names)} within its limits'
        )


def _joints(path: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the mappings of the joints by their names."""
    joints = content.get('joints')
    if not isinstance(joints, dict) or not joints:
        raise ConfigError(f'{path}: joints: expected a mapping from joint name to limits')
    if len(joints) > MOST_JOINTS:
        raise ConfigError(f'{path}: got {len(joints)} joints, expected at most {MOST_JOINTS}')
    for name in joints:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f'{path}: joints: got the name {name!r}, expected a text')
    return joints


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

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The units that positions of joints come in, and their way to rad (m for a joint that slides).

Here everything is in rad. LeRobot's arms give degrees, or shares of the range in which a joint was
calibrated, -100 to 100, and a gripper in either case 0 to 100; and neither a dataset nor a
checkpoint says which. So whoever brings data says it, and numbers that can't be rad are refused
until somebody does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.joint import DEGREE, TURNING
from vla_ros.core.limits import find_beyond
from vla_ros.core.robot import RobotSpec

RAD, DEGREES, NORMALIZED = 'rad', 'degrees', 'normalized'
UNITS = (RAD, DEGREES, NORMALIZED)
PLAY = 2.0  # of 100; calibrated ends are passed by so much
GRIPPER = 'gripper'
MEND = (
    'say what they are: --units degrees or --units normalized (-100 to 100) as lerobot-record '
    'writes them, or --units rad'
)


class Bounds(NamedTuple):
    """The least and the largest position of each joint, (joints,) each, in one unit."""

    lowest: np.ndarray
    highest: np.ndarray

    @property
    def farthest(self) -> np.ndarray:
        """Return how far each joint goes from 0 at most, (joints,)."""
        return np.maximum(np.abs(self.lowest), np.abs(self.highest))


class Conversion(NamedTuple):
    """The way to rad: rad = scale * given + offset, (joints,) each; the scale is above 0."""

    scale: np.ndarray
    offset: np.ndarray

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (..., joints) in rad."""
        return positions * self.scale + self.offset


def find_other_units(joint_names: Sequence[str], bounds: Bounds) -> str:
    """Return which joint goes further than one in rad can, '' if none does."""
    farthest = bounds.farthest
    joint = int(farthest.argmax())
    if farthest[joint] <= TURNING.position:
        return ''
    name = joint_names[joint] if joint < len(joint_names) else f'joint {joint}'
    return (
        f'{name} goes to {farthest[joint]:.4g}, expected at most {TURNING.position:.3g} rad: '
        'degrees, or another unit?'
    )


def to_rad(
    what: str,
    units: str,
    joint_names: Sequence[str],
    bounds: Bounds,
    robot: RobotSpec | None = None,
) -> Conversion:
    """
    Return the way to rad of positions within ``bounds`` that are in ``units``; '' is not known.

    With a ``robot`` that has these joints they have to be within its limits then. Raises
    ConfigError, beginning with ``what``, for numbers that can't be what is said of them, and where
    the range of a joint is needed and no robot says it.
    """
    if units and units not in UNITS:
        raise ConfigError(f'units: got {units!r}, expected one of {", ".join(UNITS)}')
    if len(joint_names) != len(bounds.lowest):
        raise ConfigError(
            f'{what}: got {len(bounds.lowest)} numbers for {len(joint_names)} joint names, '
            'expected as many; name the joints in meta/info.json of the dataset, or with '
            '--joint-names'
        )
    if not units:
        wrong = find_other_units(joint_names, bounds)
        if wrong:
            raise ConfigError(f'{what}: {wrong} {MEND}')
    rows = [
        _joint_to_rad(what, units or RAD, name, (float(low), float(high)), robot)
        for name, low, high in zip(joint_names, *bounds, strict=True)
    ]
    conversion = Conversion(*np.array(rows).T)
    if robot is not None:
        reached = Bounds(conversion(bounds.lowest), conversion(bounds.highest))
        _check_limits(what, units, joint_names, reached, robot)
    return conversion


def _joint_to_rad(
    what: str, units: str, name: str, ends: tuple[float, float], robot: RobotSpec | None
) -> tuple[float, float]:
    """Return scale and offset of one joint that moves between ``ends``."""
    if units == RAD:
        return 1.0, 0.0
    low, high = ends
    percent = name.endswith(GRIPPER) and low >= -PLAY and high <= 100.0 + PLAY
    if units == DEGREES and not percent:
        return DEGREE, 0.0
    if max(abs(low), abs(high)) > 100.0 + PLAY:
        raise ConfigError(
            f'{what}: {name} goes from {low:.4g} to {high:.4g}, expected -100 to 100 where units '
            f'are {units}; {MEND}'
        )
    lower, upper = _range(what, name, robot)
    if percent:
        return (upper - lower) / 100.0, lower
    return (upper - lower) / 200.0, (upper + lower) / 2.0


def _range(what: str, name: str, robot: RobotSpec | None) -> tuple[float, float]:
    """Return the ends of the joint, which are those that it was calibrated on."""
    if robot is None or name not in robot.joint_names:
        known = ', '.join(robot.joint_names) if robot else 'no robot'
        raise ConfigError(
            f'{what}: {name} is given as a share of its range, which nobody says: got {known}, '
            'expected --robot with the file of the arm that recorded it'
        )
    index = robot.joint_names.index(name)
    lower, upper = float(robot.lower[index]), float(robot.upper[index])
    if not np.isfinite(upper):
        raise ConfigError(
            f'{what}: {name} is given as a share of its range, and has none in {robot.name}; give '
            'the robot file limits, or convert the data first'
        )
    return lower, upper


def _check_limits(
    what: str, units: str, joint_names: Sequence[str], bounds: Bounds, robot: RobotSpec
) -> None:
    """Raise ConfigError where a joint, in rad, is beyond what the robot can do."""
    if set(joint_names) != set(robot.joint_names):
        return
    order = [joint_names.index(name) for name in robot.joint_names]
    beyond = find_beyond(robot, bounds.lowest[order], bounds.highest[order])
    if beyond:
        raise ConfigError(
            f'{what}: {beyond} of robot {robot.name}, where units are {units or "not known"}; '
            f'{MEND}, or give the robot that recorded them'
        )

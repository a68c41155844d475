# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LeRobot's calibration of an arm: which servo each joint is, and what its ticks mean."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import ceil
from pathlib import Path
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import read_json, write_text
from vla_ros.core.robot import RobotSpec
from vla_ros.hardware.sts3215 import (
    HOMING_OFFSET,
    LAST_ID,
    MIDDLE,
    RADIANS_PER_TICK,
    RESOLUTION,
)

FARTHEST_OFFSET = (1 << HOMING_OFFSET.sign_bit) - 1  # ticks


@dataclass(frozen=True)
class JointCalibration:
    """One joint, as LeRobot writes it; positions are ticks after the homing offset."""

    id: int
    drive_mode: int  # 1: the joint turns the other way round
    homing_offset: int  # ticks; the servo tells its encoder less this
    range_min: int  # tick
    range_max: int  # tick


Calibration = Mapping[str, JointCalibration]


def load_calibration(path: Path, joint_names: Sequence[str]) -> dict[str, JointCalibration]:
    """
    Read a calibration that LeRobot or `vla_ros calibrate` wrote.

    Raises ConfigError, naming the file and the joint, for what is missing or makes no sense.
    """
    try:
        content = read_json(path)
    except ConfigError as error:
        raise ConfigError(f'{error}; run vla_ros calibrate') from None
    if isinstance(content, dict) and 'motor_names' in content:
        raise ConfigError(
            f'{path}: got the form of an older LeRobot, whose ticks mean something else; '
            'run vla_ros calibrate'
        )
    if not isinstance(content, dict) or set(content) != set(joint_names):
        got = ', '.join(content) if isinstance(content, dict) else type(content).__name__
        raise ConfigError(
            f'{path}: got joints {got}, expected {", ".join(joint_names)}: those of the robot'
        )
    calibration = {name: _joint(f'{path}: {name}', content[name]) for name in joint_names}
    ids = [joint.id for joint in calibration.values()]
    if len(set(ids)) != len(ids):
        raise ConfigError(f'{path}: got ids {ids}, expected another one for each joint')
    return calibration


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write the calibration as LeRobot does."""
    content = {name: asdict(joint) for name, joint in calibration.items()}
    write_text(path, json.dumps(content, indent=4) + '\n')


def nominal_calibration(robot: RobotSpec) -> dict[str, JointCalibration]:
    """Return a calibration that reaches every limit of the robot: that of a simulated arm."""
    calibration = {}
    for number, name in enumerate(robot.joint_names, 1):
        reach = max(-robot.lower[number - 1], robot.upper[number - 1]) / RADIANS_PER_TICK
        half = ceil(min(reach, MIDDLE))
        low, high = MIDDLE - half, MIDDLE + half
        calibration[name] = JointCalibration(number, 0, 0, low, min(high, RESOLUTION - 1))
    return calibration


def find_calibration(name: str, kind: str = 'robots/so_follower') -> Path:
    """
    Return the file that a name stands for: its path, or LeRobot's id of the arm.

    LeRobot's own lie below HF_LEROBOT_CALIBRATION, or in its cache.
    """
    if not name:
        raise ConfigError(
            "calibration: got none, expected the arm's file, or its id; run vla_ros calibrate"
        )
    given = Path(name).expanduser()
    if given.suffix == '.json' or os.sep in name:
        return given
    return lerobot_folder() / kind / f'{name}.json'


def lerobot_folder() -> Path:
    """Return where LeRobot keeps its calibrations."""
    cache = Path(os.environ.get('HF_HOME', '~/.cache/huggingface'))
    home = Path(os.environ.get('HF_LEROBOT_HOME', cache / 'lerobot'))
    return Path(os.environ.get('HF_LEROBOT_CALIBRATION', home / 'calibration')).expanduser()


def _joint(what: str, content: Any) -> JointCalibration:
    names = [item.name for item in fields(JointCalibration)]
    whole = isinstance(content, dict) and set(content) == set(names)
    if not whole or any(type(content[name]) is not int for name in names):
        raise ConfigError(f'{what}: got {content}, expected whole numbers for {", ".join(names)}')
    joint = JointCalibration(**content)
    if not 0 <= joint.range_min < joint.range_max < RESOLUTION:
        raise ConfigError(
            f'{what}: got the range {joint.range_min} to {joint.range_max}, expected one within 0 '
            f'to {RESOLUTION - 1}; calibrate again'
        )
    if not 0 <= joint.id <= LAST_ID or abs(joint.homing_offset) > FARTHEST_OFFSET:
        raise ConfigError(
            f'{what}: got id {joint.id} and homing_offset {joint.homing_offset}, expected an id '
            f'from 0 to {LAST_ID} and at most {FARTHEST_OFFSET} ticks either way; calibrate again'
        )
    if joint.drive_mode not in (0, 1):
        raise ConfigError(f'{what}: got drive_mode {joint.drive_mode}, expected 0 or 1')
    return joint

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the recorder node."""

import os
from dataclasses import dataclass
from pathlib import Path

from vla_ros.core.defaults import ROBOT, TASK
from vla_ros.core.errors import ConfigError
from vla_ros.ros.camera_topics import COMPRESSED_CAMERAS
from vla_ros.ros.params import Change, param, parse_names


@dataclass(frozen=True)
class RecorderParams:
    """Parameters of the recorder node."""

    output: str = param('recordings', 'Folder of the recorded episodes.')
    plan: str = param(TASK, "The plan's file in config/plans, or its path.")
    episodes: int = param(0, 'Episodes to keep before the end; 0: all that are missing.', 0, 10**6)
    cameras: str = param('top,gripper,left', "The policy's cameras, separated by commas.")
    fps: float = param(30.0, 'Pictures per second that each camera owes.', 0.1, 1000.0)
    instruction: str = param('', 'The task in words; empty: another node publishes it.')
    robot: str = param(ROBOT, 'Kind of the robot, noted with each episode.')
    notes: str = param(
        '', "The operator's remarks, noted with each episode.", change=Change.RUNNING
    )
    calibration: str = param('', "Calibration files to copy, separated by ':'.")
    gate: str = param('refuse', 'Where a camera fails a check before a start: refuse, warn, none.')
    reference: str = param('', 'Folder of reference pictures; empty: reference in the output.')
    moving_cameras: str = param('gripper', 'Cameras on the arm, separated by commas.')
    topics: str = param(
        '', 'What else to record: story (what a page shows), all (the graph), or names, by commas.'
    )
    keep_failures: bool = param(
        False, 'Keep episodes that fail or take too long, too, and go on when the plan is done.'
    )
    compressed_cameras: str = param('', COMPRESSED_CAMERAS)
    buffer: int = param(256, 'MB of messages that may wait for the disk.', 1, 100_000)


def parse_cameras(text: str) -> list[str]:
    """Return the names in a list separated by commas; raise ConfigError where there is none."""
    names = list(parse_names(text))
    if not names:
        raise ConfigError(f'cameras: got {text!r}, expected names such as top,left')
    return names


def parse_files(text: str) -> list[Path]:
    """Return the paths in a list separated by ':'; raise ConfigError for one that is missing."""
    paths = [Path(item).expanduser() for item in text.split(os.pathsep) if item]
    for path in paths:
        if not path.is_file():
            raise ConfigError(f'calibration: got {path}, expected a file; check the path')
    return paths

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A checkpoint in LeRobot's unit: degrees.

LeRobot's arms report degrees, and its asynchronous inference leaves an observation out that is
within 1 of the last one. In rad that would be nearly all of them.
"""

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

IN_RAD = ('action.', 'observation.state.')
PROCESSORS = 'policy_*processor*.safetensors'


def in_degrees(checkpoint: Path, output: Path) -> None:
    """Write a copy of a checkpoint in rad: same weights, states and actions in degrees."""
    shutil.copytree(checkpoint, output)
    for path in output.glob(PROCESSORS):
        save_file({name: scaled(name, v) for name, v in load_file(path).items()}, path)


def scaled(name: str, values: np.ndarray) -> np.ndarray:
    """Return one statistic, in degrees where it was in rad."""
    is_angle = name.startswith(IN_RAD) and not name.endswith('.count')
    return np.rad2deg(values) if is_angle else values


def read_statistic(checkpoint: Path, name: str) -> np.ndarray:
    """Return one of the statistics that the checkpoint normalises by, e.g. 'action.mean'."""
    return next(load_file(path)[name] for path in sorted(checkpoint.glob(PROCESSORS)))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chunks of the core's tests: plans that are easy to compute by hand."""

import numpy as np

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.robot import RobotSpec

NAMES = ('shoulder', 'gripper')
STEP = 0.1  # s


def chunk(values, start=0.0, sequence=1, step=STEP, names=NAMES):
    """Return a chunk whose joints all follow ``values`` (steps,)."""
    values = np.asarray(values, float)
    return ActionChunk(
        np.repeat(values[:, None], len(names), axis=1), start, step, sequence, names)


def ramp(rows, start=0.0, sequence=1, step=STEP, slope=1.0):
    """Return a chunk whose positions are ``slope`` times the time that they are for."""
    return chunk(slope * (start + step * np.arange(rows)), start, sequence, step)


def robot(velocity=1e6, limit=1e3):
    """Return a robot of two joints that all but never limits anything."""
    joints = np.ones(len(NAMES))
    return RobotSpec('test', NAMES, -limit * joints, limit * joints, velocity * joints, joints)

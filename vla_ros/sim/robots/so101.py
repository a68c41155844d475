# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Closed-form inverse kinematics of the simulated SO-101-like arm."""

from typing import NamedTuple

import numpy as np

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot

ROBOT = load_robot(find_config('robots', 'so101'))
JOINT_NAMES, LOWER, UPPER, HOME = ROBOT.joint_names, ROBOT.lower, ROBOT.upper, ROBOT.home

# Side view: shoulder axis, then upper arm, forearm and the hand up to the grasp site.
_SHOULDER_X, _SHOULDER_Z = 0.0304, 0.1166  # m
_UPPER, _UPPER_ANGLE = np.hypot(0.028, 0.11257), np.arctan2(0.11257, 0.028)
_FORE, _FORE_ANGLE = np.hypot(0.1349, 0.0052), np.arctan2(0.0052, 0.1349)
_HAND = 0.0611 + 0.092  # m, wrist to grasp site
_MARGIN = 0.02  # rad kept from the joint limits
_PITCH_LOW, _PITCH_HIGH = np.radians(25), np.radians(90)
_PITCH_SEARCH = np.arange(0.0, 1.2, np.radians(1.0))


class Reach(NamedTuple):
    """A joint vector (6,), rad, and the pitch of the hand that it reaches, rad."""

    joints: np.ndarray
    pitch: float


def inverse(position: np.ndarray, pitch: float, roll: float, gripper: float) -> Reach | None:
    """
    Return the joints that put the grasp site at ``position`` (3,), m; None if out of reach.

    The hand's pitch (rad, pi/2 points straight down) is the reachable one nearest to ``pitch``.
    """
    x, y, z = position
    radius, pan = np.hypot(x, y), -np.arctan2(y, x)
    for offset in _PITCH_SEARCH:
        for candidate in (pitch - offset, pitch + offset):
            if not _PITCH_LOW - 1e-9 <= candidate <= _PITCH_HIGH + 1e-9:
                continue
            plane = _planar(radius, z, candidate)
            if plane is not None:
                return Reach(np.array([pan, *plane, roll, gripper]), candidate)
    return None


def _planar(radius: float, height: float, pitch: float) -> np.ndarray | None:
    """Return shoulder lift, elbow and wrist flex for one pitch; the law of cosines."""
    x = radius - _HAND * np.cos(pitch) - _SHOULDER_X
    z = height + _HAND * np.sin(pitch) - _SHOULDER_Z
    distance = np.hypot(x, z)
    if not 0.03 <= distance <= _UPPER + _FORE - 1e-4:
        return None
    cosine = (distance**2 - _UPPER**2 - _FORE**2) / (2 * _UPPER * _FORE)
    bend = np.arccos(np.clip(cosine, -1, 1))
    upper = np.arctan2(z, x) + np.arctan2(_FORE * np.sin(bend), _UPPER + _FORE * np.cos(bend))
    lift = _UPPER_ANGLE - upper
    elbow = _FORE_ANGLE - (upper - bend) - lift
    joints = np.array([lift, elbow, pitch - lift - elbow])
    inside = (joints >= LOWER[1:4] + _MARGIN).all() and (joints <= UPPER[1:4] - _MARGIN).all()
    return joints if inside else None

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames of one arm: what is fixed in it and what the joints move."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.kinematics import FIXED, Joint, RobotModel


class Transform(NamedTuple):
    """Where a child frame is in its parent."""

    parent: str
    child: str
    pose: np.ndarray  # (4, 4)


def fixed_transforms(
    model: RobotModel, prefix: str, world: str, base: np.ndarray
) -> list[Transform]:
    """
    Return the transforms that never change, the arm's root at ``base`` (4, 4) in ``world`` first.

    ``prefix`` stands before every frame of the arm, so that several arms share one tree.
    """
    joints = [joint for joint in model.joints if joint.kind in FIXED]
    return [
        Transform(world, prefix + model.root, base),
        *(_transform(joint, joint.origin, prefix) for joint in joints),
    ]


def moving_transforms(
    model: RobotModel, positions: np.ndarray, prefix: str
) -> Iterator[Transform]:
    """Yield the transform of each joint that moves, at joint positions (joints,)."""
    for joint in model.joints:
        if joint.kind not in FIXED:
            yield _transform(joint, joint.transform(model.position(joint, positions)), prefix)


def parse_pose(text: str) -> np.ndarray:
    """Return the pose (4, 4) of six numbers x y z (m) roll pitch yaw (rad), in URDF's order."""
    try:
        values = [float(word) for word in text.replace(',', ' ').split()]
    except ValueError:
        values = []
    if len(values) != 6 or not np.isfinite(values).all():
        raise ConfigError(
            f'base_pose: got {text!r}, expected six numbers: x y z in m, roll pitch yaw in rad'
        )
    (cr, cp, cy), (sr, sp, sy) = np.cos(values[3:]), np.sin(values[3:])
    pose = np.eye(4)
    pose[:3, :3] = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    pose[:3, 3] = values[:3]
    return pose


def quaternion(pose: np.ndarray) -> np.ndarray:
    """Return the unit quaternion (x, y, z, w) of the rotation in a pose, with w >= 0."""
    m = pose[:3, :3]
    # the largest of the four squares keeps the division away from zero (Shepperd's method)
    squares = np.array([*(2 * np.diag(m) - np.trace(m)), np.trace(m)])
    largest = int(np.argmax(squares))
    q = np.empty(4)
    if largest == 3:
        q[:] = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + squares[3]
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        q[i], q[j] = 1 + squares[largest], m[j, i] + m[i, j]
        q[k], q[3] = m[k, i] + m[i, k], m[k, j] - m[j, k]
    q /= np.linalg.norm(q)
    return q if q[3] >= 0 else -q


def _transform(joint: Joint, pose: np.ndarray, prefix: str) -> Transform:
    return Transform(prefix + joint.parent, prefix + joint.child, pose)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot for the page to draw: its links, joints and limits as plain values."""

from typing import Any

import numpy as np

from vla_ros.core.kinematics import Joint, RobotModel, Shape
from vla_ros.core.robot import RobotSpec

CAMERA_FRAME = 'camera_{}_optical_frame'


def describe_robot(robot: RobotSpec, model: RobotModel | None) -> dict[str, Any]:
    """Return what the page draws; without a model it has joints and limits only."""
    plain = {
        'name': robot.name,
        'joint_names': list(robot.joint_names),
        'lower': robot.lower.tolist(),
        'upper': robot.upper.tolist(),
    }
    if model is None:
        return {**plain, 'links': {}, 'joints': []}
    return {
        **plain,
        'root': model.root,
        'tool': robot.tool,
        'links': {
            link.name: [_shape(shape) for shape in link.visuals] for link in model.links.values()
        },
        'joints': [_joint(joint, model) for joint in model.joints],
    }


def _shape(shape: Shape) -> dict[str, Any]:
    return {
        'kind': shape.kind,
        'size': list(shape.size),
        'origin': _matrix(shape.origin),
        'colour': list(shape.colour),
    }


def _joint(joint: Joint, model: RobotModel) -> dict[str, Any]:
    """Return a joint; its column is that of the positions, -1 for one that is fixed."""
    moving = joint.mimic or (joint.name if joint.driven else '')
    return {
        'parent': joint.parent,
        'child': joint.child,
        'kind': joint.kind,
        'origin': _matrix(joint.origin),
        'axis': joint.axis.tolist(),
        'column': model.joint_names.index(moving) if moving else -1,
        'multiplier': joint.multiplier,
        'offset': joint.offset,
    }


def _matrix(pose: np.ndarray) -> list[float]:
    """Return a pose column by column, as WebGL wants it."""
    values: list[float] = pose.T.ravel().round(9).tolist()
    return values

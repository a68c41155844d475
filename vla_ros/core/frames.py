# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where links are, for a control loop: what can be computed beforehand is."""

from typing import NamedTuple

import numpy as np

from vla_ros.core.kinematics import FIXED, SLIDING, Joint, RobotModel


class _Step(NamedTuple):
    """One joint: pose = pose of the parent @ (constant + a * first + b * second)."""

    parent: int
    child: int
    column: int  # of the joint positions; -1: it does not move
    slides: bool
    multiplier: float
    offset: float
    terms: np.ndarray  # (3, 4, 4): constant; of the cosine or the position; of the sine


class Frames:
    """Computes the poses of every link of a model; the same as RobotModel.poses, but faster."""

    def __init__(self, model: RobotModel) -> None:
        """Take the model apart."""
        self.links = (model.root, *(joint.child for joint in model.joints))
        place = {link: index for index, link in enumerate(self.links)}
        self._steps = [_step(model, joint, place) for joint in model.joints]

    def poses(self, positions: np.ndarray) -> np.ndarray:
        """Return the pose of each link (n, links, 4, 4), at joint positions (n, joints)."""
        poses = np.empty((len(positions), len(self.links), 4, 4))
        poses[:, 0] = np.eye(4)
        cosines, sines = np.cos(positions), np.sin(positions)
        for step in self._steps:
            motion = step.terms[0]
            if step.column >= 0:
                first, second = self._factors(step, positions, cosines, sines)
                motion = motion + first * step.terms[1] + second * step.terms[2]
            poses[:, step.child] = poses[:, step.parent] @ motion
        return poses

    def _factors(
        self, step: _Step, positions: np.ndarray, cosines: np.ndarray, sines: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what the terms of a joint are multiplied with, (n, 1, 1) each."""
        column = step.column
        if step.slides or step.multiplier != 1.0 or step.offset:
            place = step.multiplier * positions[:, column, None, None] + step.offset
            return (place, place) if step.slides else (np.cos(place), np.sin(place))
        return cosines[:, column, None, None], sines[:, column, None, None]


def _step(model: RobotModel, joint: Joint, place: dict[str, int]) -> _Step:
    """Return the joint with Rodrigues' formula multiplied out."""
    constant, first, second = np.eye(4), np.zeros((4, 4)), np.zeros((4, 4))
    x, y, z = joint.axis
    if joint.kind in SLIDING:
        first[:3, 3] = joint.axis
    elif joint.kind not in FIXED:
        along = np.outer(joint.axis, joint.axis)
        constant[:3, :3], first[:3, :3] = along, np.eye(3) - along
        second[:3, :3] = [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]
    moves = joint.kind not in FIXED
    return _Step(
        place[joint.parent],
        place[joint.child],
        model.joint_names.index(joint.mimic or joint.name) if moves else -1,
        joint.kind in SLIDING,
        joint.multiplier if joint.mimic else 1.0,
        joint.offset if joint.mimic else 0.0,
        joint.origin @ np.stack([constant, first, second]),
    )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag scene: its MuJoCo model, and the part of its state that a picture depends on."""

from dataclasses import dataclass
from importlib.resources import files

import mujoco
import numpy as np

from vla_ros.sim.robots.so101 import JOINT_NAMES

CAMERAS = ('top', 'left', 'gripper')

_STOWED = -0.5  # m, height of a saucer that nobody needs


@dataclass(frozen=True)
class SceneState:
    """
    Everything a camera needs to draw the scene.

    qpos (20,): arm joints (rad), then bag and tag poses (m, unit quaternion);
    mug_pose (3,): x, y (m) and yaw (rad); light: brightness, 1 is nominal;
    saucer: whether it stands on the table.
    """

    qpos: np.ndarray
    mug_pose: np.ndarray
    light: float
    saucer: bool = False

    @property
    def bag_yaw(self) -> float:
        """Return the yaw of a bag that lies flat, rad, -pi to pi."""
        w, z = self.qpos[9], self.qpos[12]
        return float(np.arctan2(2 * w * z, 1 - 2 * z * z))


class Scene:
    """A MuJoCo model and its data; whoever owns a Scene may change both."""

    def __init__(self, width: int = 640, height: int = 480) -> None:
        """Load the model; width and height bound the pictures drawn from it, in pixels."""
        spec = mujoco.MjSpec.from_string(
            files('vla_ros.sim.tea_bag').joinpath('scene.xml').read_text(encoding='utf-8')
        )
        spec.visual.global_.offwidth = width
        spec.visual.global_.offheight = height
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._mug = self.model.body('mug').id
        self._saucer = self.model.body('saucer').id
        self._nominal_light = self.model.light_diffuse.copy()
        self._nominal_headlight = self._headlight()
        self._light = 1.0
        mujoco.mj_forward(self.model, self.data)

    @property
    def positions(self) -> np.ndarray:
        """Return the joint positions (6,), rad, a copy."""
        return self.data.qpos[: len(JOINT_NAMES)].copy()

    @property
    def mug_pose(self) -> np.ndarray:
        """Return x, y (m) and yaw (rad) of the mug, (3,)."""
        quaternion = self.model.body_quat[self._mug]
        yaw = 2 * np.arctan2(quaternion[3], quaternion[0])
        return np.array([*self.model.body_pos[self._mug][:2], yaw])

    def position_of(self, body: str) -> np.ndarray:
        """Return where a thing stands on the table (2,), m."""
        return self.model.body_pos[self.model.body(body).id][:2].copy()

    def state(self) -> SceneState:
        """Return a copy of the state."""
        return SceneState(self.data.qpos.copy(), self.mug_pose, self._light, self.has_saucer)

    def apply(self, state: SceneState) -> None:
        """Take over a state, ready to be drawn."""
        self.place_mug(state.mug_pose)
        self.light(state.light)
        self.show_saucer(state.saucer)
        self.data.qpos[:] = state.qpos
        mujoco.mj_forward(self.model, self.data)

    def place_mug(self, pose: np.ndarray) -> None:
        """Move the mug to x, y (m) and yaw (rad)."""
        self.model.body_pos[self._mug][:2] = pose[:2]
        self.model.body_quat[self._mug] = yaw_quaternion(pose[2])

    @property
    def has_saucer(self) -> bool:
        """Whether the saucer stands on the table."""
        return bool(self.model.body_pos[self._saucer][2] == 0.0)

    def show_saucer(self, shown: bool) -> None:
        """Put the saucer on the table, or stow it below."""
        self.model.body_pos[self._saucer][2] = 0.0 if shown else _STOWED

    def light(self, level: float) -> None:
        """Scale every light; 1 is nominal."""
        self._light = level
        self.model.light_diffuse[:] = self._nominal_light * level
        ambient, diffuse = self._nominal_headlight * level
        self.model.vis.headlight.ambient[:] = ambient
        self.model.vis.headlight.diffuse[:] = diffuse

    def _headlight(self) -> np.ndarray:
        headlight = self.model.vis.headlight
        return np.array([headlight.ambient, headlight.diffuse])


def yaw_quaternion(yaw: float) -> np.ndarray:
    """Return the unit quaternion (w, x, y, z) of a rotation about the vertical, rad."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])

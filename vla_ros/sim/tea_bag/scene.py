# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag scene: its MuJoCo model, and where its things stand."""

from collections.abc import Mapping
from importlib.resources import files

import mujoco
import numpy as np

from vla_ros.sim.task import Scene

_STOWED = -0.5  # m, height of a saucer that nobody needs


class TeaBagScene(Scene):
    """An arm, a tea bag, a mug, and a saucer that may be stowed below the table."""

    def __init__(self, width: int = 640, height: int = 480) -> None:
        """Load the model."""
        super().__init__(mujoco.MjSpec.from_string(self.text()), width, height)
        self._mug = self.model.body('mug').id
        self._saucer = self.model.body('saucer').id

    @staticmethod
    def text() -> str:
        """Return the MJCF of the scene."""
        return files('vla_ros.sim.tea_bag').joinpath('scene.xml').read_text(encoding='utf-8')

    @property
    def values(self) -> dict[str, float]:
        """Return the mug's x, y (m) and yaw (rad), the light, and whether the saucer is there."""
        x, y, yaw = self.mug_pose.tolist()
        there = float(self.has_saucer)
        return {**super().values, 'mug_x': x, 'mug_y': y, 'mug_yaw': yaw, 'saucer': there}

    def set_values(self, values: Mapping[str, float]) -> None:
        """Take over what ``values`` returned."""
        super().set_values(values)
        self.place_mug(np.array([values[key] for key in ('mug_x', 'mug_y', 'mug_yaw')]))
        self.show_saucer(bool(values['saucer']))

    @property
    def mug_pose(self) -> np.ndarray:
        """Return x, y (m) and yaw (rad) of the mug, (3,)."""
        quaternion = self.model.body_quat[self._mug]
        yaw = 2 * np.arctan2(quaternion[3], quaternion[0])
        return np.array([*self.model.body_pos[self._mug][:2], yaw])

    def place_mug(self, pose: np.ndarray) -> None:
        """Move the mug to x, y (m) and yaw (rad)."""
        self.model.body_pos[self._mug][:2] = pose[:2]
        self.model.body_quat[self._mug] = yaw_quaternion(pose[2])

    def position_of(self, body: str) -> np.ndarray:
        """Return where a thing stands on the table (2,), m."""
        return self.model.body_pos[self.model.body(body).id][:2].copy()

    @property
    def has_saucer(self) -> bool:
        """Whether the saucer stands on the table."""
        return bool(self.model.body_pos[self._saucer][2] == 0.0)

    def show_saucer(self, shown: bool) -> None:
        """Put the saucer on the table, or stow it below."""
        self.model.body_pos[self._saucer][2] = 0.0 if shown else _STOWED


def yaw_quaternion(yaw: float) -> np.ndarray:
    """Return the unit quaternion (w, x, y, z) of a rotation about the vertical, rad."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])

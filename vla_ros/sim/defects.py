# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the scene of a recording: each changes the model of a Scene in place."""

import mujoco
import numpy as np


def move_camera(model: mujoco.MjModel, camera: str, metres: float, axis: int = 0) -> None:
    """Move a camera along an axis of the world."""
    model.cam_pos[model.camera(camera).id][axis] += metres


def turn_camera(model: mujoco.MjModel, camera: str, degrees: float, axis: int) -> None:
    """Turn a camera about one of its own axes."""
    place, half = model.camera(camera).id, np.radians(degrees) / 2
    by, turned = np.zeros(4), np.zeros(4)
    by[0], by[1 + axis] = np.cos(half), np.sin(half)
    mujoco.mju_mulQuat(turned, model.cam_quat[place], by)
    model.cam_quat[place] = turned


def whiten_table(model: mujoco.MjModel) -> None:
    """Make the table as white as the bag."""
    table = model.material('table').id
    model.mat_texid[table] = -1
    model.mat_rgba[table] = model.mat_rgba[model.material('bag').id]

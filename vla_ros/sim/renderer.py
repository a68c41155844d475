# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the scene, without a display."""

import os

import mujoco
import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.sim.task import Scene

SUPERSAMPLING = 2


class Renderer:
    """
    Draws the cameras of one Scene; belongs to the thread that made it.

    Pictures are drawn at twice the size and averaged, which small ones need: a tea bag is
    15 pixels wide in a 128 pixel wide picture of the top camera.
    """

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        """Draw pictures of width x height pixels; raise VlaError without OpenGL."""
        self._scene = scene
        self._cameras = [scene.model.camera(number).name for number in range(scene.model.ncam)]
        size = (height * SUPERSAMPLING, width * SUPERSAMPLING)
        try:
            self._renderer = mujoco.Renderer(scene.model, *size)
        except (RuntimeError, AttributeError, ImportError) as error:
            raise VlaError(_no_opengl(error)) from error

    def render(self, camera: str) -> np.ndarray:
        """Return the picture of a camera, (height, width, 3) uint8 RGB."""
        if camera not in self._cameras:
            raise VlaError(
                f'camera {camera!r} is not in the scene: expected one of '
                f'{", ".join(self._cameras)}'
            )
        self._renderer.update_scene(self._scene.data, camera)
        return _average(self._renderer.render())

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


def project(scene: Scene, camera: str, height: int, width: int, points: np.ndarray) -> np.ndarray:
    """Return where points (n, 3) appear in a picture, px, and how far they are, m: (n, 3)."""
    number = scene.model.camera(camera).id
    axes = scene.data.cam_xmat[number].reshape(3, 3)
    seen = (points - scene.data.cam_xpos[number]) @ axes  # right, up, backwards
    focal = 0.5 * height / np.tan(np.radians(scene.model.cam_fovy[number]) / 2)  # px
    depth = -seen[:, 2]
    x, y = width / 2 + focal * seen[:, 0] / depth, height / 2 - focal * seen[:, 1] / depth
    return np.column_stack([x, y, depth])


def _average(image: np.ndarray) -> np.ndarray:
    """Halve a picture; rounded means of 2x2 pixels."""
    wide = image.astype(np.uint16)
    total = wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)


def _no_opengl(error: BaseException) -> str:
    backend = os.environ.get('MUJOCO_GL', 'default')
    return (
        f'cannot draw without OpenGL (MUJOCO_GL={backend}): {error}; on Debian or Ubuntu '
        'install libegl1 libgl1-mesa-dri libgl1, or set MUJOCO_GL=osmesa and install '
        'libosmesa6'
    )

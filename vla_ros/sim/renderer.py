# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the scene, without a display."""

import os

import mujoco
import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.sim.tea_bag.scene import CAMERAS, Scene

SUPERSAMPLING = 2


class Renderer:
    """
    Draws the cameras of one Scene; belongs to the thread that made it.

    Pictures are drawn at twice the size and averaged, which small ones need: the bag is 15
    pixels wide in a 128 pixel wide picture of the top camera.
    """

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        """Draw pictures of width x height pixels; raise VlaError without OpenGL."""
        self._scene = scene
        size = (height * SUPERSAMPLING, width * SUPERSAMPLING)
        try:
            self._renderer = mujoco.Renderer(scene.model, *size)
        except (RuntimeError, AttributeError, ImportError) as error:
            raise VlaError(_no_opengl(error)) from error

    def render(self, camera: str) -> np.ndarray:
        """Return the picture of a camera, (height, width, 3) uint8 RGB."""
        if camera not in CAMERAS:
            raise VlaError(
                f'camera {camera!r} is not in the scene: expected one of {", ".join(CAMERAS)}'
            )
        self._renderer.update_scene(self._scene.data, camera)
        return _average(self._renderer.render())

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


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

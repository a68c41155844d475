# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated cameras as sources of pictures."""

import math
from collections.abc import Mapping

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.camera import CameraSettings, DrawnSource
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import SceneState, find_task


class SimulatedCamera(DrawnSource):
    """Draws one view of the scene; belongs to the thread that made it."""

    def __init__(self, settings: CameraSettings) -> None:
        """Load the scene and draw once; raise ConfigError for a camera that it does not have."""
        task = find_task(settings.task)
        if settings.camera not in task.cameras:
            raise ConfigError(
                f'camera: got {settings.camera!r}, task {settings.task} has '
                f'{", ".join(task.cameras)}'
            )
        self._camera, self._period = settings.camera, 1.0 / settings.fps
        self._next_due = -math.inf
        width, height = settings.size
        self._scene = task.make_scene(2 * width, 2 * height)
        self._renderer: Renderer | None = Renderer(self._scene, width, height)
        self._renderer.render(self._camera)
        self.field_of_view = math.radians(float(self._scene.model.camera(self._camera).fovy[0]))

    def is_due(self, time: float) -> bool:
        """Say whether to draw the scene of ``time`` (s): at fps on average, anew after a jump."""
        early = self._next_due - time
        if 0.1 * self._period < early < 1.1 * self._period:
            return False
        self._next_due = (self._next_due if abs(early) < self._period else time) + self._period
        return True

    def show(self, qpos: np.ndarray, values: Mapping[str, float]) -> None:
        """Take over the state of the simulation; raise VlaError where it is another scene's."""
        self._scene.apply(SceneState(qpos, values))

    def read(self) -> np.ndarray:
        """Return the view of what was shown last, (height, width, 3) uint8 RGB."""
        if self._renderer is None:
            raise VlaError(f'camera {self._camera}: was closed')
        return self._renderer.render(self._camera)

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

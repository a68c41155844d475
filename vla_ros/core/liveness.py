# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras that go on delivering, but the same picture."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

MOVED = 0.3  # rad (or m) of a joint, after which no camera that sees the arm sees the same


class View(NamedTuple):
    """A picture, and how the arm stood when it was taken."""

    picture: np.ndarray  # (height, width, 3) uint8
    state: np.ndarray  # (joints,) rad


class CameraWatch:
    """
    Finds cameras that are frozen behind fresh time stamps, as some drivers leave them.

    A live picture of a moved arm is never the same to the last bit. An arm that stands says
    nothing about the cameras.
    """

    def __init__(self) -> None:
        """Begin without having seen anything."""
        self._views: dict[str, View] = {}

    def frozen(self, images: Mapping[str, np.ndarray], state: np.ndarray) -> list[str]:
        """Return the cameras whose pictures did not change although the arm moved."""
        return [
            camera for camera, image in images.items() if self._is_frozen(camera, image, state)
        ]

    def _is_frozen(self, camera: str, image: np.ndarray, state: np.ndarray) -> bool:
        view = self._views.get(camera)
        if view is None or not np.array_equal(view.picture, image):
            self._views[camera] = View(image.copy(), state.copy())
            return False
        return bool(np.abs(state - view.state).max() > MOVED)

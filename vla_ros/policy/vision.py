# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The first stage of every policy: pictures to features, behind checks that name what is wrong."""

from collections.abc import Mapping

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.encoding import CameraGroup, open_encoding
from vla_ros.policy.reuse import PictureMemory
from vla_ros.policy.spec import CameraSpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import WARM_UP_ROUNDS, TensorSpec


class VisionEncoder:
    """
    Turns one picture of each camera into features.

    A camera that still sees what it saw when it was last encoded, within ``reuse_threshold`` (see
    PictureMemory; 0 is off), keeps its features.
    """

    def __init__(
        self, bundle: Bundle, placement: NodePlacement, reuse_threshold: float = 0.0
    ) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does."""
        self._cameras = bundle.spec.cameras
        self._encoding = open_encoding(bundle, placement, one_by_one=reuse_threshold > 0)
        self.session = self._encoding.groups[0].session
        self.mode = self._encoding.mode  # batched, single or parallel
        self.memory = PictureMemory(0.0)
        self._last = self._encoding.new_features()
        pictures = {c.name: np.zeros((c.height, c.width, 3), np.uint8) for c in self._cameras}
        for _ in range(WARM_UP_ROUNDS):
            self.encode(pictures)
        self.memory = PictureMemory(reuse_threshold)

    @property
    def features(self) -> TensorSpec:
        """Return the type and shape of what ``encode`` returns."""
        return TensorSpec('float32', self._last.shape)

    def encode(
        self, images: Mapping[str, np.ndarray], features: np.ndarray | None = None
    ) -> np.ndarray:
        """
        Return the features, (1, tokens, size) float32, of the pictures by camera name.

        Each is (height, width, 3) uint8 RGB. They are written into ``features`` where that is
        given. Raise VlaError naming the camera that is missing or has another size or type.
        """
        checked = {c.name: check_image(c, images.get(c.name)) for c in self._cameras}
        groups = self._encoding.groups
        if features is None:
            features = self._encoding.new_features()
        known = [i for i, group in enumerate(groups) if self._knows(group, checked)]
        fresh = [i for i in range(len(groups)) if i not in known]
        self._encoding.run(checked, features, fresh)
        old, new = self._encoding.parts(self._last), self._encoding.parts(features)
        for i in known:
            new[i][:] = old[i]
        self._note(fresh, known, checked)
        if self.memory.threshold > 0:
            self._last[:] = features
        return features

    def _knows(self, group: CameraGroup, images: Mapping[str, np.ndarray]) -> bool:
        return all(self.memory.knows(c.name, images[c.name]) for c in group.cameras)

    def _note(self, fresh: list[int], known: list[int], images: Mapping[str, np.ndarray]) -> None:
        groups = self._encoding.groups
        for camera in (c for i in fresh for c in groups[i].cameras):
            self.memory.keep(camera.name, images[camera.name])
        self.memory.reused.update(c.name for i in known for c in groups[i].cameras)


def check_image(camera: CameraSpec, image: np.ndarray | None) -> np.ndarray:
    """Return ``image``; raise VlaError naming ``camera`` where it isn't what the policy takes."""
    if image is None:
        raise VlaError(f'camera {camera.name}: got no picture, expected one; start that camera')
    expected = (camera.height, camera.width, 3)
    if image.shape != expected or image.dtype != np.uint8:
        raise VlaError(
            f'camera {camera.name}: got {image.dtype} {image.shape}, expected uint8 {expected}; '
            'set the camera to that size, or export a policy for this one'
        )
    return image

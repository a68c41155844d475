# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The stages of a policy: the three blocks behind checks that name what is wrong.

vision_encoder: pictures -> features; llm_backbone: features and joint positions -> memory;
action_expert: memory -> actions. Normalisation is inside the blocks.
"""

from collections.abc import Mapping
from itertools import groupby

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.spec import CameraSpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import WARM_UP_ROUNDS


class VisionEncoder:
    """Turns one picture of each camera into features."""

    def __init__(self, bundle: Bundle, placement: NodePlacement) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does."""
        cameras = bundle.spec.cameras
        self._batches = [_Batch(list(group)) for _, group in groupby(cameras, _picture_size)]
        sizes = {'n': len(cameras)} if len(self._batches) == 1 else {}
        self.session = bundle.open('vision_encoder', placement, sizes)
        pictures = {c.name: np.zeros((c.height, c.width, 3), np.uint8) for c in cameras}
        for _ in range(WARM_UP_ROUNDS):
            self.encode(pictures)

    def encode(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """
        Return the features, (1, tokens, size) float32, of the pictures by camera name.

        Each is (height, width, 3) uint8 RGB. Raise VlaError naming the camera that is missing
        or has another size or type.
        """
        parts = []
        for batch in self._batches:
            features = self.session.run(batch.inputs(images))['features']
            parts.append(features.reshape(1, -1, features.shape[-1]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


class LlmBackbone:
    """Turns features and joint positions into the memory that the expert reads."""

    def __init__(self, bundle: Bundle, placement: NodePlacement) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does."""
        self._joint_names = bundle.spec.joint_names
        self.session = bundle.open('llm_backbone', placement)
        self.session.warm_up()

    def run(self, features: np.ndarray, state: np.ndarray, instruction: str) -> np.ndarray:
        """
        Return the memory, (1, tokens, size) float32, for ``state``, (joints,) in rad.

        ACT knows one task and does not read ``instruction``. Raise VlaError for a state of
        another length or with NaN.
        """
        inputs = {'features': features, 'state': check_state(state, self._joint_names)[None]}
        return self.session.run(inputs)['memory']


class ActionExpert:
    """Turns memory into a chunk of actions."""

    def __init__(self, bundle: Bundle, placement: NodePlacement) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does."""
        self.session = bundle.open('action_expert', placement)
        self.session.warm_up()

    def run(self, memory: np.ndarray) -> np.ndarray:
        """Return the actions, (chunk, joints) float32 in rad; raise VlaError where one is NaN."""
        actions = self.session.run({'memory': memory})['actions'][0]
        if not np.isfinite(actions).all():
            raise VlaError(
                f'{self.session.path}: got NaN or infinity among the actions, expected finite '
                'ones; check the observation, and the precision that the block was exported in'
            )
        return actions


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


def check_state(state: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
    """Return ``state`` as float32; raise VlaError where it isn't one finite number per joint."""
    if state.shape != (len(joint_names),):
        raise VlaError(
            f'joint state: got shape {state.shape}, expected one value for each of '
            f'{list(joint_names)}; use the robot that the policy was trained on'
        )
    bad = [joint_names[i] for i in np.flatnonzero(~np.isfinite(state))]
    if bad:
        raise VlaError(f'joint state: got NaN or infinity for {bad}, expected finite positions')
    return np.asarray(state, np.float32)


class _Batch:
    """Cameras with pictures of one size, encoded in one run."""

    def __init__(self, cameras: list[CameraSpec]) -> None:
        self._cameras = cameras
        self._mean = np.array([camera.mean for camera in cameras], np.float32)
        self._std = np.array([camera.std for camera in cameras], np.float32)
        self._image = np.empty((len(cameras), cameras[0].height, cameras[0].width, 3), np.uint8)

    def inputs(self, images: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the block's inputs; the pictures lie in a buffer that the next call re-uses."""
        for row, camera in zip(self._image, self._cameras, strict=True):
            row[:] = check_image(camera, images.get(camera.name))
        return {'image': self._image, 'mean': self._mean, 'std': self._std}


def _picture_size(camera: CameraSpec) -> tuple[int, int]:
    return camera.height, camera.width

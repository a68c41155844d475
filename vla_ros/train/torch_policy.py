# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A checkpoint that acts by itself, through LeRobot's own processors."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from vla_ros.dataset.feature_names import camera_name
from vla_ros.train.checkpoint import Checkpoint, DatasetFacts, camera_sources
from vla_ros.train.families.family import family_of
from vla_ros.train.frames import STATE


class Camera(NamedTuple):
    """A camera whose pictures the policy takes."""

    name: str  # in topics
    key: str  # in the dataset
    height: int  # px
    width: int  # px


class Spec(NamedTuple):
    """What a rollout must know of a policy."""

    fps: float  # rows of a chunk per second
    joint_names: tuple[str, ...]
    cameras: tuple[Camera, ...]


class TorchPolicy:
    """Predicts chunks as a bundle's Policy does, and as if that took no time."""

    def __init__(self, checkpoint: Checkpoint, facts: DatasetFacts) -> None:
        """Take the cameras from the checkpoint, and the rest of the facts from its data."""
        self._checkpoint, self._instruction = checkpoint, facts.instruction
        features = checkpoint.policy.config.input_features
        cameras = [
            Camera(camera_name(source), source, *features[key].shape[1:])
            for key, source in camera_sources(checkpoint).items()
        ]
        self.spec = Spec(facts.fps, facts.joint_names, tuple(cameras))

    def predict(
        self,
        images: Mapping[str, np.ndarray],
        state: np.ndarray,
        instruction: str | None = None,
        sequence: int = 0,
    ) -> tuple[np.ndarray, dict[str, float]]:
        """
        Return the actions (chunk, joints) float32 in rad, and no times.

        ``images`` are (height, width, 3) uint8 RGB by camera name, ``state`` (joints,) in rad,
        ``sequence`` the request's number, on which a policy's noise depends.
        """
        batch: dict[str, Any] = {STATE: torch.from_numpy(np.asarray(state, np.float32))}
        for camera in self.spec.cameras:
            picture = torch.from_numpy(np.ascontiguousarray(images[camera.name]))
            batch[camera.key] = picture.permute(2, 0, 1).float() / 255
        batch['task'] = self._instruction if instruction is None else instruction
        checkpoint = self._checkpoint
        family = family_of(checkpoint.policy.config.type)
        actions = family.answer(checkpoint.policy, checkpoint.preprocess(batch), sequence)
        return checkpoint.postprocess(actions)[0].float().numpy(), {}

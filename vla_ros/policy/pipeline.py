# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole policy in one process: the same stages that the nodes run, one after another."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar

import numpy as np

from vla_ros.policy.bundle import Bundle
from vla_ros.policy.stages import ActionExpert, LlmBackbone, VisionEncoder
from vla_ros.runtime.placement import Placement

T = TypeVar('T')


class Policy:
    """A bundle's three stages, fused; what the nodes compute, this computes, to the last bit."""

    def __init__(
        self, bundle: Bundle, placement: Placement | None = None, reuse_threshold: float = 0.0
    ) -> None:
        """Load and warm up every block as ``placement`` says for the node of its name."""
        placement = placement or Placement()
        self.spec = bundle.spec
        vision = placement.node('vision_encoder')
        self.vision_encoder = VisionEncoder(bundle, vision, reuse_threshold)
        self.llm_backbone = LlmBackbone(bundle, placement.node('llm_backbone'))
        self.action_expert = ActionExpert(bundle, placement.node('action_expert'))

    def predict(
        self, images: Mapping[str, np.ndarray], state: np.ndarray, instruction: str | None = None
    ) -> tuple[np.ndarray, dict[str, float]]:
        """
        Return the actions, (chunk, joints) float32 in rad, and the seconds that each stage took.

        ``images`` are (height, width, 3) uint8 RGB by camera name, ``state`` (joints,) in rad;
        no ``instruction`` means the bundle's own. Raise VlaError where one isn't what the policy
        takes.
        """
        wanted = self.spec.instruction if instruction is None else instruction
        features, vision_time = _timed(lambda: self.vision_encoder.encode(images))
        memory, backbone_time = _timed(lambda: self.llm_backbone.run(features, state, wanted))
        actions, expert_time = _timed(lambda: self.action_expert.run(memory))
        times = {
            'vision_encoder': vision_time,
            'llm_backbone': backbone_time,
            'action_expert': expert_time,
        }
        return actions, times


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = perf_counter()
    result = work()
    return result, perf_counter() - start

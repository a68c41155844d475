# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole policy in one process: the same stages that the nodes run, one after another."""

import logging
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TypeVar

import numpy as np

from vla_ros.policy.bundle import Bundle
from vla_ros.policy.family import Ask, ExpertSettings, Queued, family_of
from vla_ros.policy.known_answer import find_other_model
from vla_ros.policy.vision import VisionEncoder
from vla_ros.runtime.placement import Placement

T = TypeVar('T')
FREE = ExpertSettings()


class Policy:
    """A bundle's three stages, fused; what the nodes compute, this computes, to the last bit."""

    def __init__(
        self,
        bundle: Bundle,
        placement: Placement | None = None,
        reuse_threshold: float = 0.0,
        settings: ExpertSettings = FREE,
    ) -> None:
        """Load and warm up every block as ``placement`` says for the node of its name."""
        placement = placement or Placement()
        self.spec, family = bundle.spec, family_of(bundle.spec)
        vision = placement.node('vision_encoder')
        self.vision_encoder = VisionEncoder(bundle, vision, reuse_threshold)
        self.llm_backbone = family.backbone(bundle, placement.node('llm_backbone'))
        self.action_expert = family.expert(bundle, placement.node('action_expert'), settings)
        for stage in (self.vision_encoder, self.llm_backbone, self.action_expert):
            other = find_other_model(stage.session)
            if other:
                logging.getLogger(__name__).warning(other)

    def predict(
        self,
        images: Mapping[str, np.ndarray],
        state: np.ndarray,
        instruction: str | None = None,
        sequence: int = 0,
        queued: Queued | None = None,
    ) -> tuple[np.ndarray, dict[str, float]]:
        """
        Return the actions, (chunk, joints) float32 in rad, and the seconds that each stage took.

        ``images`` are (height, width, 3) uint8 RGB by camera name, ``state`` (joints,) in rad;
        no ``instruction`` means the bundle's own. ``sequence`` and ``queued`` are those of the
        request (see Ask). Raise VlaError where one isn't what the policy takes.
        """
        wanted = self.spec.instruction if instruction is None else instruction
        ask = Ask(wanted, sequence, queued)
        features, vision_time = _timed(lambda: self.vision_encoder.encode(images))
        seen = {'features': features, 'state': state}
        made, backbone_time = _timed(lambda: self.llm_backbone.run(seen, ask))
        acted, expert_time = _timed(lambda: self.action_expert.run({**seen, **made}, ask))
        times = {
            'vision_encoder': vision_time,
            'llm_backbone': backbone_time,
            'action_expert': expert_time,
        }
        return acted['actions'], times


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = perf_counter()
    result = work()
    return result, perf_counter() - start

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ACT: features and state to a memory, memory to actions; it knows one task and reads no words."""

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.family import (
    Ask,
    ExpertSettings,
    Family,
    check_actions,
    check_state,
    taken,
)
from vla_ros.policy.spec import PolicySpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Arrays


class Backbone:
    """Turns features and joint positions into the memory that the expert reads."""

    def __init__(self, bundle: Bundle, placement: NodePlacement) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does."""
        self._joint_names = bundle.spec.joint_names
        self.session = bundle.open('llm_backbone', placement)
        self.session.warm_up()

    def run(
        self, tensors: Arrays, ask: Ask, outputs: Arrays | None = None
    ) -> dict[str, np.ndarray]:
        """Return the memory, (1, tokens, size) float32."""
        state = check_state(tensors['state'], self._joint_names)[None]
        return self.session.run(taken(self.session, {**tensors, 'state': state}), outputs)


class Expert:
    """Turns memory into a chunk of actions."""

    def __init__(self, bundle: Bundle, placement: NodePlacement, settings: ExpertSettings) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does, and for denoising."""
        if settings.steps or settings.continuation != 'none':
            raise ConfigError(
                f'denoise_steps and continuation: got {settings.steps} and '
                f'{settings.continuation}, expected 0 and none: {bundle.spec.name} is of type '
                f'{bundle.spec.type}, which does not denoise'
            )
        self.session = bundle.open('action_expert', placement)
        self.session.warm_up()

    def run(
        self, tensors: Arrays, ask: Ask, outputs: Arrays | None = None
    ) -> dict[str, np.ndarray]:
        """Return the actions, (chunk, joints) float32 in rad."""
        made = self.session.run(taken(self.session, tensors), outputs)
        return {'actions': check_actions(made['actions'][0], self.session)}


def check(spec: PolicySpec) -> None:
    """Raise ConfigError where the blocks are not those of an ACT."""
    made = {block: list(spec.blocks[block].outputs) for block in ('llm_backbone', 'action_expert')}
    expected = {'llm_backbone': ['memory'], 'action_expert': ['actions']}
    if made != expected:
        raise ConfigError(f'outputs: got {made}, expected {expected} of a policy of type act')


FAMILY = Family(Backbone, Expert, check=check)

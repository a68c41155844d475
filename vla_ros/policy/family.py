# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What differs between kinds of policies; each kind is one file, which this table names.

The names of the arrays in policy.json are the data flow: what a block makes, and the state of the
joints, travels to the blocks that take an array of that name. What no other block gives, the stage
around a block must know how to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.policy.spec import BLOCKS, PolicySpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Arrays, Session

if TYPE_CHECKING:
    from vla_ros.core.chunk import ActionChunk
    from vla_ros.policy.bundle import Bundle

FAMILIES = {  # type in policy.json -> the module with the FAMILY
    'act': 'vla_ros.policy.act',
    'smolvla': 'vla_ros.policy.smolvla',
}
CONTINUATIONS = ('none', 'guide', 'hold')
PICTURES = frozenset({'image', 'mean', 'std'})  # what every vision encoder takes


class Queued(NamedTuple):
    """What is being played while a chunk is computed that shall continue it."""

    chunk: ActionChunk  # its columns in the order of the policy's joints
    start: float  # s, time of the new chunk's row 0: that of the observation
    delay: int  # rows from there on that will have been played when the new chunk arrives

    @property
    def frozen(self) -> int:
        """
        Return the rows that the new chunk can't change any more.

        Beside those that will have been played it is the one that the arm is on its way to then:
        what it does is interpolated between rows, and would step where only one of them is known.
        """
        return self.delay + 1


@dataclass(frozen=True)
class Ask:
    """What a request for a chunk says besides what was seen."""

    instruction: str
    sequence: int = 0  # of the request; what a policy draws at random depends on it
    queued: Queued | None = None


@dataclass(frozen=True)
class ExpertSettings:
    """How an action expert answers; raises ConfigError for what can't be."""

    steps: int = 0  # of denoising; 0: as many as the bundle says
    seed: int = 0  # of the noise that denoising starts from
    continuation: str = 'none'  # of the chunk that is being played
    noise_scale: float | None = None  # of the noise; None: as the bundle says

    def __post_init__(self) -> None:
        """Check every value."""
        if self.steps < 0 or self.seed < 0:
            raise ConfigError(
                f'denoise_steps and seed: got {self.steps} and {self.seed}, expected 0 or more'
            )
        if self.noise_scale is not None and not 0.0 <= self.noise_scale < np.inf:
            raise ConfigError(f'noise_scale: got {self.noise_scale}, expected 0 or more')
        if self.continuation not in CONTINUATIONS:
            raise ConfigError(
                f'continuation: got {self.continuation!r}, expected one of {list(CONTINUATIONS)}'
            )


class Stage(Protocol):
    """A block with what it needs around it."""

    session: Session

    def run(
        self, tensors: Arrays, ask: Ask, outputs: Arrays | None = None
    ) -> dict[str, np.ndarray]:
        """
        Return what the stage makes of ``tensors``, by name; the expert makes ``actions``.

        ``tensors`` are those that travel (`PolicySpec.carried`), ``state`` (joints,) rad among
        them; ``actions`` are (chunk, joints) float32 rad. Results are written into ``outputs``
        where they are given. Raise VlaError for what is not as the policy takes it, and where a
        result is not finite; the next call is answered all the same. Equal arguments give equal
        bits.
        """


@dataclass(frozen=True)
class Family:
    """A kind of policy: what its stages are, and what they give their blocks themselves."""

    backbone: Callable[[Bundle, NodePlacement], Stage]  # each loads and warms up, or
    expert: Callable[[Bundle, NodePlacement, ExpertSettings], Stage]  # raises ConfigError
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by block
    spare: frozenset[str] = frozenset()  # of these, what a model may do without
    check: Callable[[PolicySpec], None] = lambda spec: None  # raises ConfigError


def family_of(spec: PolicySpec) -> Family:
    """Return the family of a policy; raise ConfigError for a type that is none."""
    if spec.type not in FAMILIES:
        raise ConfigError(f'type: got {spec.type!r}, expected one of {list(FAMILIES)}')
    family: Family = import_module(FAMILIES[spec.type]).FAMILY
    return family


def check_family(spec: PolicySpec) -> None:
    """Raise ConfigError where the blocks' arrays are not those of the policy's type."""
    family = family_of(spec)
    own = {'vision_encoder': PICTURES, **family.own}
    for block in BLOCKS:
        got, expected = spec.own_inputs(block), own.get(block, frozenset())
        if not expected - family.spare <= got <= expected:
            raise ConfigError(
                f'{block}: got inputs {sorted(got)} that no block before it makes, expected '
                f'{sorted(expected)} of a policy of type {spec.type}; export the policy again'
            )
    if list(spec.blocks['vision_encoder'].outputs) != ['features']:
        got_outputs = list(spec.blocks['vision_encoder'].outputs)
        raise ConfigError(f"vision_encoder: got outputs {got_outputs}, expected ['features']")
    family.check(spec)


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


def check_actions(actions: np.ndarray, session: Session) -> np.ndarray:
    """Return ``actions``, (chunk, joints); raise VlaError where one is not finite."""
    if not np.isfinite(actions).all():
        raise VlaError(
            f'{session.path}: got NaN or infinity among the actions, expected finite '
            'ones; check the observation, and the precision that the block was exported in'
        )
    return actions


def taken(session: Session, tensors: Arrays) -> dict[str, np.ndarray]:
    """Return those of ``tensors`` that a block takes; raise VlaError where one is missing."""
    missing = [name for name in session.inputs if name not in tensors]
    if missing:
        raise VlaError(
            f'{session.path}: got {sorted(tensors)}, expected also {missing}; run every block '
            'from the same policy bundle'
        )
    return {name: tensors[name] for name in session.inputs}

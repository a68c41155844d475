# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
SmolVLA: pictures, words and state to a memory of keys and values, and a flow that reads it.

The memory is computed once for an observation; the expert's block is one denoising step and runs
as often as there are steps.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.family import (
    Ask,
    ExpertSettings,
    Family,
    Queued,
    check_actions,
    check_state,
    taken,
)
from vla_ros.policy.flow import FREE, Continuation, Guided, Held, Velocity, denoise, noise
from vla_ros.policy.language import PROMPTS, Words
from vla_ros.policy.real_time_chunking import EXECUTION_HORIZON, prefix_rows, prefix_weights
from vla_ros.policy.sinusoids import rotation_at, time_embedding
from vla_ros.policy.spec import PolicySpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Arrays, Session, TensorSpec

T = TypeVar('T')
OWN = {
    'llm_backbone': frozenset({'language', 'language_mask', 'rotation'}),
    'action_expert': frozenset({'noisy', 'time_embedding', 'rotation'}),
}


class Backbone:
    """Turns features, words and joint positions into the memory that the expert reads."""

    def __init__(self, bundle: Bundle, placement: NodePlacement) -> None:
        """Load and warm up; raise ConfigError as Bundle.open and Words do."""
        self._joint_names = bundle.spec.joint_names
        self._words = Words(bundle.path, _needed(bundle.spec.language, 'language'))
        self.session = bundle.open('llm_backbone', placement)
        expected = self.session.inputs['language'].shape[2]
        if self._words.width != expected:
            raise ConfigError(
                f'{bundle.path}: got language tokens of size {self._words.width}, expected '
                f'{expected} as llm_backbone takes; export the policy again'
            )
        self._tokens, self._size = _sizes(self.session, 'rotation')
        self.session.warm_up()

    def run(
        self, tensors: Arrays, ask: Ask, outputs: Arrays | None = None
    ) -> dict[str, np.ndarray]:
        """Return memory and prefix_mask."""
        language, mask = self._words.embed(ask.instruction)
        given = {
            **tensors,
            'state': check_state(tensors['state'], self._joint_names)[None],
            'language': language,
            'language_mask': mask,
            'rotation': self._rotation(mask),
        }
        return self.session.run(taken(self.session, given), outputs)

    def _rotation(self, language_mask: np.ndarray) -> np.ndarray:
        """Return the rotation of the pictures' tokens, the words', and the state's."""
        there = np.ones(self._tokens)
        there[-1 - language_mask.size : -1] = language_mask[0]
        return rotation_at(np.cumsum(there) - 1, self._size)


class Expert:
    """Denoises a chunk of actions around the model of the velocity."""

    def __init__(self, bundle: Bundle, placement: NodePlacement, settings: ExpertSettings) -> None:
        """Load and warm up; raise ConfigError as Bundle.open does."""
        spec = bundle.spec
        self._flow, self._settings, self._step = (
            _needed(spec.flow, 'flow'),
            settings,
            1.0 / spec.fps,
        )
        told = settings.noise_scale
        self._noise_scale = np.float32(self._flow.noise_scale if told is None else told)
        self._rows = spec.chunk_size
        self.steps = settings.steps or spec.blocks['action_expert'].runs
        self._offset = np.array(self._flow.offset, np.float32)
        self._scale = np.array(self._flow.scale, np.float32)
        self.session = bundle.open('action_expert', placement)
        self._rotates = 'rotation' in self.session.inputs  # not where no row sees another
        _, self._waves = _sizes(self.session, 'time_embedding')
        self.session.warm_up()

    def run(
        self, tensors: Arrays, ask: Ask, outputs: Arrays | None = None
    ) -> dict[str, np.ndarray]:
        """Return the actions, (chunk, joints) float32 in rad."""
        start = self.start(ask)
        how = self._continue(ask.queued, start)
        chunk = denoise(self.velocity(tensors), start, self.steps, how)
        actions = chunk[:, : len(self._offset)] * self._scale + self._offset
        return {'actions': check_actions(actions, self.session)}

    def start(self, ask: Ask) -> np.ndarray:
        """Return the noise (rows, width) that the answer starts from."""
        drawn = noise(self._settings.seed, ask.sequence, self._rows, self._flow.width)
        return drawn * self._noise_scale

    def velocity(self, tensors: Arrays) -> Velocity:
        """Return the model of the velocity for what was seen; its result holds until it runs."""
        place = {'velocity': np.empty((1, self._rows, self._flow.width), np.float32)}
        known = {name: array for name, array in tensors.items() if name in self.session.inputs}
        if self._rotates:
            rows = np.sum(tensors['prefix_mask']) + np.arange(self._rows)
            known['rotation'] = rotation_at(rows, _sizes(self.session, 'rotation')[1])

        def run(noisy: np.ndarray, times: np.ndarray) -> np.ndarray:
            given = {'noisy': noisy[None], 'time_embedding': self._embedded(times)[None]}
            return self.session.run(taken(self.session, known | given), place)['velocity'][0]

        return run

    def _embedded(self, times: np.ndarray) -> np.ndarray:
        """Return flow times (rows,) as the model knows them, (rows, size)."""
        flow = self._flow
        return time_embedding(times, self._waves, flow.min_period, flow.max_period)

    def _continue(self, queued: Queued | None, start: np.ndarray) -> Continuation:
        """Return how the chunk continues what is being played."""
        if queued is None or self._settings.continuation == 'none':
            return FREE
        prefix = self._normalised(prefix_rows(queued.chunk, queued.start, self._step, self._rows))
        if self._settings.continuation == 'guide':
            horizon = queued.frozen + EXECUTION_HORIZON
            return Guided(prefix, prefix_weights(queued.frozen, horizon, self._rows))
        held = prefix[: queued.frozen]
        return Held(held, start, trained=len(held) <= self._flow.held_rows)

    def _normalised(self, rows: np.ndarray) -> np.ndarray:
        """Return actions (n, joints), rad, as the flow knows them, (n, width)."""
        wide = np.zeros((len(rows), self._flow.width), np.float32)
        wide[:, : len(self._offset)] = (rows - self._offset) / self._scale
        return wide


def check(spec: PolicySpec) -> None:
    """Raise ConfigError where policy.json does not describe a SmolVLA."""
    language, flow = _needed(spec.language, 'language'), _needed(spec.flow, 'flow')
    joints = len(spec.joint_names)
    if language.prompt not in PROMPTS:
        raise ConfigError(
            f'language: prompt: got {language.prompt!r}, expected one of {list(PROMPTS)}'
        )
    if not len(flow.offset) == len(flow.scale) == joints <= flow.width:
        raise ConfigError(
            f'flow: got {len(flow.offset)} offsets, {len(flow.scale)} scales and width '
            f'{flow.width}, expected {joints} of each and at least that width'
        )
    backbone, expert = (spec.blocks[name] for name in ('llm_backbone', 'action_expert'))
    rows, size = spec.chunk_size, 'size'
    expected: list[tuple[str, Mapping[str, TensorSpec], tuple[int | str, ...]]] = [
        ('language_mask', backbone.inputs, (1, language.words)),
        ('rotation', backbone.inputs, (2, 'tokens', size)),
        ('noisy', expert.inputs, (1, rows, flow.width)),
        ('time_embedding', expert.inputs, (1, rows, size)),
        ('velocity', expert.outputs, (1, rows, flow.width)),
    ]
    if 'rotation' in expert.inputs:
        expected.append(('rotation', expert.inputs, (2, rows, size)))
    for name, arrays, shape in expected:
        got, wanted = arrays.get(name), TensorSpec('float32', shape)
        if got is None or not (got.static and got.agrees(wanted)):
            raise ConfigError(f'{name}: got {got}, expected {wanted}; export the policy again')


def _sizes(session: Session, name: str) -> tuple[int, int]:
    """Return the last two sizes of an input, which `check` found to be numbers."""
    rows, size = session.inputs[name].shape[1:]
    return int(rows), int(size)


def _needed(part: T | None, name: str) -> T:
    if part is None:
        raise ConfigError(f'{name}: got none, expected it in policy.json of a smolvla')
    return part


FAMILY = Family(Backbone, Expert, OWN, frozenset({'rotation'}), check)

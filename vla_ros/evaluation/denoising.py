# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where a flow policy loses exactness: error by denoising step, and what becomes of it.

Every variant denoises the same noise for the same observations as the reference. Errors are root
mean squares over observations, rows and joints in the normalised units of the flow; final ones are
shares of the spread (standard deviation) of the reference's actions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.samples import Sample
from vla_ros.policy.family import Ask
from vla_ros.policy.flow import Denoises, Velocity, denoise
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.session import Arrays

STEPS = (1, 2, 4, 10, 20, 50)
NOISES = 4  # of each observation, for the policy's own spread
BISECTIONS = 8
KICK_SEED = 3


@dataclass(frozen=True)
class VariantErrors:
    """What one variant loses against the reference."""

    velocity: tuple[float, ...]  # by step, on the reference's way
    noisy: tuple[float, ...]  # of the chunk after each step, on the variant's own way
    final: float  # share of the actions' spread
    # final error over the error that the steps' errors add up to: above 1 they amplify, below 1
    # the flow takes them back
    accumulation: float
    by_steps: Mapping[int, float]  # final error in so many steps, against the reference in as many


@dataclass(frozen=True)
class Report:
    """What is known of a policy's denoising."""

    samples: int
    steps: int
    spread: float  # of the actions, normalised
    own_spread: float  # of answers to one observation, as a share of it
    truncation: Mapping[int, float]  # final error of the reference in fewer steps than the most
    kick: tuple[float, ...]  # what is left at the end of a kick to the velocity of each step
    equal_damage: Mapping[str, float]  # noise in the memory (share of its size) as harmful as each
    variants: Mapping[str, VariantErrors]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """One observation as the expert of a policy gets it."""

    tensors: Arrays
    ask: Ask


class Flow:
    """The expert of one policy on a set of observations."""

    def __init__(self, policy: Policy, samples: Sequence[Sample]) -> None:
        """Show ``samples`` to the policy; raise ConfigError for one that does not denoise."""
        if policy.spec.flow is None:
            raise ConfigError(
                f'{policy.spec.name}: got a policy of type {policy.spec.type}, expected one that '
                'denoises, smolvla for example'
            )
        self.expert = cast(Denoises, policy.action_expert)
        self.joints = len(policy.spec.joint_names)
        self.seen = [_see(policy, sample, number) for number, sample in enumerate(samples)]

    def velocities(self, memory_noise: float = 0.0) -> list[Velocity]:
        """Return the model of each observation, with noise in what the backbone made of it."""
        rng = np.random.default_rng(KICK_SEED)
        noisy = (_disturbed(seen.tensors, memory_noise, rng) for seen in self.seen)
        return [self.expert.velocity(tensors) for tensors in noisy]

    def starts(self, shift: int = 0) -> list[np.ndarray]:
        """Return the noise of each observation; another one for each ``shift``."""
        asks = (Ask(s.ask.instruction, s.ask.sequence + shift * 10**6) for s in self.seen)
        return [self.expert.start(ask) for ask in asks]

    def final(self, steps: int, shift: int = 0, memory_noise: float = 0.0) -> np.ndarray:
        """Return the chunks (observations, rows, joints), normalised."""
        pairs = zip(self.velocities(memory_noise), self.starts(shift), strict=True)
        chunks = [denoise(velocity, start, steps) for velocity, start in pairs]
        return np.stack(chunks)[..., : self.joints]


@dataclass(frozen=True)
class Way:
    """How the reference came from noise to actions."""

    noisy: np.ndarray  # (steps + 1, observations, rows, width)
    velocity: np.ndarray  # (steps, observations, rows, width)

    @property
    def times(self) -> np.ndarray:
        """Return the flow time of each step."""
        return 1.0 - np.arange(len(self.velocity)) / len(self.velocity)


def measure(
    reference: Policy, variants: Mapping[str, Policy], samples: Sequence[Sample]
) -> Report:
    """Return what each variant loses against the reference on ``samples``."""
    flow = Flow(reference, samples)
    steps, joints = flow.expert.steps, flow.joints
    way = _walk(flow.velocities(), flow.starts(), steps)
    in_steps = {count: flow.final(count) for count in STEPS}
    final = way.noisy[-1][..., :joints]
    spread = float(final.std())
    errors = {
        name: _errors(Flow(policy, samples), way, in_steps, spread)
        for name, policy in variants.items()
    }
    own = np.stack([flow.final(steps, shift) for shift in range(NOISES)])
    most = in_steps[max(STEPS)]
    sizes = np.max([item.velocity for item in errors.values()], axis=0, initial=0.01)
    return Report(
        samples=len(samples),
        steps=steps,
        spread=spread,
        own_spread=_rms(own - own.mean(axis=0)) / spread,
        truncation={n: _rms(chunk - most) / spread for n, chunk in in_steps.items()},
        kick=_kicks(flow, way, sizes),
        equal_damage={
            name: _equal_damage(flow, final, item.final * spread) for name, item in errors.items()
        },
        variants=errors,
    )


def _errors(
    flow: Flow, way: Way, in_steps: Mapping[int, np.ndarray], spread: float
) -> VariantErrors:
    joints, steps = flow.joints, len(way.velocity)
    models = flow.velocities()
    led = np.stack(
        [_apply(models, noisy, time) for noisy, time in zip(way.noisy, way.times, strict=False)]
    )
    wrong = (led - way.velocity)[..., :joints]
    own = _walk(models, flow.starts(), steps)
    apart = (own.noisy - way.noisy)[1:, ..., :joints]
    added = _rms(wrong.sum(axis=0) / steps)
    final = _rms(apart[-1])
    return VariantErrors(
        velocity=tuple(map(_rms, wrong)),
        noisy=tuple(map(_rms, apart)),
        final=final / spread,
        accumulation=final / added if added else 0.0,
        by_steps={n: _rms(flow.final(n) - chunk) / spread for n, chunk in in_steps.items()},
    )


def _kicks(flow: Flow, way: Way, sizes: np.ndarray) -> tuple[float, ...]:
    """Return the share of a kick of each step's size that is left in the actions."""
    rng, models, steps = np.random.default_rng(KICK_SEED), flow.velocities(), len(way.velocity)
    left = []
    for first, size in enumerate(sizes):
        kick = np.zeros_like(way.noisy[0])
        kick[..., : flow.joints] = size * rng.standard_normal(kick[..., : flow.joints].shape)
        noisy = way.noisy[first + 1] - kick / steps
        for time in way.times[first + 1 :]:
            noisy = noisy - _apply(models, noisy, time) / np.float32(steps)
        apart = (noisy - way.noisy[-1])[..., : flow.joints]
        left.append(_rms(apart) / _rms(kick[..., : flow.joints] / steps))
    return tuple(left)


def _equal_damage(flow: Flow, final: np.ndarray, error: float) -> float:
    """Return the noise in the memory, as a share of its size, that costs as much as ``error``."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        damage = _rms(flow.final(flow.expert.steps, memory_noise=middle) - final)
        low, high = (middle, high) if damage < error else (low, middle)
    return (low + high) / 2


def _walk(models: Sequence[Velocity], starts: Sequence[np.ndarray], steps: int) -> Way:
    noisy, led = [np.stack(starts)], []
    for step in range(steps):
        led.append(_apply(models, noisy[-1], 1.0 - step / steps))
        noisy.append(noisy[-1] - led[-1] * np.float32(1.0 / steps))
    return Way(np.stack(noisy), np.stack(led))


def _apply(models: Sequence[Velocity], noisy: np.ndarray, time: float) -> np.ndarray:
    """Return the velocities (observations, rows, width) of chunks at one time."""
    times = np.full(noisy.shape[1], time, np.float32)
    return np.stack([run(one, times).copy() for run, one in zip(models, noisy, strict=True)])


def _see(policy: Policy, sample: Sample, number: int) -> Seen:
    text = policy.spec.instruction if sample.instruction is None else sample.instruction
    ask = Ask(text, number)
    known = {'features': policy.vision_encoder.encode(sample.images), 'state': sample.state}
    made = policy.llm_backbone.run(known, ask)
    return Seen({name: np.array(array) for name, array in made.items()}, ask)


def _disturbed(tensors: Arrays, share: float, rng: np.random.Generator) -> Arrays:
    """Return the arrays with noise in the largest of them, the memory."""
    if not share:
        return tensors
    name = max(tensors, key=lambda key: tensors[key].size)
    array = tensors[name]
    noise = share * _rms(array) * rng.standard_normal(array.shape, np.float32)
    return {**tensors, name: (array + noise).astype(np.float32)}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Flow matching: a chunk is led from noise to actions, step by step, around a model of the velocity.

Flow time goes from 1, where a chunk is noise, to 0, where it is actions. The values are those in
which a policy denoises: normalised, and as wide as its model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vla_ros.policy.family import Ask
from vla_ros.policy.real_time_chunking import guide
from vla_ros.runtime.session import Arrays

# (rows, width) at flow times (rows,) -> the velocity (rows, width) float32
Velocity = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Denoises(Protocol):
    """What a stage has that denoises, for those who look into it."""

    steps: int

    def start(self, ask: Ask) -> np.ndarray:
        """Return the noise (rows, width) that the answer starts from."""

    def velocity(self, tensors: Arrays) -> Velocity:
        """Return the model of the velocity for what was seen."""


class Continuation(Protocol):
    """How a chunk is made to continue another one while it is denoised."""

    def before(self, noisy: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the chunk (rows, width) and its times (rows,) that the model shall see."""

    def after(self, noisy: np.ndarray, velocity: np.ndarray, time: float) -> np.ndarray:
        """Return the velocity to follow for what the model said at a time."""

    def end(self, actions: np.ndarray) -> np.ndarray:
        """Return the finished chunk."""


class Free:
    """Continues nothing."""

    def before(self, noisy: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return them as they are."""
        return noisy, times

    def after(self, noisy: np.ndarray, velocity: np.ndarray, time: float) -> np.ndarray:
        """Return the model's velocity."""
        return velocity

    def end(self, actions: np.ndarray) -> np.ndarray:
        """Return the chunk as it is."""
        return actions


@dataclass(frozen=True)
class Guided(Free):
    """Leads the chunk to a prefix in every step, see `real_time_chunking.guide`."""

    prefix: np.ndarray  # (n, width), n from 0 to rows
    weights: np.ndarray  # (rows,), 1 to 0

    def after(self, noisy: np.ndarray, velocity: np.ndarray, time: float) -> np.ndarray:
        """Return the velocity that also leads to the prefix."""
        led = guide(noisy, velocity, time, self.prefix, self.weights)
        return led.astype(np.float32)


@dataclass(frozen=True)
class Held(Free):
    """
    Holds the first rows to a prefix and lets the model make the rest fit to it.

    A model that was ``trained`` for it sees them finished, at flow time 0 (training-time real-time
    chunking, arXiv 2512.05964); any other sees them as noisy as the rest (inpainting).
    """

    prefix: np.ndarray  # (n, width), n from 0 to rows
    noise: np.ndarray  # (rows, width), that denoising starts from
    trained: bool

    def before(self, noisy: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the chunk with the prefix in it."""
        n, noisy, times = len(self.prefix), noisy.copy(), times.copy()
        if self.trained:
            noisy[:n], times[:n] = self.prefix, 0.0
        elif n:
            noisy[:n] = times[0] * self.noise[:n] + (1 - times[0]) * self.prefix
        return noisy, times

    def end(self, actions: np.ndarray) -> np.ndarray:
        """Return the chunk that begins with the prefix."""
        return np.concatenate([self.prefix, actions[len(self.prefix) :]])


FREE = Free()


def noise(seed: int, sequence: int, rows: int, width: int) -> np.ndarray:
    """Return the noise (rows, width) float32 that the answer to a request starts from."""
    generator = np.random.Generator(np.random.PCG64([seed, sequence]))
    return generator.standard_normal((rows, width), np.float32)


def denoise(
    velocity: Velocity, start: np.ndarray, steps: int, how: Continuation = FREE
) -> np.ndarray:
    """
    Return the actions (rows, width) float32 that ``start``, noise of that shape, leads to.

    As LeRobot does it: ``steps`` Euler steps of equal length.
    """
    noisy = start
    for step in range(steps):
        time = 1.0 - step / steps
        noisy, times = how.before(noisy, np.full(len(start), time, np.float32))
        led = how.after(noisy, velocity(noisy, times), time)
        noisy = noisy - led * np.float32(1.0 / steps)
    return how.end(noisy)

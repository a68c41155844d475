# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations: what the expert did in one episode, ready to be drawn at any size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vla_ros.dataset.lerobot import Frame
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.demonstrator import Demonstrator
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.tea_bag.env import TeaBagEnv
from vla_ros.sim.tea_bag.expert import PHASES, Expert
from vla_ros.sim.tea_bag.scene import CAMERAS, Scene, SceneState

MAX_SECONDS = 30.0
MAX_ATTEMPTS = 20
_NOISE = 0.025 * np.array([1.0, 0.7, 0.7, 0.7, 1.5, 0.0])  # rad, standard deviation
_MEMORY = 0.95  # of the noise, from one tick to the next


class Step(NamedTuple):
    """What was seen and commanded at one control tick."""

    scene: SceneState
    action: np.ndarray  # (6,) rad
    phase: str


@dataclass
class Episode:
    """The steps of one episode and how it ended."""

    seed: int
    cluster: int
    recovery: str
    steps: list[Step] = field(default_factory=list)
    success: bool = False
    retries: int = 0

    @property
    def rotation(self) -> float:
        """Return the bag's yaw at the start, rad."""
        return self.steps[0].scene.bag_yaw

    def frames(self, scene: Scene, renderer: Renderer) -> Iterator[Frame]:
        """Draw every step; its phase is the number in PHASES."""
        for step in self.steps:
            scene.apply(step.scene)
            images = {camera: renderer.render(camera) for camera in CAMERAS}
            yield Frame(scene.positions, step.action, images, PHASES.index(step.phase))


class Noise:
    """
    Smooth noise on what is executed, never on what is recorded.

    So the demonstrations show how to come back from beside the expert's own path (DART; Laskey et
    al., 2017).
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Start at rest."""
        self._rng, self._offset = rng, np.zeros(len(_NOISE))

    def __call__(self, action: np.ndarray) -> np.ndarray:
        """Return what the arm is told in the place of ``action`` (6,), rad."""
        fresh = self._rng.normal(0, 1, len(_NOISE)) * _NOISE
        self._offset = _MEMORY * self._offset + np.sqrt(1 - _MEMORY**2) * fresh
        return action + self._offset


def demonstrate(env: TeaBagEnv, planned: PlannedEpisode, noisy: float = 0.0) -> Episode:
    """
    Return a successful episode of the expert for a plan entry.

    An attempt that fails, or whose disturbance called for no recovery, is dropped and another
    seed tried; raises RuntimeError when none of MAX_ATTEMPTS will do. ``noisy`` is the share of
    episodes with Noise.
    """
    for attempt in range(MAX_ATTEMPTS):
        episode = attempt_episode(env, planned._replace(seed=planned.seed + attempt), noisy)
        if episode is not None:
            return episode
    raise RuntimeError(f'no demonstration of {planned} succeeded in {MAX_ATTEMPTS} attempts')


def attempt_episode(env: TeaBagEnv, planned: PlannedEpisode, noisy: float = 0.0) -> Episode | None:
    """Run the expert once; return None if the episode is not what the plan asks for."""
    demonstrator = Demonstrator(env, planned)
    rng = np.random.default_rng([planned.seed, 9])
    noise = Noise(rng) if rng.random() < noisy else None
    episode = _record(env, demonstrator.expert, demonstrator.act, planned, noise)
    return None if demonstrator.objection else episode


def _record(
    env: TeaBagEnv,
    expert: Expert,
    act: Callable[[], np.ndarray],
    planned: PlannedEpisode,
    noise: Noise | None = None,
) -> Episode:
    """Let the expert ``act`` to its end, and keep every step."""
    episode = Episode(planned.seed, planned.cluster, planned.recovery)
    end = env.time + MAX_SECONDS
    while not expert.done and env.time < end:
        state = env.scene.state()
        action = act()
        episode.steps.append(Step(state, action, expert.phase))
        env.step(noise(action) if noise else action)
    episode.success, episode.retries = env.success, expert.retries
    return episode

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations: what the expert did in one episode, ready to be drawn at any size."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vla_ros.dataset.lerobot import Frame
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.dataset.streams import PHASE
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import Scene, SceneState, Task

MAX_SECONDS = 30.0
MAX_ATTEMPTS = 20
_NOISE = 0.025 * np.array([1.0, 0.7, 0.7, 0.7, 1.5, 0.0])  # rad, standard deviation
_MEMORY = 0.95  # of the noise, from one tick to the next


class Step(NamedTuple):
    """What was seen and commanded at one control tick."""

    scene: SceneState
    action: np.ndarray  # (joints,) rad
    phase: str  # one of the task's


@dataclass
class Episode:
    """The steps of one episode and how it ended."""

    seed: int
    cluster: int
    recovery: str
    goal: str = ''
    instruction: str = ''
    rotation: float = 0.0  # rad, of the object at the start
    steps: list[Step] = field(default_factory=list)
    success: bool = False
    retries: int = 0

    def frames(self, task: type[Task], scene: Scene, renderer: Renderer) -> Iterator[Frame]:
        """Draw every step in a scene of the task; its phase is the number in the task's."""
        for step in self.steps:
            scene.apply(step.scene)
            images = {camera: renderer.render(camera) for camera in task.cameras}
            positions = step.scene.qpos[: len(step.action)]
            phase = task.phases.index(step.phase)
            yield Frame(positions, step.action, images, {PHASE: phase})


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


def demonstrate(task: Task, planned: PlannedEpisode, noisy: float = 0.0) -> Episode:
    """
    Return a successful episode of the expert for a plan entry.

    An attempt that fails, or whose mishap called for no recovery, is dropped and another seed
    tried; raises RuntimeError when none of MAX_ATTEMPTS will do. ``noisy`` is the share of
    episodes with Noise.
    """
    for attempt in range(MAX_ATTEMPTS):
        episode = attempt_episode(task, planned._replace(seed=planned.seed + attempt), noisy)
        if episode is not None:
            return episode
    raise RuntimeError(f'no demonstration of {planned} succeeded in {MAX_ATTEMPTS} attempts')


def attempt_episode(task: Task, planned: PlannedEpisode, noisy: float = 0.0) -> Episode | None:
    """Have it shown once; return None if the episode is not what the plan asks for."""
    demonstration = task.demonstrate(planned)
    rng = np.random.default_rng([planned.seed, 9])
    noise = Noise(rng) if rng.random() < noisy else None
    episode = Episode(planned.seed, planned.cluster, planned.recovery, planned.goal)
    episode.instruction, episode.rotation = instruction_of(task, planned), task.rotation
    end = task.time + MAX_SECONDS
    while not demonstration.done and task.time < end:
        state = task.scene.state()
        action = demonstration.act()
        episode.steps.append(Step(state, action, demonstration.phase))
        task.step(noise(action) if noise else action)
    episode.success, episode.retries = task.success, demonstration.retries
    return None if demonstration.objection else episode


def instruction_of(task: Task, planned: PlannedEpisode) -> str:
    """Return what the episode is told: as planned, else one of its goal's sentences by seed."""
    if planned.instruction:
        return planned.instruction
    return task.goal.phrase(np.random.default_rng([planned.seed, 4]))

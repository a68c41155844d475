# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations: what the expert did in one episode, ready to be drawn at any size."""

from collections.abc import Iterator, Sequence
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
_CHANGED = 1.2  # s after the arm got under way, by which another goal is asked for


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
    changed: int | None = None  # the first step that another goal is asked for; None: none is
    then: str = ''  # the instruction from that step on

    @property
    def parts(self) -> list[tuple[str, Sequence[Step]]]:
        """Return the steps of each instruction, in their order."""
        if self.changed is None:
            return [(self.instruction, self.steps)]
        before, after = self.steps[: self.changed], self.steps[self.changed :]
        return [(self.instruction, before), (self.then, after)]

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


def demonstrate(
    task: Task, planned: PlannedEpisode, noisy: float = 0.0, seconds: float | None = None
) -> Episode:
    """
    Return a successful episode of the expert for a plan entry, or its first ``seconds``.

    An attempt that fails, or whose mishap called for no recovery, is dropped and another seed
    tried; raises RuntimeError when none of MAX_ATTEMPTS will do. ``noisy`` is the share of
    episodes with Noise.
    """
    for attempt in range(MAX_ATTEMPTS):
        attempted = planned._replace(seed=planned.seed + attempt)
        episode = attempt_episode(task, attempted, noisy, seconds)
        if episode is not None:
            return episode
    raise RuntimeError(f'no demonstration of {planned} succeeded in {MAX_ATTEMPTS} attempts')


def attempt_episode(
    task: Task, planned: PlannedEpisode, noisy: float = 0.0, seconds: float | None = None
) -> Episode | None:
    """
    Have it shown once; return None if the episode is not what the plan asks for.

    Where the plan names a goal for ``then``, that is asked for some time after the arm got under
    way. Of an episode that is cut after ``seconds`` is asked only that nobody gave up.
    """
    demonstration = task.demonstrate(planned)
    rng = np.random.default_rng([planned.seed, 9])
    noise = Noise(rng) if rng.random() < noisy else None
    episode = Episode(planned.seed, planned.cluster, planned.recovery, planned.goal)
    episode.instruction, episode.rotation = instruction_of(task, planned), task.rotation
    change = _Change(task, planned, episode)
    end = task.time + (MAX_SECONDS if seconds is None else seconds)
    while not demonstration.done and task.time < end:
        change.tick()
        state = task.scene.state()
        action = demonstration.act()
        episode.steps.append(Step(state, action, demonstration.phase))
        task.step(noise(action) if noise else action)
    episode.success, episode.retries = task.success, demonstration.retries
    cut = seconds is not None and not demonstration.done
    objection = demonstration.failure if cut else demonstration.objection or change.objection
    return None if objection else episode


class _Change:
    """Another goal that is asked for in the middle of an episode, if one is planned."""

    def __init__(self, task: Task, planned: PlannedEpisode, episode: Episode) -> None:
        self._task, self._episode, self._then = task, episode, planned.then
        self._rng = np.random.default_rng([planned.seed, 5])
        self._wait = self._rng.uniform(0, _CHANGED) if planned.then else np.inf  # s

    def tick(self) -> None:
        """Ask for it when its time has come."""
        if np.isinf(self._wait) or not self._task.under_way:
            return
        self._wait -= 1 / self._task.rate
        if self._wait < 0:
            self._wait = np.inf
            self._task.change_goal(self._then)
            self._episode.changed = len(self._episode.steps)
            self._episode.then = self._task.goal.phrase(self._rng)

    @property
    def objection(self) -> str:
        """Return why the episode is not the planned one, once it is over; empty: it is."""
        missed = self._then and self._episode.changed is None
        return f'{self._then} was not asked for before the arm had arrived' if missed else ''


def instruction_of(task: Task, planned: PlannedEpisode) -> str:
    """Return what the episode is told: as planned, else one of its goal's sentences by seed."""
    if planned.instruction:
        return planned.instruction
    return task.goal.phrase(np.random.default_rng([planned.seed, 4]))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations: what the expert did in one episode, ready to be drawn at any size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import le
from typing import NamedTuple

import numpy as np

from vla_ros.dataset.lerobot import Frame
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.demonstrator import Demonstrator
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.rollout import Rollout
from vla_ros.sim.tea_bag.env import TeaBagEnv
from vla_ros.sim.tea_bag.expert import PHASES, Expert
from vla_ros.sim.tea_bag.scene import CAMERAS, Scene, SceneState

MAX_SECONDS = 30.0
MAX_ATTEMPTS = 20
TAKEOVER = (0.5, 12.0)  # s, between which a policy hands over to the expert


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


def demonstrate(env: TeaBagEnv, planned: PlannedEpisode) -> Episode:
    """
    Return a successful episode of the expert for a plan entry.

    An attempt that fails, or whose disturbance called for no recovery, is dropped and another
    seed tried; raises RuntimeError when none of MAX_ATTEMPTS will do.
    """
    for attempt in range(MAX_ATTEMPTS):
        episode = attempt_episode(env, planned._replace(seed=planned.seed + attempt))
        if episode is not None:
            return episode
    raise RuntimeError(f'no demonstration of {planned} succeeded in {MAX_ATTEMPTS} attempts')


def attempt_episode(env: TeaBagEnv, planned: PlannedEpisode) -> Episode | None:
    """Run the expert once; return None if the episode is not what the plan asks for."""
    demonstrator = Demonstrator(env, planned)
    episode = _record(env, demonstrator.expert, demonstrator.act, planned)
    return None if demonstrator.objection else episode


def correct(rollout: Rollout, planned: PlannedEpisode) -> Episode:
    """
    Let a policy drive for a while and the expert finish: only the expert's part is returned.

    These are the demonstrations that a policy lacks, from the states that it reaches itself
    (DAgger; Ross, Gordon and Bagnell, 2011). Raises RuntimeError as ``demonstrate`` does.
    """
    for attempt in range(MAX_ATTEMPTS):
        start = planned._replace(seed=planned.seed + attempt)
        rng = np.random.default_rng([start.seed, 3])
        takeover = rng.uniform(*TAKEOVER)
        if rollout.play(start, until=partial(le, takeover)).success:
            continue
        expert = Expert(rollout.env, rng)
        episode = _record(rollout.env, expert, expert.act, start._replace(recovery='policy'))
        if episode.success:
            return episode
    raise RuntimeError(f'no correction of {planned} succeeded in {MAX_ATTEMPTS} attempts')


def _record(
    env: TeaBagEnv, expert: Expert, act: Callable[[], np.ndarray], planned: PlannedEpisode
) -> Episode:
    """Let the expert ``act`` to its end, and keep every step."""
    episode = Episode(planned.seed, planned.cluster, planned.recovery)
    end = env.time + MAX_SECONDS
    while not expert.done and env.time < end:
        state = env.scene.state()
        action = act()
        episode.steps.append(Step(state, action, expert.phase))
        env.step(action)
    episode.success, episode.retries = env.success, expert.retries
    return episode

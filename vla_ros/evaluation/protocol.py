# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The study's evaluation protocol in simulation: sets of episodes, played in worker processes."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.dataset.plan import CLUSTER_SETS, PlannedEpisode, evaluation_plan
from vla_ros.evaluation.statistics import Rate, success_rate
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.sim.episode import attempt_episode
from vla_ros.sim.rollout import EpisodeResult, Rollout, RolloutConfig
from vla_ros.sim.tea_bag.env import TeaBagEnv

OnEpisode = Callable[[EpisodeResult], None]

STUDY_EPISODES = {'test': 20, 'validation': 10, 'global': 30}


@dataclass(frozen=True)
class Score:
    """What one set of episodes came to; times in s, simulated but for the latency."""

    episodes: int
    success: Rate
    latency_p50: float
    latency_p95: float
    time_per_episode: float  # median of the successful ones, nan without any
    idle_per_episode: float  # mean
    starved_per_episode: float  # mean
    reused: dict[str, float]  # share of each camera's pictures that were not encoded again

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), 'success': {**self.success._asdict(), 'rate': self.success.value}}


def score(results: list[EpisodeResult]) -> Score:
    """Sum a set of episodes up."""
    latencies = np.concatenate([result.latencies for result in results] or [[]])
    p50, p95 = np.percentile(latencies, (50, 95)) if len(latencies) else (np.nan, np.nan)
    times = [result.duration for result in results if result.success]
    return Score(
        episodes=len(results),
        success=success_rate(sum(result.success for result in results), len(results)),
        latency_p50=float(p50),
        latency_p95=float(p95),
        time_per_episode=float(np.median(times)) if times else float('nan'),
        idle_per_episode=float(np.mean([result.idle for result in results])),
        starved_per_episode=float(np.mean([result.starved for result in results])),
        reused=_reused(results),
    )


def _reused(results: list[EpisodeResult]) -> dict[str, float]:
    shown = sum((result.pictures for result in results), Counter())
    again = sum((result.reused for result in results), Counter())
    return {camera: again[camera] / shown[camera] for camera in sorted(shown)}


def plan_set(name: str, episodes: int | None = None, seed: int = 0) -> list[PlannedEpisode]:
    """
    Return the episodes of a set; the study's number of them unless told otherwise.

    test: 2 positions in each of 10 clusters; validation: 10 positions in cluster 6; global: both.
    """
    if name not in CLUSTER_SETS:
        raise ConfigError(f'set: got {name!r}, expected one of {", ".join(CLUSTER_SETS)}')
    if name != 'global':
        return evaluation_plan(CLUSTER_SETS[name], episodes or STUDY_EPISODES[name], seed)
    total = episodes or STUDY_EPISODES['global']
    validation = round(total / 3)
    return [
        *plan_set('test', total - validation, seed),
        *plan_set('validation', max(1, validation), seed),
    ]


def evaluate(
    bundle: Path,
    robot: RobotSpec,
    config: RolloutConfig,
    plan: list[PlannedEpisode],
    workers: int = 1,
    on_episode: OnEpisode = lambda result: None,
) -> list[EpisodeResult]:
    """Play the planned episodes in worker processes of one thread each; return them in order."""
    return _play_all(partial(_start_policy, bundle, robot, config), plan, workers, on_episode)


def evaluate_expert(
    plan: list[PlannedEpisode],
    workers: int = 1,
    on_episode: OnEpisode = lambda result: None,
) -> list[EpisodeResult]:
    """Have the scripted expert play the planned episodes, as ``evaluate`` does a policy."""
    return _play_all(_start_expert, plan, workers, on_episode)


def _play_all(
    start: Callable[[], None], plan: list[PlannedEpisode], workers: int, on_episode: OnEpisode
) -> list[EpisodeResult]:
    play = partial(_play, start)
    with ExitStack() as stack:
        results: Iterable[EpisodeResult]
        if workers == 1:
            stack.callback(_close)
            results = map(play, plan)
        else:
            pool = get_context('spawn').Pool(min(workers, len(plan)))
            results = stack.enter_context(pool).imap(play, plan)
        played = []
        for result in results:
            played.append(result)
            on_episode(result)
    return played


class _Player(NamedTuple):
    play: Callable[[PlannedEpisode], EpisodeResult]
    close: Callable[[], None] = lambda: None


_worker: list[_Player] = []  # of this process


def _start_policy(bundle: Path, robot: RobotSpec, config: RolloutConfig) -> None:
    placement = Placement(default=NodePlacement(threads=1))
    policy = Policy(load_bundle(bundle), placement, config.reuse_threshold)
    rollout = Rollout(policy, robot, config, policy.vision_encoder.memory)
    _worker[:] = [_Player(rollout.play, rollout.close)]


def _start_expert() -> None:
    _worker[:] = [_Player(partial(_demonstrate, TeaBagEnv()))]


def _demonstrate(env: TeaBagEnv, planned: PlannedEpisode) -> EpisodeResult:
    episode = attempt_episode(env, planned)
    seconds = len(episode.steps) / env.rate if episode else 0.0
    return EpisodeResult(planned.seed, planned.cluster, episode is not None, seconds)


def _play(start: Callable[[], None], planned: PlannedEpisode) -> EpisodeResult:
    """
    Play in this process, which is made ready with ``start`` for its first episode.

    A pool's own initializer would not do: where it fails, the pool tries again for ever.
    """
    if not _worker:
        start()
    return _worker[0].play(planned)


def _close() -> None:
    while _worker:
        _worker.pop().close()

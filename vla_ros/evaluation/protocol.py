# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The study's evaluation protocol in simulation: sets of episodes, played in worker processes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.dataset.plan import Plan, PlannedEpisode
from vla_ros.evaluation.statistics import Rate, success_rate
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.runtime.workers import work
from vla_ros.sim.episode import attempt_episode
from vla_ros.sim.rollout import EpisodeResult, Rollout, RolloutConfig, check_playable
from vla_ros.sim.task import Task, TaskChoice

OnEpisode = Callable[[EpisodeResult], None]

MOST_EPISODES = 1_000_000  # that a list of them has room for
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
    at_other_goal: float  # share of the episodes that ended as another goal asks
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
        at_other_goal=float(np.mean([result.at_other_goal for result in results])),
        reused=_reused(results),
    )


def _reused(results: list[EpisodeResult]) -> dict[str, float]:
    shown = sum((result.pictures for result in results), Counter())
    again = sum((result.reused for result in results), Counter())
    return {camera: again[camera] / shown[camera] for camera in sorted(shown)}


def plan_set(
    plan: Plan, name: str, episodes: int | None = None, seed: int = 0
) -> list[PlannedEpisode]:
    """
    Return the episodes of a set; the study's number of them unless told otherwise.

    The study's test: 2 positions in each of 10 clusters; validation: 10 positions in the one that
    is held out; global: both.
    """
    if name not in STUDY_EPISODES:
        raise ConfigError(f'set: got {name!r}, expected one of {", ".join(STUDY_EPISODES)}')
    count = STUDY_EPISODES[name] if episodes is None else episodes
    if count < 1:
        raise ConfigError(f'episodes: got {count}, expected 1 or more')
    if count > MOST_EPISODES:
        raise ConfigError(f'episodes: got {count}, expected at most {MOST_EPISODES}')
    if name != 'global':
        return plan.evaluation(name, count, seed)
    validation = round(count / 3) if plan.held_out else 0
    return [
        *plan.evaluation('test', count - validation, seed),
        *(plan.evaluation('validation', validation, seed) if validation else ()),
    ]


def ask_for(
    plan: Iterable[PlannedEpisode], goals: Sequence[str], instruction: str = '', then: str = ''
) -> list[PlannedEpisode]:
    """
    Return every planned episode once for each goal, with the same seed: pairs, for two goals.

    ``instruction`` is what the policy is told then, if not the goal's own sentence; ``then`` is
    the goal that is asked for when the arm is under way.
    """
    asked = ((planned, goal) for planned in plan for goal in goals or ('',))
    return [
        planned._replace(index=index, goal=goal, instruction=instruction, then=then)
        for index, (planned, goal) in enumerate(asked)
    ]


def success_on_all(results: Sequence[EpisodeResult]) -> Rate:
    """Return how many starts, of those that were played for several goals, reached them all."""
    starts: dict[tuple[int, int], bool] = {}
    for result in results:
        start = result.cluster, result.seed
        starts[start] = starts.get(start, True) and result.success
    return success_rate(sum(starts.values()), len(starts))


def evaluate(
    bundle: Path,
    robot: RobotSpec,
    config: RolloutConfig,
    plan: list[PlannedEpisode],
    workers: int = 1,
    on_episode: OnEpisode = lambda result: None,
    keep_every: int = 0,
) -> list[EpisodeResult]:
    """
    Play the planned episodes in worker processes of one thread each; return them in order.

    Of those that fail every ``keep_every``th state is kept, for a video; 0: none. Raise
    ConfigError as `check_playable` does.
    """
    check_playable(load_bundle(bundle).spec, robot, config.task)
    start = partial(_start_policy, bundle, robot, config, keep_every)
    return _play_all(start, plan, workers, on_episode)


def evaluate_expert(
    task: TaskChoice,
    plan: list[PlannedEpisode],
    workers: int = 1,
    on_episode: OnEpisode = lambda result: None,
) -> list[EpisodeResult]:
    """Have the task's own expert play the planned episodes, as ``evaluate`` does a policy."""
    return _play_all(partial(_start_expert, task), plan, workers, on_episode)


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
            results = work(play, plan, workers)
        played = []
        for result in results:
            played.append(result)
            on_episode(result)
    return played


class _Player(NamedTuple):
    play: Callable[[PlannedEpisode], EpisodeResult]
    close: Callable[[], None] = lambda: None


_worker: list[_Player] = []  # of this process


def _start_policy(bundle: Path, robot: RobotSpec, config: RolloutConfig, keep: int) -> None:
    placement = Placement(default=NodePlacement(threads=1))
    policy = Policy(load_bundle(bundle), placement, config.reuse_threshold)
    rollout = Rollout(policy, robot, config, policy.vision_encoder.memory)

    def play(planned: PlannedEpisode) -> EpisodeResult:
        result = rollout.play(planned, keep_states=keep > 0)
        kept = [] if result.success or not keep else result.states[::keep]
        return replace(result, states=kept)

    _worker[:] = [_Player(play, rollout.close)]


def _start_expert(task: TaskChoice) -> None:
    _worker[:] = [_Player(partial(_demonstrate, task.make()))]


def _demonstrate(task: Task, planned: PlannedEpisode) -> EpisodeResult:
    episode = attempt_episode(task, planned)
    result = EpisodeResult(planned.seed, planned.cluster, asked=planned.goal, goal=planned.goal)
    if episode is None:
        return result
    goal = planned.goal if episode.changed is None else planned.then
    seconds = len(episode.steps) / task.rate
    return replace(result, success=True, duration=seconds, goal=goal)


def _play(start: Callable[[], None], planned: PlannedEpisode) -> EpisodeResult:
    """Play in this process, which is made ready with ``start`` for its first episode."""
    if not _worker:
        start()
    return _worker[0].play(planned)


def _close() -> None:
    while _worker:
        _worker.pop().close()

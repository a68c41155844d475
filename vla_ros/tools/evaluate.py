# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Play a policy in simulation by the study's protocol, and print the study's table.

test: 20 episodes (2 positions in each of 10 clusters), validation: 10 (cluster 6, which no
recording holds), global: all 30. report.html in the output folder has the table, a video of each
failure, and the action queue of an episode, synchronous against asynchronous.

With --json whatever ends it leaves the episodes that were played, and the same command goes on.

With --live the policy plays on a real arm: each trial runs a deployment, a person sets the scene
up and judges, or a check does. Several policies are compared on the same scenes, blinded.
"""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from vla_ros.core.config import find_config
from vla_ros.core.defaults import DEPLOYMENT
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import replacing, write_text
from vla_ros.dataset.plan import Plan, PlannedEpisode
from vla_ros.policy.integrity import file_sha256
from vla_ros.tools.arguments import chosen_arm, chosen_task, command, tell_end
from vla_ros.tools.evaluate_arguments import add_arguments, check_arguments
from vla_ros.tools.main import read_version

if TYPE_CHECKING:  # MuJoCo is loaded when the command runs
    from vla_ros.evaluation.protocol import Score
    from vla_ros.evaluation.report import Evaluation
    from vla_ros.sim.rollout import EpisodeResult, RolloutConfig
    from vla_ros.sim.task import TaskChoice

__all__ = ['add_arguments', 'run']

_DECIDING = (  # options that decide what the episodes come to, besides files and the latency
    'mode', 'set', 'seed', 'goal', 'instruction', 'switch_to', 'task', 'timeout', 'rate',
    'chunk_size_threshold', 'aggregate_fn_name', 'reuse_threshold',
)  # fmt: skip
_VIDEO_FPS = 30.0
_FAILURE_FPS = 15.0


def run(args: Namespace) -> int:
    """Evaluate, print and write."""
    check_arguments(args)
    if args.live:
        from vla_ros.tools.live import run_live

        return run_live(args)
    from vla_ros.evaluation.comparison import compare, read_episodes
    from vla_ros.evaluation.protocol import evaluate_expert, plan_set
    from vla_ros.evaluation.report import Evaluation, write_table

    task = chosen_task(args)
    starts = task.load_plan()
    plan = _ask(args, task, plan_set(starts, args.set, args.episodes, args.seed))
    before = read_episodes(args.compare, plan) if args.compare else {}
    if args.expert:
        results = evaluate_expert(task, plan, args.workers, _Teller(len(plan)))
        scores = _scores(results, starts)
        print(write_table(Evaluation('scripted expert', 'no policy', scores, results)))
        return 0
    bundle = find_config('policies', args.policy)
    results = _play(args, bundle, plan, starts)
    scores = _scores(results, starts)
    notes = [*_goal_lines(args, scores, results), *_reuse_lines(args, scores)]
    if args.compare:
        notes.append(compare(args.compare, before, results))
    evaluation = Evaluation(bundle.name, args.mode, scores, results, notes)
    print('\n'.join([write_table(evaluation), *notes]))
    page = None if args.no_figures else _draw(args, evaluation, bundle, plan[0])
    tell_end((args.json, page), command('vla_ros up {} policy:={}', DEPLOYMENT, args.policy))
    return 0


def _play(
    args: Namespace, bundle: Path, plan: list[PlannedEpisode], starts: Plan
) -> 'list[EpisodeResult]':
    """Play what nobody has played yet, and keep what comes of it in the file that is asked for."""
    from vla_ros.evaluation.figures import Figures
    from vla_ros.evaluation.protocol import evaluate

    config = _config(args, args.mode)
    settings = _settings(args, bundle, config, starts)
    figures = Figures(args.json, settings, plan, partial(_scores, plan=starts))
    tell = _Teller(len(plan), figures.kept)
    if figures.kept:
        told = f'{args.json}: {figures.kept} of {len(plan)} episodes were played before'
        print(f'{told}; remove it to play them again', flush=True)

    def note(result: 'EpisodeResult') -> None:
        figures.add(result)
        tell(result)

    try:
        if figures.left:
            keep = 0 if args.no_figures else max(1, round(args.rate / _FAILURE_FPS))
            evaluate(bundle, chosen_arm(args), config, figures.left, args.workers, note, keep)
    finally:
        if figures.results:
            figures.write()
    return figures.results


def _ask(args: Namespace, task: 'TaskChoice', plan: list[PlannedEpisode]) -> list[PlannedEpisode]:
    """Return the episodes with what is asked for; raise ConfigError for an unknown goal."""
    from vla_ros.evaluation.protocol import ask_for

    goals = args.goal
    if args.instruction and not goals:
        goals = [task.type.goal_of(args.instruction).name]
    for goal in (*goals, args.switch_to):
        task.type.find_goal(goal)
    if args.switch_to and not goals:
        raise ConfigError('--switch-to: got it without --goal, expected what is asked for first')
    return ask_for(plan, goals, args.instruction, args.switch_to)


def _goal_lines(
    args: Namespace, scores: 'dict[str, Score]', results: 'list[EpisodeResult]'
) -> Iterator[str]:
    from vla_ros.evaluation.protocol import success_on_all

    if not args.goal:
        return
    for name, part in scores.items():
        yield f'{name}: ended at another goal: {part.at_other_goal:.1%}'
    if len({result.goal for result in results}) > 1:
        yield f'starts that reached every goal: {success_on_all(results)}'


def _settings(
    args: Namespace, bundle: Path, config: 'RolloutConfig', starts: Plan
) -> dict[str, object]:
    """Return all that decides what the episodes come to, by the names of its options."""
    from vla_ros.policy.bundle import load_bundle

    load_bundle(bundle, ())  # raises ConfigError where it is none
    return {
        'policy': bundle.name,
        **{name: getattr(args, name) for name in _DECIDING},
        'latency': config.latency,
        # whatever they are called, this is what is in them
        'policy.json': file_sha256(bundle / 'policy.json'),
        'plan': sha256(repr(starts).encode()).hexdigest(),
        'robot': file_sha256(find_config('robots', args.robot or config.task.type.robot)),
        'version': read_version(),
    }


def _reuse_lines(args: Namespace, scores: 'dict[str, Score]') -> Iterator[str]:
    if not args.reuse_threshold:
        return
    for name, part in scores.items():
        shares = ', '.join(f'{camera} {share:.0%}' for camera, share in part.reused.items())
        yield f'{name}: pictures not encoded again: {shares}'


def _config(args: Namespace, mode: str) -> 'RolloutConfig':
    from vla_ros.core.executor import ExecutorConfig
    from vla_ros.sim.rollout import RolloutConfig

    executor = ExecutorConfig(
        mode=mode,
        chunk_size_threshold=args.chunk_size_threshold,
        aggregate_fn_name=args.aggregate_fn_name,
    )
    return RolloutConfig(
        executor,
        args.rate,
        args.timeout,
        _latency(args),
        args.reuse_threshold,
        chosen_task(args),
    )


def _latency(args: Namespace) -> float | None:
    """Return the seconds from observation to chunk, None where they are to be measured."""
    from vla_ros.planning.blocks import predict

    if args.simulate_latency is None:
        return args.latency
    blocks = predict(args.policy, args.simulate_latency)
    return sum(placed.seconds for placed in blocks.values())


class _Teller:
    """Prints a line for each episode that is over."""

    def __init__(self, count: int, played: int = 0) -> None:
        self._count, self._played = count, played

    def __call__(self, result: 'EpisodeResult') -> None:
        self._played += 1
        outcome = 'success' if result.success else 'FAILED '
        goal = f'goal {result.goal}  ' if result.goal else ''
        print(
            f'{self._played:{len(str(self._count))}} of {self._count}  cluster '
            f'{result.cluster:2}  seed {result.seed}  {goal}{outcome}  {result.duration:5.1f} s',
            flush=True,
        )


def _scores(results: 'list[EpisodeResult]', plan: Plan) -> 'dict[str, Score]':
    """Return the scores of the sets, and goals, that the results belong to."""
    from vla_ros.evaluation.protocol import score

    sets = {
        'test': [r for r in results if r.cluster != plan.held_out],
        'validation': [r for r in results if r.cluster == plan.held_out],
    }
    goals = dict.fromkeys(result.goal for result in results)
    if len(goals) > 1:
        sets = {
            f'{name}, {goal}': [result for result in part if result.goal == goal]
            for name, part in sets.items()
            for goal in goals
        }
    sets = {name: part for name, part in sets.items() if part}
    if len(sets) > 1:
        sets['global'] = results
    return {name: score(part) for name, part in sets.items()}


def _draw(
    args: Namespace, evaluation: 'Evaluation', bundle: Path, planned: PlannedEpisode
) -> Path:
    """Film the failures, play one episode in both modes; return the page that shows all that."""
    from vla_ros.evaluation.queue_figure import draw_queues, film_episode
    from vla_ros.evaluation.report import EPISODE, film_failures, write_html
    from vla_ros.policy.bundle import load_bundle
    from vla_ros.policy.pipeline import Policy
    from vla_ros.sim.rollout import Rollout

    task, robot = chosen_task(args).type, chosen_arm(args)
    policy = Policy(load_bundle(bundle), reuse_threshold=args.reuse_threshold)
    spec, threshold = policy.spec, args.chunk_size_threshold
    chunk_time = spec.chunk_size / spec.fps
    args.output.mkdir(parents=True, exist_ok=True)
    failures = film_failures(
        task, evaluation.results, chunk_time, threshold, args.output, args.failures
    )
    evaluation = replace(evaluation, videos=dict(failures))
    results = {}
    for mode in ('sync', 'async'):
        rollout = Rollout(policy, robot, _config(args, mode))
        results[mode] = rollout.play(planned, keep_states=True)
        rollout.close()
    queues = draw_queues(results, 1 / spec.fps, threshold, spec.chunk_size)
    with replacing(args.output / 'queue.png') as partial_file:
        queues.savefig(partial_file, dpi=130)
    shown = results['async']
    shown.states = shown.states[:: max(1, round(args.rate / _VIDEO_FPS))]
    film_episode(task, shown, chunk_time, threshold, args.output / EPISODE)
    page: Path = args.output / 'report.html'
    write_text(page, write_html(evaluation, queues))
    return page

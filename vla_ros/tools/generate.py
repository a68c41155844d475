# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Record demonstrations of the scripted expert in simulation, as a LeRobotDataset v3 or as arrays.

The study's plan is the default: 10 clusters x (10 starts + 2 recoveries), cluster 6 held out. An
interrupted run goes on where it stopped when the same command is given again. With several --goal
every start is done once for each, and told in one of the goal's sentences.

Arrays are drawn and read many times faster than videos, and say what each picture shows, which
vla_ros pretrain learns from. With --seconds they are beginnings of demonstrations, and with
--switch the goal changes in the middle. With --scenes they are pictures of random scenes, which
--move moves. With --policy they are corrections (DAgger): the policy plays asynchronously, and
for the states that it reaches the expert's chunk is recorded.
"""

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError, suggest
from vla_ros.core.picture_size import NOTATION, PictureSize, parse_size
from vla_ros.dataset.plan import Plan, PlannedEpisode
from vla_ros.runtime.progress import progress
from vla_ros.tools.arguments import (
    add_task,
    chosen_task,
    command,
    given_options,
    made,
    refuse_options,
    tell_end,
)

if TYPE_CHECKING:
    from vla_ros.sim.labelled_pictures import Recorder, Sizes
    from vla_ros.sim.task import TaskChoice

_COMMON = ('output', 'task', 'plan', 'clusters', 'seed', 'size', 'workers')
_RECORDED = ('starts', 'recoveries', 'near', 'goal')
_ACTED = ('arrays', 'seconds', 'switch')
_CORRECTED = ('policy', 'chunk_size_threshold', 'astray', 'latency', 'timeout', 'interval')
_CORRECTION = 2.0  # s, of what the expert does in a state that a policy has reached


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add, default = parser.add_argument, '(default %(default)s)'
    add('--output', type=made, required=True, help='new dataset folder')
    add_task(parser)
    planned = "(default: the plan's)"
    add('--starts', type=int, help=f'plain episodes per cluster {planned}')
    add('--recoveries', type=int, help=f'recoveries per cluster {planned}')
    add('--near', type=int, help=f'starts with the hand near the object {planned}')
    add('--clusters', type=int, nargs='+', help='to record (default: all but the held-out one)')
    add('--goal', nargs='+', help=f'what is to be done; every start once for each {planned}')
    add('--seed', type=int, help=f'seed of the recording {planned}')
    add(
        '--size',
        nargs='+',
        default=['128x96'],
        metavar=f'[CAMERA=]{NOTATION}',
        help='of the pictures, px; with --arrays each camera may have its own, as in '
        '128x96 top=256x192 (default 128x96)',
    )
    add('--workers', type=int, default=len(os.sched_getaffinity(0)), help='processes')
    arrays = parser.add_argument_group('arrays')
    add = arrays.add_argument
    add('--arrays', action='store_true', help='write arrays, not a LeRobotDataset')
    add(
        '--noise',
        type=_share,
        default=0.6,
        help=f'share of episodes that are disturbed {default}',
    )
    add(
        '--seconds',
        type=_duration,
        metavar='S',
        help='record no more than the beginning of each demonstration, or of what the expert does '
        f'in a state that --policy has reached (default: all of it, or {_CORRECTION:g})',
    )
    add(
        '--switch',
        action='store_true',
        help='ask for the next --goal while the arm is under way, in every episode',
    )
    add(
        '--stride',
        type=_count,
        default=6,
        help=f'draw every so many rows, of 30 a second {default}',
    )
    add('--scenes', type=_count, metavar='N', help='draw random scenes instead of episodes')
    add(
        '--move',
        type=_share,
        default=0.0,
        metavar='SHARE',
        help='move each picture of a scene as a whole by up to this share of its sides, so that '
        f'things are seen where none lies {default}',
    )
    add('--policy', help='bundle that plays, and is corrected')
    add(
        '--chunk-size-threshold',
        type=float,
        nargs='+',
        default=[0.2],
        help='of the policy; several take turns (default 0.2)',
    )
    add(
        '--astray',
        type=_share,
        default=0.0,
        metavar='SHARE',
        help=f'of the episodes, in which the policy is led astray at first {default}',
    )
    add('--latency', type=float, default=0.05, help=f'of the policy, s {default}')
    add('--timeout', type=_duration, default=15.0, help=f'of an episode of it, s {default}')
    add(
        '--interval',
        type=_duration,
        default=0.2,
        help=f'between corrections, s {default}',
    )


def run(args: Namespace) -> int:
    """Generate the dataset."""
    _check(args)
    task = chosen_task(args)
    plan = _plan(args, task.load_plan())
    sizes = picture_sizes(args.size, task.type.cameras)
    if args.arrays:
        _generate_arrays(args, _recorder(args, task, plan, sizes))
    else:
        _generate_videos(args, task, plan, sizes)
    return 0


def _check(args: Namespace) -> None:
    """Raise ConfigError for words that do not go together, of which one would change nothing."""
    for alone, needed in (('astray', 'policy'), ('move', 'scenes')):
        if getattr(args, alone) and not getattr(args, needed):
            raise ConfigError(f'--{alone}: got it without --{needed}, expected both or neither')
    where, heeded = _mode(args)
    refuse_options(args, given_options(args, (*_COMMON, *heeded)), where)


def _mode(args: Namespace) -> tuple[str, tuple[str, ...]]:
    """Return what is generated, in words, and the options that decide it besides the common."""
    if not args.arrays:
        return 'without --arrays', _RECORDED
    if args.scenes:
        return 'with --scenes', ('arrays', 'scenes', 'move')
    if args.policy:
        return 'with --policy', (*_RECORDED, *_ACTED, *_CORRECTED)
    return 'without --policy and --scenes', (*_RECORDED, *_ACTED, 'noise', 'stride')


def _plan(args: Namespace, plan: Plan) -> Plan:
    """Return the plan with what the command line says of it."""
    if args.clusters:
        plan = plan.only(args.clusters)
    named = {'starts': args.starts, 'recoveries': args.recoveries, 'nears': args.near}
    named |= {'seed': args.seed, 'goals': args.goal and tuple(args.goal)}
    return replace(plan, **{name: value for name, value in named.items() if value is not None})


def picture_sizes(words: Sequence[str], cameras: Sequence[str]) -> 'Sizes':
    """
    Return height and width for each camera that words like ``128x96 top=256x192`` ask for.

    A size without a camera is for all that are not named. Raise ConfigError for other words.
    """
    sizes = {}
    for word in words:
        camera, _, size = word.rpartition('=')
        if camera not in ('', *cameras):
            raise ConfigError(
                f'--size: got {word!r}, expected {NOTATION} or CAMERA={NOTATION} with a camera of '
                f'{", ".join(cameras)}{suggest(camera, cameras)}'
            )
        width, height = parse_size(size)
        sizes[camera] = (height, width)
    missing = [camera for camera in cameras if camera not in sizes and '' not in sizes]
    if missing:
        raise ConfigError(f'--size: got none for {missing[0]}, expected {NOTATION} for the rest')
    return {camera: sizes.get(camera) or sizes[''] for camera in cameras}


def _recorder(args: Namespace, task: 'TaskChoice', plan: Plan, sizes: 'Sizes') -> 'Recorder':
    from vla_ros.sim.labelled_pictures import Corrections, Demonstrations, Scenes

    if args.scenes:
        return Scenes(args.scenes, sizes, plan.seed, plan.training, task=task, move=args.move)
    episodes = _switched(plan) if args.switch else plan.episodes()
    if not args.policy:
        return Demonstrations(
            episodes, sizes, args.noise, args.stride, task=task, seconds=args.seconds
        )
    bundle = find_config('policies', args.policy)
    thresholds = tuple(args.chunk_size_threshold)
    return Corrections(
        episodes,
        sizes,
        bundle,
        thresholds,
        args.latency,
        args.interval,
        args.timeout,
        args.seconds or _CORRECTION,
        args.astray,
        task=task,
    )


def _switched(plan: Plan) -> list[PlannedEpisode]:
    """Return the plan's episodes, in each of which the next goal is asked for in the middle."""
    goals = plan.goals
    if len(goals) < 2:
        raise ConfigError(f'--switch: got {len(goals)} goals, expected at least two after --goal')
    after = dict(zip(goals, (*goals[1:], goals[0]), strict=True))
    return [episode._replace(then=after[episode.goal]) for episode in plan.episodes()]


def _duration(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float('inf'):
        raise ArgumentTypeError(f'got {text}, expected more than 0 s')
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f'got {text}, expected 1 or more')
    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f'got {text}, expected 0 to 1')
    return share


def _generate_arrays(args: Namespace, recorder: 'Recorder') -> None:
    from vla_ros.sim.labelled_pictures import record_arrays

    with progress('part') as on_progress:
        record_arrays(args.output, recorder, args.workers, on_progress)
    print(f'{recorder.parts} parts in {args.output}')


def _generate_videos(args: Namespace, task: 'TaskChoice', plan: Plan, sizes: 'Sizes') -> None:
    from vla_ros.sim.generate import generate

    size, *others = {*sizes.values()}
    if others:
        raise ConfigError('--size: got several, expected one, or --arrays')
    episodes = plan.episodes()
    with progress('episode') as on_progress:
        generate(
            args.output,
            episodes,
            PictureSize(*reversed(size)),
            args.workers,
            on_progress,
            task,
        )
    print(f'{len(episodes)} episodes in {args.output}')
    tell_end(following=command('vla_ros check {}', args.output))

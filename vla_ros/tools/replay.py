# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Replay recordings through a policy, and score its chunks against what was recorded.

Takes recorded episodes (one or a folder of them) and any bags with the same topics, MCAP or
SQLite. At --rate fast the policy's stages run in this process; at --rate wall the bag is played in
real time through the nodes of config/replay.yaml. Both give the same chunks, and two replays with
the same options the same scores: which observations the policy is asked about depends on the times
in the bag and on the options only. The times that were measured are told apart from the scores.
The exit code is 1 where the mean absolute error is beyond --max-mae.
"""

import logging
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any

from vla_ros.core.defaults import POLICY, ROBOT
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json
from vla_ros.runtime.progress import progress
from vla_ros.tools.arguments import (
    add_json,
    add_topic_choice,
    existing,
    tell_end,
    topic_choice,
    written,
)

_HELP = {
    'mode': 'async: the queue asks ahead; sync: when it is empty',
    'chunk_size_threshold': 'fill of the queue at which it asks for the next chunk',
    'aggregate_fn_name': 'how overlapping chunks are blended',
    'latency': 'seconds from a request to its chunk, in recorded time',
    'every': 'longest time between two observations that the policy is asked about, s',
    'rate': 'commands per second',
    'max_skew': 'seconds between the oldest and newest part of an observation',
    'max_age': 'seconds after which an observation is too old to act on',
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('bag', type=existing, help='bag, or folder of bags')
    parser.add_argument('--policy', default=POLICY, help='policy bundle: name or folder')
    parser.add_argument(
        '--pace',
        '--rate',
        choices=('fast', 'wall'),
        default='fast',
        help='as fast as it computes, or in real time through the nodes (default: fast)',
    )
    parser.add_argument('--max-mae', type=float, help='largest error (rad) for exit code 0')
    add_json(parser, 'all figures')
    parser.add_argument('--html', type=written, metavar='FILE', help='write a report to FILE')
    parser.add_argument('--robot', default=ROBOT, help='name of a robot, or its file')
    parser.add_argument('--placement', default='cpu', help='name of a placement, or its file')
    add_topic_choice(parser)
    parser.add_argument(
        'arguments',
        nargs='*',
        metavar='name:=value',
        help='further arguments of config/replay.yaml, e.g. view:=rviz (--rate wall only)',
    )
    _add_settings(parser)


def _add_settings(parser: ArgumentParser) -> None:
    """Declare an option for each of the settings that decide the scores."""
    from vla_ros.dataset.replay.settings import Settings

    group = parser.add_argument_group('what decides the scores')
    for item in fields(Settings):
        name = 'commands' if item.name == 'rate' else item.name.replace('_', '-')
        group.add_argument(
            f'--{name}',
            dest=f'setting_{item.name}',
            type=type(item.default),
            default=item.default,
            help=f'{_HELP[item.name]} (default: {item.default})',
        )


def run(args: Namespace) -> int:
    """Replay and score."""
    return _run_fast(args) if args.pace == 'fast' else _run_nodes(args)


def _run_fast(args: Namespace) -> int:
    from vla_ros.core.config import find_config
    from vla_ros.core.robot import load_robot
    from vla_ros.dataset.bags import open_bags
    from vla_ros.dataset.replay.bag_samples import check_bag, read_track
    from vla_ros.dataset.replay.drive import plan
    from vla_ros.dataset.replay.fast import answer_all
    from vla_ros.dataset.replay.report import publish
    from vla_ros.dataset.replay.result import Replay
    from vla_ros.dataset.replay.settings import Settings
    from vla_ros.deployment.remarks import find_misnamed
    from vla_ros.policy.bundle import load_bundle
    from vla_ros.policy.pipeline import Policy
    from vla_ros.runtime.placement import load_placement

    if args.arguments:
        raise ConfigError(f'argument: got {args.arguments[0]}, expected none at --rate fast')
    settings = Settings(**_settings(args))
    episodes = open_bags(args.bag, topic_choice(args))
    bundle = load_bundle(find_config('policies', args.policy))
    placement = find_config('placement', args.placement)
    for remark in find_misnamed(placement):
        logging.getLogger(__name__).warning(remark)
    policy = Policy(bundle, load_placement(placement))
    robot = load_robot(find_config('robots', args.robot))
    replay = Replay(bundle.path, bundle.spec, robot, settings, 'fast')
    for episode in episodes:  # all, before the first is played
        check_bag(episode, bundle.spec)
    began = perf_counter()
    with progress('episode') as on_progress:
        for number, episode in enumerate(episodes, 1):
            track = read_track(episode, bundle.spec)
            asks = plan(track, bundle.spec, robot, settings)
            replay.add(track, answer_all(track, asks, policy))
            on_progress(number, len(episodes))
            if args.json:
                write_json(args.json, replay.as_json())
    replay.spent = perf_counter() - began
    code = publish(replay, args.max_mae, str(args.html or ''), str(args.json or ''))
    tell_end((args.json, args.html))
    return code


def _run_nodes(args: Namespace) -> int:
    """Run the deployment; its player plays, scores and tells."""
    from vla_ros.deployment.deployment import load_deployment
    from vla_ros.tools.up import parse_assignments, run_deployment

    more = parse_assignments(args.arguments)
    chosen = {
        'bag': str(args.bag.absolute()),
        'bag_namespace': args.namespace,
        'bag_topics': ','.join(args.topic),
        'policy': args.policy,
        'robot': args.robot,
        'placement': args.placement,
        'json': str(Path(args.json).absolute()) if args.json else '',
        'html': str(Path(args.html).absolute()) if args.html else '',
        'max_mae': str(-1.0 if args.max_mae is None else args.max_mae),
        **{name: str(value) for name, value in _settings(args).items()},
    }
    for name in chosen.keys() & more.keys():
        raise ConfigError(f'argument: got {name}:={more[name]}, expected the option --{name}')
    return run_deployment(load_deployment('replay'), {**chosen, **more}, isolated=True)


def _settings(args: Namespace) -> dict[str, Any]:
    return {
        name.removeprefix('setting_'): value
        for name, value in vars(args).items()
        if name.startswith('setting_')
    }

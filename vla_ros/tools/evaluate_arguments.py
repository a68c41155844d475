# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `vla_ros evaluate` can be told, and which of that goes together."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from vla_ros.core.defaults import POLICY
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import check_folder
from vla_ros.dataset.plan import SETS
from vla_ros.tools.arguments import (
    add_arm,
    add_task,
    existing,
    given_options,
    made,
    refuse_options,
    written,
)

_PLAYED = ('task', 'plan', 'set', 'episodes', 'seed')
_ASKED = ('goal', 'instruction', 'switch_to')
_LIVE = ('live', 'against', 'session', 'check', 'start_timeout')
_SHOWN = ('output', 'failures')


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument('--policy', default=POLICY, help='bundle: a name or a folder')
    parser.add_argument('--expert', action='store_true', help='the scripted expert plays instead')
    parser.add_argument(
        '--set', '--clusters', choices=SETS, default='global', help='episodes to play'
    )
    parser.add_argument('--episodes', type=int, help="number of episodes (default: the study's)")
    parser.add_argument('--seed', type=int, default=0, help='other seeds, other episodes')
    add_task(parser)
    parser.add_argument(
        '--goal',
        nargs='+',
        default=[],
        help='what is asked for; several: every start is played once for each',
    )
    parser.add_argument('--instruction', default='', help="in words other than the goal's")
    parser.add_argument(
        '--switch-to', default='', metavar='GOAL', help='asked for instead once the arm carries'
    )
    parser.add_argument('--mode', choices=('async', 'sync'), default='async')
    parser.add_argument(
        '--chunk-size-threshold',
        type=float,
        default=0.2,
        help='fill of the queue (0 to 1) at which the next chunk is asked for',
    )
    parser.add_argument(
        '--aggregate-fn-name',
        default='weighted_average',
        help='how overlapping chunks are blended',
    )
    parser.add_argument(
        '--latency', type=float, help='s from observation to chunk (default: as measured)'
    )
    parser.add_argument(
        '--simulate-latency',
        metavar='BOARD',
        help='instead: the latency that is predicted for a board of config/boards',
    )
    parser.add_argument(
        '--reuse-threshold',
        type=float,
        default=0.0,
        help='change of a picture, in levels of 255, up to which its camera keeps its features '
        '(default: 0, all are encoded)',
    )
    parser.add_argument('--timeout', type=float, default=30.0, help='s for an episode')
    parser.add_argument('--rate', type=float, default=60.0, help='commands per second')
    add_arm(parser)
    parser.add_argument(
        '--workers', type=int, default=len(os.sched_getaffinity(0)), help='processes'
    )
    parser.add_argument(
        '--json',
        type=written,
        metavar='FILE',
        help='write the figures to FILE, after each episode: the same command goes on with those '
        'that are missing, as if nothing had ended it',
    )
    parser.add_argument(
        '--compare',
        type=existing,
        metavar='JSON',
        help='with the figures of another run of the same episodes: difference of success',
    )
    parser.add_argument(
        '--output',
        type=made,
        default=Path('outputs/evaluation'),
        help='folder for the report and its videos',
    )
    parser.add_argument(
        '--failures', type=int, default=8, help='of which a video is made, at most'
    )
    parser.add_argument('--no-figures', action='store_true', help='neither report nor videos')
    live = parser.add_argument_group('on a real arm (each trial runs a deployment)')
    live.add_argument(
        '--live',
        metavar='DEPLOYMENT',
        help='name of one, or its file; name:=value words are its arguments',
    )
    live.add_argument(
        '--against',
        nargs='*',
        default=[],
        metavar='POLICY',
        help='more policies, which play the same scenes in an order by chance, blinded',
    )
    live.add_argument(
        '--session',
        type=made,
        default=Path('outputs/live'),
        help='folder that remembers the trials: a session that was broken off goes on',
    )
    live.add_argument(
        '--check',
        action='store_true',
        help='the topic episode judges, and nobody is asked before the arm moves',
    )
    live.add_argument(
        '--start-timeout', type=float, default=90.0, help='s until the arm has to move (--check)'
    )
    parser.set_defaults(arguments=[])


def check_arguments(args: Namespace) -> None:
    """Raise ConfigError for what would be left out, or fail after the work is done."""
    for name, least in {'workers': 1, 'failures': 0, 'seed': 0}.items():
        if getattr(args, name) < least:
            raise ConfigError(f'--{name}: got {getattr(args, name)}, expected {least} or more')
    if args.live:
        live = (*_PLAYED, *_LIVE, 'policy', 'timeout')
        refuse_options(args, given_options(args, live), 'with --live')
    elif args.arguments:
        words = ' '.join(args.arguments)
        raise ConfigError(f'evaluate: got {words}, expected that only with --live')
    elif args.expert:
        heeded = (*_PLAYED, *_ASKED, 'expert', 'workers', 'no_figures')
        refuse_options(args, given_options(args, heeded), 'with --expert')
    else:
        refuse_options(args, _LIVE, 'without --live')
        _check_simulated(args)


def _check_simulated(args: Namespace) -> None:
    if args.latency is not None and args.simulate_latency:
        raise ConfigError('--latency: got it with --simulate-latency, expected one of them')
    if args.no_figures:
        refuse_options(args, _SHOWN, 'with --no-figures')
    else:
        check_folder(args.output)

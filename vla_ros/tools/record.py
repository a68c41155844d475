# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Record the episodes that a plan misses, and show what is covered.

Runs a deployment whose recorder leads through the plan (config/record.yaml: the simulation's
expert demonstrates); every kept episode updates the table of what is done and what comes next. A
run that was interrupted goes on with what is missing. While it runs, the services ~/start, ~/keep,
~/discard and ~/redo of the recorder take the operator's side. Further arguments of the deployment
are written as for `vla_ros up`, name:=value.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import check_folder, write_json
from vla_ros.deployment.deployment import load_deployment
from vla_ros.tools.arguments import add_json, command, given_path, tell_end
from vla_ros.tools.up import parse_assignments, run_deployment

if TYPE_CHECKING:
    from vla_ros.dataset.coverage import Coverage


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        '--output',
        type=given_path,  # --show only reads it
        default='recordings',
        help='folder of the recorded episodes (default: recordings)',
    )
    parser.add_argument(
        '--plan', default='', help="name of a plan, or its file (default: the deployment's own)"
    )
    parser.add_argument(
        '--episodes',
        type=int,
        default=0,
        help='episodes to keep before the end (default: all that are missing)',
    )
    parser.add_argument('--deployment', default='record', help='what to run (default: record)')
    parser.add_argument(
        '--isolate', action='store_true', help='use a free ROS_DOMAIN_ID, on this host only'
    )
    parser.add_argument('--show', action='store_true', help='show what is covered, and end')
    add_json(parser, 'what is covered')
    parser.add_argument(
        'arguments', nargs='*', metavar='name:=value', help='further arguments of the deployment'
    )


def run(args: Namespace) -> int:
    """Record, and show the coverage at the end."""
    deployment = load_deployment(args.deployment)
    plan = find_config('plans', args.plan or str(deployment.values({})['plan']))
    if args.show:
        _show(args, plan)
        return 0
    check_folder(args.output)
    chosen = {'output': str(args.output), 'plan': str(plan), 'episodes': str(args.episodes)}
    more = parse_assignments(args.arguments)
    for name in chosen.keys() & more.keys():
        raise ConfigError(f'argument: got {name}:={more[name]}, expected --{name}')
    code = run_deployment(deployment, {**chosen, **more}, args.isolate)
    _show(args, plan)
    tell_end(
        (args.json,), command('vla_ros convert {} --output data/{}', args.output, args.output.name)
    )
    return code


def _show(args: Namespace, plan: Path) -> None:
    """Print the table of what the recordings cover, and write it where that is asked for."""
    from vla_ros.dataset.bag import list_unfinished

    coverage, unfinished = read_coverage(args.output, plan), len(list_unfinished(args.output))
    print(coverage.describe())
    if unfinished:
        print(f'{unfinished} unfinished, in {args.output / ".partial"}')
    if args.json:
        write_json(args.json, {**coverage.as_dict(), 'unfinished': unfinished})


def read_coverage(folder: Path, plan: Path) -> 'Coverage':
    """Return what the recordings in ``folder`` cover of ``plan``."""
    from vla_ros.dataset.bag import list_episodes
    from vla_ros.dataset.coverage import measure
    from vla_ros.dataset.plan import load_plan

    return measure(load_plan(plan), [episode.info for episode in list_episodes(folder)])

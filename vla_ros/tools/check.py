# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Check a LeRobotDataset v3, or recorded episodes: cameras, light, timing, joints, coverage.

Every check has a number, what it may be, and a mend. Cameras and light are compared with the
first episode, or with that of another dataset (--reference), recorded when all was in place. What
is not known of a dataset, such as its clusters, is not checked. Exit code 1: a check did not pass.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vla_ros.core.defaults import TASK
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json, write_text
from vla_ros.dataset.lerobot import is_dataset
from vla_ros.runtime.progress import progress
from vla_ros.tools.arguments import (
    add_dataset,
    add_json,
    add_topic_choice,
    add_units,
    chosen_dataset,
    chosen_robot,
    command,
    existing,
    refuse_units,
    tell_end,
    topic_choice,
    written,
)

if TYPE_CHECKING:
    from vla_ros.dataset.checks.episodes import Episodes


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_dataset(parser, 'folder of the dataset, a bag, or a folder of bags')
    parser.add_argument('--reference', type=existing, help='dataset that shows how it should look')
    parser.add_argument(
        '--plan', default=TASK, help='that was recorded: a name or a file (default: %(default)s)'
    )
    parser.add_argument(
        '--clusters',
        type=int,
        nargs='+',
        default=(),
        help="clusters that should be there (default: the plan's, but for the held-out one)",
    )
    parser.add_argument(
        '--held-out', type=int, help="cluster that should not be there; 0: none (default: plan's)"
    )
    parser.add_argument(
        '--pairs',
        type=int,
        default=12,
        help='pairs of pictures to look at in each episode (default: 12)',
    )
    add_topic_choice(parser)
    add_units(parser)
    add_json(parser, 'the findings')
    parser.add_argument(
        '--html', type=written, metavar='FILE', help='write a report with pictures'
    )


def run(args: Namespace) -> int:
    """Check the dataset; return 0 if all checks passed, else 1."""
    from vla_ros.dataset.checks import plots, report
    from vla_ros.dataset.checks.catalogue import run_checks
    from vla_ros.dataset.checks.episodes import set_reference
    from vla_ros.dataset.checks.thresholds import Thresholds
    from vla_ros.dataset.plan import find_plan

    _check_arguments(args)
    root = chosen_dataset(args)
    episodes = _read(root, args)
    if args.reference:
        episodes = set_reference(episodes, _read(args.reference, args, most=1))
    plan = find_plan(args.plan)
    if args.held_out is not None:
        plan = replace(plan, held_out=args.held_out)
    for cluster in args.clusters:
        plan.check_cluster(cluster)
    limits = Thresholds(plan=plan, clusters=tuple(args.clusters))
    findings = run_checks(episodes, limits)
    print(report.write_table(findings))
    name = root.resolve().name
    if args.json:
        write_json(args.json, report.make_json(name, episodes, findings))
    if args.html:
        pictures = plots.draw(episodes, limits)
        write_text(args.html, report.write_html(name, episodes, findings, pictures))
    passed = all(finding.passed for finding in findings)
    following = command('vla_ros train --dataset {} --output runs/{} --minutes 120', root, name)
    if not is_dataset(root):
        following = command('vla_ros convert {} --output data/{}', root, name)
    tell_end((args.json, args.html), following if passed else 'mend what is BAD above')
    return int(not passed)


def _read(root: Path, args: Namespace, most: int | None = None) -> 'Episodes':
    """Read a dataset or a recording, and show how far it is."""
    pairs = args.pairs
    with progress('episode') as on_progress:
        if is_dataset(root):
            from vla_ros.dataset.checks.reader import read_dataset

            robot = chosen_robot(args)
            return read_dataset(root, pairs, most, on_progress, args.units, robot)

        from vla_ros.dataset.checks.recording import read_recording

        refuse_units(args, root)
        return read_recording(root, pairs, most, on_progress, topic_choice(args))


def _check_arguments(args: Namespace) -> None:
    """Raise ConfigError for what would only fail after the work is done."""
    if args.pairs < 4:
        raise ConfigError(f'--pairs: got {args.pairs}, expected at least 4 per episode')

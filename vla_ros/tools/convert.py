# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Convert recordings to a LeRobotDataset v3, or such a dataset to recordings.

A folder of bags becomes a dataset: every frame takes the sample of each source that was measured
nearest to its time, as the live nodes do. The episodes of the held-out cluster become a dataset of
their own, <output>_validation, so that nobody trains on them; with --clusters, those chosen become
one dataset; the same command goes on with one that was interrupted. A dataset becomes a folder of
bags, one per episode, as `vla_ros record` writes them.
"""

from argparse import ArgumentParser, Namespace

from vla_ros.core.defaults import TASK
from vla_ros.runtime.progress import progress
from vla_ros.tools.arguments import (
    add_topic_choice,
    add_units,
    chosen_robot,
    command,
    existing,
    made,
    refuse_units,
    repeated,
    tell_end,
    topic_choice,
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('source', type=existing, help='bags or folder of bags, or dataset folder')
    parser.add_argument(
        '--output', type=made, required=True, help='new dataset folder, or folder of recordings'
    )
    parser.add_argument('--fps', type=int, default=30, help='frames per second (default: 30)')
    parser.add_argument(
        '--max-skew',
        type=float,
        default=0.05,
        help='longest distance of a sample from its frame, s (default: 0.05)',
    )
    parser.add_argument(
        '--instruction',
        default='',
        metavar='TEXT',
        help='what was to be done, where a recording does not say it',
    )
    add_topic_choice(parser)
    add_units(parser)
    parser.add_argument('--clusters', type=int, nargs='+', help='clusters to convert')
    parser.add_argument(
        '--plan', default=TASK, help='that was recorded: a name or a file (default: %(default)s)'
    )
    parser.add_argument(
        '--held-out', type=int, help="cluster that is set apart (default: the plan's)"
    )


def run(args: Namespace) -> int:
    """Convert in the direction that the source says."""
    from vla_ros.dataset.lerobot import is_dataset

    return _to_bags(args) if is_dataset(args.source) else _to_datasets(args)


def _to_bags(args: Namespace) -> int:
    from vla_ros.dataset.to_bags import convert_to_bags

    robot = chosen_robot(args)
    with progress('episode') as on_progress:
        episodes = convert_to_bags(args.source, args.output, on_progress, args.units, robot)
    print(f'{len(episodes)} episodes in {args.output}')
    following = command('vla_ros replay {} --policy ./my_policy', args.output)
    tell_end(following=following + repeated(args, 'robot'))
    return 0


def _to_datasets(args: Namespace) -> int:
    from vla_ros.core.errors import ConfigError
    from vla_ros.dataset.bags import open_bags
    from vla_ros.dataset.from_bags import prepare, set_apart, write
    from vla_ros.dataset.lerobot import check_new
    from vla_ros.dataset.plan import find_plan

    refuse_units(args, args.source)
    episodes = open_bags(args.source, topic_choice(args))
    if args.clusters:
        chosen = [e for e in episodes if e.info.cluster in args.clusters]
        parts = [(chosen, args.output, 'train')]
    else:
        held_out = find_plan(args.plan).held_out if args.held_out is None else args.held_out
        training, validation = set_apart(episodes, held_out)
        apart = args.output.parent / f'{args.output.name}_validation'
        parts = [(training, args.output, 'train'), (validation, apart, 'validation')]
    parts = [part for part in parts if part[0]]
    if not parts:
        raise ConfigError(f'clusters: got none of {args.clusters} in {args.source}')
    for _, root, _ in parts:
        check_new(root)
    ready = [prepare(part, args.fps, args.max_skew, args.instruction) for part, _, _ in parts]
    for aligned, (part, root, split) in zip(ready, parts, strict=True):
        with progress('episode') as on_progress:
            write(aligned, root, split, on_progress)
        print(f'{len(part)} episodes ({split}) in {root}')
    tell_end(following=command('vla_ros check {} --html report.html', parts[0][1]))
    return 0

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Record demonstrations of the scripted expert in simulation, as a LeRobotDataset v3.

The study's plan is the default: 10 clusters x (10 starts + 2 recoveries), cluster 6 held out. An
interrupted run goes on where it stopped when the same command is given again. With --policy, the
policy drives first and the expert takes over from wherever that led (DAgger).
"""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from vla_ros.core.config import find_config
from vla_ros.dataset.plan import TRAINING_CLUSTERS, recording_plan


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument('--output', type=Path, required=True, help='new dataset folder')
    parser.add_argument('--starts', type=int, default=10, help='plain episodes per cluster')
    parser.add_argument('--recoveries', type=int, default=2, help='recoveries per cluster')
    parser.add_argument(
        '--clusters',
        type=int,
        nargs='+',
        default=TRAINING_CLUSTERS,
        help='clusters to record (default: all but 6)',
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the recording')
    parser.add_argument('--width', type=int, default=128, help='picture width, pixels')
    parser.add_argument('--height', type=int, default=96, help='picture height, pixels')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes')
    parser.add_argument('--policy', help='bundle that drives before the expert takes over')


def run(args: Namespace) -> int:
    """Generate the dataset."""
    from tqdm import tqdm

    from vla_ros.sim.generate import Picture, generate

    plan = recording_plan(args.starts, args.recoveries, tuple(args.clusters), args.seed)
    policy = find_config('policies', args.policy) if args.policy else None
    with tqdm(total=len(plan), unit='episode') as bar:
        generate(
            args.output,
            plan,
            Picture(args.width, args.height),
            args.workers,
            lambda done, _: bar.update(done - bar.n),
            policy,
        )
    print(f'{len(plan)} episodes in {args.output}')
    return 0

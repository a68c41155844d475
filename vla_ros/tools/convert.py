# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Convert recorded episodes to a LeRobotDataset v3.

Every frame takes the sample of each source that was measured nearest to its time, as the live
nodes do. --clusters keeps to some clusters, e.g. to convert training and validation sets apart.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('bags', type=Path, help='folder of recorded episodes')
    parser.add_argument('--output', type=Path, required=True, help='new dataset folder')
    parser.add_argument('--fps', type=int, default=30, help='frames per second (default: 30)')
    parser.add_argument(
        '--max-skew',
        type=float,
        default=0.05,
        help='longest distance of a sample from its frame, s (default: 0.05)',
    )
    parser.add_argument('--clusters', type=int, nargs='+', help='clusters to convert')


def run(args: Namespace) -> int:
    """Convert the episodes."""
    from tqdm import tqdm

    from vla_ros.dataset.bag import list_episodes
    from vla_ros.dataset.convert import convert

    episodes = [
        episode
        for episode in list_episodes(args.bags)
        if not args.clusters or episode.info.cluster in args.clusters
    ]
    with tqdm(total=len(episodes), unit='episode') as bar:
        convert(
            episodes,
            args.output,
            args.fps,
            args.max_skew,
            lambda done, _: bar.update(done - bar.n),
        )
    print(f'{len(episodes)} episodes in {args.output}')
    return 0

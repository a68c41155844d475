# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What splitting a policy into nodes costs, against the same blocks in one process.

Both graphs run at once, and are shown the same random observations in turn; while one computes,
the other waits. The time runs from the observation to the chunk, camera messages included. The
policy is a bundle that ships, or a folder; for a policy with random weights and pictures of any
size, give --size (that needs LeRobot: pip install 'vla_ros[train]').
"""

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np

from vla_ros.benchmarks.graphs import Graph, alternate
from vla_ros.benchmarks.ratios import check_count
from vla_ros.benchmarks.variants import read_size
from vla_ros.core.config import find_config
from vla_ros.core.defaults import POLICY
from vla_ros.core.files import write_json
from vla_ros.core.picture_size import NOTATION
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.spec import BLOCKS


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    base = parser.add_mutually_exclusive_group()
    base.add_argument('--policy', default=POLICY, help='policy bundle (name or folder)')
    base.add_argument(
        '--size',
        default='',
        metavar=NOTATION,
        help='instead: a policy with random weights for such pictures',
    )
    parser.add_argument('--placement', default='', help='threads and cores (name or file)')
    parser.add_argument('--rounds', type=int, default=100, help='observations')


def run(args: Namespace) -> int:
    """Measure and print; return 0."""
    check_count('rounds', args.rounds)
    with tempfile.TemporaryDirectory(prefix='vla_ros_') as folder:
        policy = choose_policy(args, Path(folder))
        figures = measure(policy, args.placement, args.rounds)
    print(describe(figures))
    if args.json:
        write_json(args.json, figures)
    return 0


def choose_policy(args: Namespace, folder: Path) -> Path:
    """Return the bundle to run; one with random weights is written into ``folder``."""
    if not args.size:
        return find_config('policies', args.policy)
    size = read_size(args.size)
    from vla_ros.train.families.registry import DEFAULT
    from vla_ros.train.untrained import write_untrained

    policy = folder / f'{DEFAULT}_{size}'
    write_untrained(policy, DEFAULT, size.height, size.width)
    return policy


def measure(policy: Path, placement: str, rounds: int) -> dict[str, float]:
    """Return the figures: times in s, chunks' largest difference in rad, cost of splitting."""
    graphs = [
        Graph('/split', BLOCKS, policy, placement),
        Graph('/fused', ('policy',), policy, placement),
    ]
    outcomes = alternate(load_bundle(policy, ()).spec, graphs, rounds)
    split, fused = (item.seconds for item in outcomes)
    pairs = np.array(split) / np.array(fused)
    return {
        'rounds': rounds,
        **{f'split p{q}': float(np.percentile(split, q)) for q in (50, 95)},
        **{f'fused p{q}': float(np.percentile(fused, q)) for q in (50, 95)},
        'cost p50': float(np.percentile(split, 50) / np.percentile(fused, 50)) - 1.0,
        'cost of a pair p50': float(np.median(pairs)) - 1.0,
        'difference': outcomes[1].difference(outcomes[0]),
    }


def describe(figures: dict[str, float]) -> str:
    """Return the figures as a table."""
    lines = ['graph    p50 ms   p95 ms']
    for name in ('split', 'fused'):
        p50, p95 = (1e3 * figures[f'{name} p{q}'] for q in (50, 95))
        lines.append(f'{name:6} {p50:8.2f} {p95:8.2f}')
    lines.append(
        f'splitting costs {100 * figures["cost p50"]:+.1f} % (p50), '
        f'{100 * figures["cost of a pair p50"]:+.1f} % (median of pairs); '
        f'the chunks differ by at most {figures["difference"]:.1e} rad'
    )
    return '\n'.join(lines)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Latency of the real node graph, from the camera's stamp to the chunk: fp32 against each recipe.

Each variant has a graph of its own, a node for each block, every node a process. All graphs run
at once and are shown the same observations in turn; while one computes, the others wait. The time
runs from the stamp of the pictures, before they are sent, until the chunk has been read where the
action queue would read it; the command follows at the next tick of the control loop, which
`vla_ros benchmark control` measures. CPU time is what the nodes of a graph took meanwhile. Memory
is their proportional set size: what the graphs share, libraries above all, counts in parts.
"""

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median
from typing import Any

from vla_ros.benchmarks.graph_tables import graph_table, node_table
from vla_ros.benchmarks.graphs import Graph, Outcome, alternate
from vla_ros.benchmarks.ratios import check_count, compared, cpu_compared, subject
from vla_ros.benchmarks.variants import (
    Variant,
    add_variant_arguments,
    parse_variant,
    quantized,
    read_size,
    untrained,
)
from vla_ros.core.config import find_config
from vla_ros.core.defaults import POLICY
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json
from vla_ros.core.picture_size import NOTATION
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.spec import BLOCKS, PolicySpec
from vla_ros.runtime.machine import machine_facts
from vla_ros.runtime.placement import save_placement

FORMAT = 1  # of the JSON
FP32 = 'fp32'


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the benchmark's arguments."""
    base = parser.add_mutually_exclusive_group()
    base.add_argument('--policy', help='bundle at fp32, a name or a folder: the base')
    base.add_argument(
        '--size',
        metavar=NOTATION,
        help="instead: a policy of --family's usual size with random weights for such pictures; "
        'needs the [train] extra',
    )
    add_variant_arguments(parser)
    parser.add_argument('--threads', type=int, default=1, help='threads of every node')
    parser.add_argument('--rounds', type=int, default=100, help='observations for each graph')


def run(args: Namespace) -> int:
    """Measure, print the tables and write the figures; return 0."""
    check_count('rounds', args.rounds)
    base, variants = choose(args)
    rows = measure(base.spec, variants, args.threads, args.rounds)
    figures = {
        'format': FORMAT,
        'machine': machine_facts(),
        **subject(base.spec, args.threads),
        'graphs': rows,
    }
    if args.json:
        write_json(args.json, figures)
    print(graph_table(figures), node_table(rows), sep='\n\n')
    return 0


def choose(args: Namespace) -> tuple[Bundle, list[Variant]]:
    """Return the base, and what is compared: the base itself stands first."""
    given = [parse_variant(text) for text in args.variant]
    if args.size:
        base = untrained(args.family, read_size(args.size), args.cache)
    else:
        base = load_bundle(find_config('policies', args.policy or POLICY))
    variants = [Variant(base.spec.recipe.get('name', FP32), base.path), *given]
    variants += [quantized(base, recipe, args.cache) for recipe in args.recipe]
    for variant in variants:
        _check_alike(base.spec, variant)
    return base, variants


def measure(
    spec: PolicySpec, variants: list[Variant], threads: int, rounds: int
) -> list[dict[str, Any]]:
    """Return the figures of each variant's graph against the first's; times in s."""
    with tempfile.TemporaryDirectory(prefix='vla_ros_') as folder:
        graphs = [
            _graph(number, variant, threads, Path(folder))
            for number, variant in enumerate(variants)
        ]
        outcomes = alternate(spec, graphs, rounds)
    return [
        {'variant': variant.label, **_figures(outcome, outcomes[0])}
        for variant, outcome in zip(variants, outcomes, strict=True)
    ]


def _graph(number: int, variant: Variant, threads: int, folder: Path) -> Graph:
    """Return the graph of a variant; its placement is written to ``folder``."""
    placement = folder / f'graph_{number}.yaml'
    save_placement(variant.node(threads=threads).placement, placement)
    return Graph(f'/graph_{number}', BLOCKS, variant.bundle.resolve(), str(placement))


def _figures(outcome: Outcome, base: Outcome) -> dict[str, Any]:
    """Return the figures of a graph from end to end, and of each node."""
    return {
        **compared(base.seconds, outcome.seconds),
        **cpu_compared(base.cpu(*BLOCKS), outcome.cpu(*BLOCKS)),
        'memory': sum(outcome.memory.values()),
        'outside': median(outcome.outside),
        'difference': outcome.difference(base),
        'lost': sum(answer.lost for answer in outcome.answers),
        'warm_up': [answer.seconds for answer in outcome.warm_up],
        'nodes': {block: _node_figures(block, outcome, base) for block in BLOCKS},
    }


def _node_figures(block: str, outcome: Outcome, base: Outcome) -> dict[str, Any]:
    return {
        **compared(base.block(block), outcome.block(block)),
        **cpu_compared(base.cpu(block), outcome.cpu(block)),
        'memory': outcome.memory[block],
    }


def _check_alike(spec: PolicySpec, variant: Variant) -> None:
    """Raise ConfigError where a variant does not take the base's observations."""
    got, expected = _interface(load_bundle(variant.bundle).spec), _interface(spec)
    if got != expected:
        raise ConfigError(
            f'variant {variant.label}: got a policy of {got}, expected {expected} as the base '
            'has; compare bundles that were made from the same policy'
        )


def _interface(spec: PolicySpec) -> str:
    cameras = ', '.join(f'{c.name} {c.width}x{c.height}' for c in spec.cameras)
    return f'cameras {cameras}, joints {", ".join(spec.joint_names)}, {spec.chunk_size} rows'

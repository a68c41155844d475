# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Compare ways to run a policy: per block and from pictures to actions, against stock ONNX Runtime.

The base is the policy at fp32 in ONNX Runtime with its default options; the others run in turn
with it: without --variant, ONNX Runtime and OpenVINO at each precision. Writes a profile.json,
which `vla_ros plan` reads.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.benchmarks.contestants import (
    BASE,
    CHANGES,
    Contestant,
    StockPolicy,
    memory_of,
    observations,
)
from vla_ros.benchmarks.policy_tables import block_table, totals_table
from vla_ros.benchmarks.ratios import check_count, compared, cpu_compared, subject
from vla_ros.benchmarks.variants import (
    Variant,
    add_variant_arguments,
    default_variants,
    parse_variant,
    quantized,
    read_size,
    untrained,
    work_variants,
)
from vla_ros.core.config import find_config
from vla_ros.core.defaults import POLICY
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json
from vla_ros.core.picture_size import NOTATION, PictureSize
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.spec import BLOCKS
from vla_ros.runtime.machine import machine_facts

FORMAT = 1  # of profile.json
WARM_UP = 3  # runs


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the benchmark's arguments."""
    add = parser.add_argument
    base = parser.add_mutually_exclusive_group()
    base.add_argument('--policy', help='bundle at fp32, a name or a folder: the base')
    base.add_argument(
        '--size',
        nargs='+',
        default=[],
        metavar=NOTATION,
        help="instead: a policy of --family's usual size with random weights for such pictures; "
        'needs the [train] extra',
    )
    add_variant_arguments(parser)
    add(
        '--torch',
        nargs='?',
        const='',
        metavar='CHECKPOINT',
        help="compare also LeRobot's own policy (with --size: that one)",
    )
    add(
        '--work',
        action='store_true',
        help='for the last variant: cameras batched, single and '
        'parallel; features re-used and not. For stock ONNX Runtime: cameras one by one, pictures '
        'normalised outside the graph, arrays bound, constants not folded (with --size)',
    )
    add('--memory', action='store_true', help='of each, measured in a process of its own')
    add('--threads', nargs='+', type=int, default=[1], help='threads of every block')
    add('--rounds', type=int, default=30, help='runs of each variant, in turn')


def run(args: Namespace) -> int:
    """Measure, print the tables and write the profile."""
    check_count('rounds', args.rounds)
    profile: dict[str, Any] = {'format': FORMAT, 'machine': machine_facts()}
    profile |= {'entries': [], 'end_to_end': []}
    for base, checkpoint in _bases(args):
        variants = _variants(args, base)
        for threads in args.threads:
            rows, entries = _compare(args, base, checkpoint, variants, threads)
            profile['end_to_end'] += rows
            profile['entries'] += entries
            print(totals_table(base, threads, rows), block_table(entries), sep='\n\n', flush=True)
            if args.json:  # now: what comes next may be too large for the machine
                write_json(args.json, profile)
    return 0


def _bases(args: Namespace) -> list[tuple[Bundle, Path | None]]:
    """Return the bundles at fp32, each with the checkpoint that torch runs."""
    if not args.size:
        bundle = load_bundle(find_config('policies', args.policy or POLICY))
        if args.torch == '':
            raise ConfigError('--torch: got no checkpoint, expected one for the --policy; name it')
        return [(bundle, Path(args.torch) if args.torch else None)]
    sizes = [read_size(size) for size in args.size]  # all, before the first is made for minutes
    return [_of_size(args, size) for size in sizes]


def _of_size(args: Namespace, size: PictureSize) -> tuple[Bundle, Path | None]:
    bundle = untrained(args.family, size, args.cache)
    if args.torch is None:
        return bundle, None
    from vla_ros.train.untrained import checkpoint_beside

    return bundle, checkpoint_beside(bundle.path)


def _variants(args: Namespace, base: Bundle) -> list[Variant]:
    variants = [parse_variant(text) for text in args.variant] or default_variants(base.path)
    variants += [quantized(base, recipe, args.cache) for recipe in args.recipe]
    if args.work:
        variants += work_variants(variants[-1], len(base.spec.cameras))
    return variants


def _compare(
    args: Namespace, base: Bundle, checkpoint: Path | None, variants: list[Variant], threads: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of each contestant and of each block; nothing stays loaded."""
    contestants = _measure(args, base, checkpoint, variants, threads)
    rows = [_end_to_end(base, item, contestants[0], threads) for item in contestants]
    return rows, _entries(base, variants, contestants, threads)


def _measure(
    args: Namespace, base: Bundle, checkpoint: Path | None, variants: list[Variant], threads: int
) -> list[Contestant]:
    """Run every variant in turn with the base, which stands first."""
    contestants = [Contestant(BASE, partial(StockPolicy, base, threads))]
    if args.work:
        contestants += [
            Contestant(f'{BASE}, {label}', load) for label, load in _stock_changes(base, threads)
        ]
    if checkpoint:
        from vla_ros.train.untrained import torch_policy

        contestants.append(Contestant('torch fp32', partial(torch_policy, checkpoint, threads)))
    contestants += [Contestant(v.label, partial(v.open, threads), v.still) for v in variants]
    seen = observations(base.spec)
    kinds = {BASE, 'torch fp32'} | {v.label for v in variants if not v.work}
    for contestant in (c for c in contestants if args.memory and c.label in kinds):
        contestant.memory = memory_of(contestant.load, seen[0])
    for number in range(WARM_UP + args.rounds):
        for contestant in contestants:
            contestant.run(number, seen, keep=number >= WARM_UP)
    return contestants


def _stock_changes(base: Bundle, threads: int) -> Iterator[tuple[str, Callable[[], StockPolicy]]]:
    """Yield stock ONNX Runtime with one thing at a time done otherwise."""
    for change in CHANGES:
        yield change, partial(StockPolicy, base, threads, change)
    unfolded = base.path.with_name(f'{base.path.name}.unfolded')  # as write_untrained leaves it
    if unfolded.exists():
        yield 'constants not folded', partial(StockPolicy, load_bundle(unfolded), threads)


def _end_to_end(base: Bundle, item: Contestant, stock: Contestant, threads: int) -> dict[str, Any]:
    return {
        **subject(base.spec, threads),
        'variant': item.label,
        **compared(stock.totals, item.totals),
        **cpu_compared(stock.cpu, item.cpu),
        'memory': item.memory,
        'warm_up': item.warm_up,
        'blocks': {name: float(np.median(values)) for name, values in item.blocks.items()},
    }


def _entries(
    base: Bundle, variants: list[Variant], contestants: list[Contestant], threads: int
) -> list[dict[str, Any]]:
    """Return the profile's entry of each block of each variant."""
    by_label, stock = {item.label: item for item in contestants}, contestants[0]
    return [
        entry
        for variant in variants
        if not variant.work
        for entry in _block_entries(base, variant, by_label[variant.label], stock, threads)
    ]


def _block_entries(
    base: Bundle, variant: Variant, item: Contestant, stock: Contestant, threads: int
) -> list[dict[str, Any]]:
    bundle, policy = load_bundle(variant.bundle), item.policy
    stages = (policy.vision_encoder, policy.llm_backbone, policy.action_expert)
    rows = []
    for block, stage in zip(BLOCKS, stages, strict=True):
        session = stage.session
        facts = session.facts
        file = bundle.path / bundle.spec.blocks[block].file
        rows.append(
            {
                **subject(base.spec, threads),
                'variant': variant.label,
                'recipe': bundle.spec.recipe.get('name', facts['precision']),
                'backend': facts['backend'].partition(' ')[0],
                'precision': facts['precision'],
                'device': variant.placement.node(block).device,
                'block': block,
                'cameras_mode': policy.vision_encoder.mode,
                **compared(stock.blocks[block], item.blocks[block]),
                'bytes': file.stat().st_size,
                'answer_error': session.answer_error,
                **_cost(bundle, block),
            }
        )
    return rows


def _cost(bundle: Bundle, block: str) -> dict[str, Any]:
    """Return the arithmetic of a block, where the package is there that counts it."""
    from vla_ros.planning.blocks import counted_operations
    from vla_ros.planning.cost import total

    try:
        return {'cost': total(counted_operations(bundle, block)).as_dict()}
    except ConfigError:
        return {}

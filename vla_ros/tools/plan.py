# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Plan a policy for a board: predicted latency of every recipe, placement, rates and threshold.

Blocks may take as long as the motion in the queue lasts: threshold >= latency * rate / chunk size,
and no longer than half of a chunk.
Of the recipes that keep to it, the one that changes the numbers least is chosen. With a profile
of this machine (`vla_ros benchmark policy`) its rates replace the description's, and --check
compares predicted with measured latency: each recipe predicted from the other recipes alone, and
each policy (size of pictures) from the others.
"""

from argparse import ArgumentParser, Namespace
from math import inf
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import yaml

from vla_ros.core.budget import Budget
from vla_ros.core.config import config_names, find_config
from vla_ros.core.defaults import POLICY
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json, write_text
from vla_ros.tools.arguments import add_json, existing, written

if TYPE_CHECKING:  # ONNX is loaded when the command runs
    from vla_ros.planning.boards import Board, Rates
    from vla_ros.planning.planner import Plan
    from vla_ros.planning.profile import Comparison, Measured
    from vla_ros.quantization.recipe import Recipe

WIDTH = 99  # characters


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    boards, recipes = ', '.join(config_names('boards')), ', '.join(config_names('recipes'))
    parser.add_argument('--board', required=True, help=f'a file, or one of {boards}')
    parser.add_argument('--policy', default=POLICY, help='bundle at fp32')
    parser.add_argument(
        '--recipe',
        action='extend',
        nargs='+',
        help=f'to consider, one or several: a file, or one of {recipes} (default: all of these)',
    )
    parser.add_argument('--profile', type=existing, help='profile.json of this board')
    parser.add_argument('--threads', type=int, default=1, help='which entries of the profile')
    parser.add_argument('--rate', type=float, help="rows played per second (default: policy's)")
    parser.add_argument(
        '--threshold',
        type=float,
        default=0.5,
        help='largest fill of the queue (0 to 1) at which the next chunk may be asked for',
    )
    parser.add_argument(
        '--overhead',
        type=float,
        default=0.02,
        help='s from camera to queue that are not spent in blocks',
    )
    parser.add_argument('--output', type=written, help='write the placement to this file')
    add_json(parser, 'every plan')
    parser.add_argument('--check', action='store_true', help='predicted against measured only')


def run(args: Namespace) -> int:
    """Predict, choose, print and write."""
    from vla_ros.planning.boards import load_board
    from vla_ros.planning.planner import make_plans, placement_content

    _check_numbers(args)
    board = load_board(find_config('boards', args.board))
    measured = _profile(args, board)
    if args.check:
        return _check(measured, board)
    bundle = _bundle(args.policy)
    spec = bundle.spec
    rate = spec.fps if args.rate is None else args.rate
    budget = Budget(args.overhead, rate, spec.chunk_size, args.threshold)
    rates = _rates(measured, board, args.threads)
    plans, refused = make_plans(board, bundle, _recipes(args.recipe, spec.type), budget, rates)
    print(_heading(board, spec.name, budget), _table(plans), sep='\n\n')
    for item in board.published:
        print(f'published: {item.policy} {item.seconds:g} s, {item.how} ({item.source})')
    for name, reason in refused.items():
        print(f'{name}: cannot be had: {reason}')
    if not plans:
        raise ConfigError(f'board {board.name}: no recipe can run there; see above')
    _explain(plans[0], board, args)
    if args.output and plans[0].fits:
        content = placement_content(plans[0], board, spec.name)
        write_text(args.output, yaml.safe_dump(content, sort_keys=False))
        print(f'placement: {args.output}')
    if args.json:
        write_json(args.json, [_facts(plan) for plan in plans])
    return 0


def _check_numbers(args: Namespace) -> None:
    allowed = {
        'threads': (args.threads >= 1, '1 or more'),
        'rate': (args.rate is None or 0 < args.rate < inf, 'above 0 Hz'),
        'threshold': (0 < args.threshold <= 1, 'above 0, 1 at most'),
        'overhead': (0 <= args.overhead < inf, '0 s or more'),
    }
    for name, (good, expected) in allowed.items():
        if not good:
            raise ConfigError(f'--{name}: got {getattr(args, name)}, expected {expected}')


def _bundle(policy: str) -> Any:
    from vla_ros.policy.bundle import load_bundle

    bundle = load_bundle(find_config('policies', policy))
    if bundle.spec.recipe:
        raise ConfigError(
            f'{policy}: is quantized already, by {bundle.spec.recipe.get("name")}; plan with the '
            'bundle at fp32'
        )
    return bundle


def _recipes(names: list[str] | None, kind: str) -> 'list[Recipe]':
    from vla_ros.planning.planner import UNCHANGED
    from vla_ros.quantization.recipe import load_recipe, shipped_recipes

    if not names:
        return [UNCHANGED, *shipped_recipes(kind)]
    return [UNCHANGED, *(load_recipe(find_config('recipes', name)) for name in names)]


def _profile(args: Namespace, board: 'Board') -> 'list[Measured]':
    from vla_ros.planning.profile import load_profile

    if args.profile:
        return load_profile(args.profile)
    if args.check:
        raise ConfigError('--check: got no --profile, expected the profile.json to check with')
    return []


def _rates(
    measured: 'list[Measured]', board: 'Board', threads: int
) -> 'dict[str, dict[str, Rates]]':
    """Return the rates of the CPU by back end, as the profile has them."""
    from vla_ros.planning.profile import fit, select, settings

    prior = board.processors['cpu'].rates(threads)
    there = [backend for backend, count in settings(measured) if count == threads]
    if measured and not there:
        raise ConfigError(
            f'--threads: got {threads}, expected one of '
            f'{sorted({count for _, count in settings(measured)})}, which the profile has'
        )
    return {backend: {'cpu': fit(select(measured, backend, threads), prior)} for backend in there}


def _check(measured: 'list[Measured]', board: 'Board') -> int:
    from vla_ros.planning.profile import hold_out, select, settings

    for by in ('recipe', 'policy'):
        found: list[Comparison] = []
        for backend, threads in settings(measured):
            prior = board.processors['cpu'].rates(threads)
            found += hold_out(select(measured, backend, threads), prior, by)
        _print_comparisons(found, by)
    return 0


def _print_comparisons(found: 'list[Comparison]', by: str) -> None:
    if not found:
        print(f'one {by} only: nothing to predict it from')
        return
    for item in found:
        print(
            f'{item.policy:28} {item.recipe:26} {item.backend:12} {item.threads} threads  '
            f'measured {item.measured * 1e3:8.2f} ms  predicted {item.predicted * 1e3:8.2f} ms  '
            f'{item.error:+.0%}'
        )
    errors = sorted(abs(item.error) for item in found)
    within = sum(error <= 0.2 for error in errors)
    print(
        f'each {by} predicted from the others: error median {errors[len(errors) // 2]:.0%}, '
        f'worst {errors[-1]:.0%}; {within} of {len(errors)} within 20 %\n'
    )


def _heading(board: 'Board', policy: str, budget: Budget) -> str:
    """Say what the table is about, and how far it can be believed."""
    about = (
        f'{policy}: {budget.chunk_size} rows per chunk at {budget.rate:g} Hz are '
        f'{budget.chunk_size / budget.rate:.2f} s of motion. Latency is predicted, from the '
        f'observation to the queue, {budget.latency:g} s of it outside the blocks. Threshold is '
        'the least chunk_size_threshold with which the queue never runs dry; '
        f'{budget.threshold:g} is the most that is allowed.'
    )
    return '\n'.join(fill(text, WIDTH) for text in (f'{board.name}: {board.description}', about))


def _table(plans: 'list[Plan]') -> str:
    width = max([18, *(len(plan.recipe.name) for plan in plans)])
    lines = [f'{"recipe":{width}} {"latency":>9}  {"threshold":>9}  blocks']
    for plan in plans:
        blocks = ', '.join(
            f'{name} {placed.seconds * 1e3:.1f} ms on {placed.processor}'
            for name, placed in plan.blocks.items()
        )
        needed = plan.budget.needed_threshold
        lines.append(
            f'{plan.recipe.name:{width}} {plan.budget.latency:7.3f} s  {needed:9.2f}  {blocks}'
        )
    return '\n'.join([*lines, ''])


def _explain(plan: 'Plan', board: 'Board', args: Namespace) -> None:
    """Say which recipe it is, why, and what to do next."""
    from vla_ros.planning.planner import UNCHANGED, speed_up

    why = 'changes the numbers least of those that are fast enough' if plan.fits else 'is fastest'
    print(f'\nchosen: {plan.recipe.name}, which {why}')
    for name, placed in plan.blocks.items():
        if placed.fallback:
            print(f'{name}: the CPU computes {", ".join(placed.fallback)} for {placed.processor}')
    if not plan.fits:
        print(f'{board.name} does not meet the budget: {plan.budget}. What would:')
        print('\n'.join(f'  {line}' for line in speed_up(plan)))
        return
    if plan.recipe != UNCHANGED:
        given = {Path(name).stem: name for name in args.recipe or ()}  # it may be a path
        print(
            f'write it with: vla_ros quantize --policy {args.policy} '
            f'--recipe {given.get(plan.recipe.name, plan.recipe.name)} '
            '--dataset FOLDER --output FOLDER'
        )
    print(
        f'start with chunk_size_threshold:={plan.threshold:.2f}; up to {plan.chunk_rate:.1f} '
        'chunks per second'
    )


def _facts(plan: 'Plan') -> dict[str, Any]:
    return {
        'recipe': plan.recipe.name,
        'fits': plan.fits,
        'latency': plan.budget.latency,
        'needed_threshold': plan.budget.needed_threshold,
        'threshold': plan.threshold,
        'blocks': {name: vars(placed) for name, placed in plan.blocks.items()},
    }

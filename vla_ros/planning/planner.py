# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Plans: which recipe and which processor for each block keep a board inside the time budget.

Latency is predicted for every recipe before anything is quantized: the recipe says at which
precision each operator of the blocks at fp32 would compute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import onnx

from vla_ros.core.budget import MOST_NEEDED, Budget
from vla_ros.core.errors import ConfigError
from vla_ros.planning.blocks import block_operations
from vla_ros.planning.boards import Board, Rates
from vla_ros.planning.cost import Operation
from vla_ros.planning.prediction import Placed, inference_threads, place
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.spec import BLOCKS
from vla_ros.quantization.graph import assign, followers, load_model
from vla_ros.quantization.recipe import INTEGERS, BlockRecipe, Recipe
from vla_ros.runtime.backends.table import DEFAULT
from vla_ros.runtime.placement import PROVIDERS

UNCHANGED = Recipe('fp32', {}, description='The blocks as exported.')
# how much a precision changes the numbers: less is better where both are fast enough
HARSHNESS = {
    'fp32': 0,
    'fp16': 1,
    'bf16': 2,
    'int8_dynamic': 3,
    'int8_static': 4,
    'int4_weights': 6,
}


ATTENTION = 3  # where the products inside attention are in 8 bit, too


@dataclass(frozen=True)
class Plan:
    """One recipe on one board, each block where it is fastest, and the budget of time."""

    recipe: Recipe
    blocks: Mapping[str, Placed]
    budget: Budget

    @property
    def fits(self) -> bool:
        """Say whether the queue never runs dry at the largest threshold that is allowed."""
        return self.budget.margin >= 0

    @property
    def harshness(self) -> int:
        """Return how far the recipe is from the exported numbers; the expert counts double."""
        blocks = {name: self.recipe.block(name) for name in BLOCKS}
        each = {
            name: HARSHNESS[block.precision] + ATTENTION * block.attention
            for name, block in blocks.items()
        }
        return sum(each.values()) + each['action_expert']

    @property
    def threshold(self) -> float:
        """Return the threshold to set: what is needed with headroom, LeRobot's if that is more."""
        return min(self.budget.threshold, replace(self.budget, threshold=0.2).raised_threshold)

    @property
    def chunk_rate(self) -> float:
        """Return how many chunks per second there can be, one block after the other (Hz)."""
        return 1 / self.budget.latency


def make_plans(
    board: Board,
    bundle: Bundle,
    recipes: Sequence[Recipe],
    budget: Budget,
    measured: Mapping[str, Mapping[str, Rates]] | None = None,
) -> tuple[list[Plan], dict[str, str]]:
    """
    Return the plans, the best first, and why the other recipes can't be had.

    The best one fits and changes the numbers least; where none fits, it is the fastest.
    ``budget`` gives rate, chunk size, the largest threshold, and as latency what is lost outside
    the blocks. ``measured`` are rates by back end and processor.
    """
    graphs = {name: read_graph(bundle, name) for name in BLOCKS}
    plans, refused = [], {}
    for recipe in recipes:
        rates = (measured or {}).get(recipe.target)
        try:
            blocks = {
                name: place(
                    planned_operations(graph, recipe.block(name)), board, rates, graph.runs
                )[0]
                for name, graph in graphs.items()
            }
        except ConfigError as error:
            refused[recipe.name] = str(error)
            continue
        latency = budget.latency + sum(placed.seconds for placed in blocks.values())
        plans.append(Plan(recipe, blocks, replace(budget, latency=latency)))
    return sorted(plans, key=_worth), refused


class Graph(NamedTuple):
    """A block at fp32, read once for all recipes."""

    block: str
    operations: list[Operation]  # of one run
    model: onnx.ModelProto
    runs: int  # for one answer


def read_graph(bundle: Bundle, block: str) -> Graph:
    """Return a block's operators and its model; raise ConfigError where it can't be read."""
    spec = bundle.spec.blocks[block]
    model = load_model(bundle.path / spec.file)
    return Graph(block, block_operations(bundle, block), model, spec.runs)


def planned_operations(graph: Graph, recipe: BlockRecipe) -> list[Operation]:
    """Return the operators of a block at the precisions that ``recipe`` would give them."""
    floats = recipe.precision if recipe.precision == 'fp16' else recipe.runtime_precision
    given = _precisions(graph, recipe) if recipe.used.intersection(INTEGERS) else {}
    return [replace(item, precision=given.get(item.name, floats)) for item in graph.operations]


def speed_up(plan: Plan) -> list[str]:
    """Return what would make a plan fit that doesn't."""
    budget = plan.budget
    threshold = min(budget.threshold, MOST_NEEDED)
    longest = threshold * budget.chunk_size / budget.rate
    slowest = max(plan.blocks, key=lambda name: plan.blocks[name].seconds)
    share = plan.blocks[slowest].seconds / budget.latency
    return [
        f'blocks that are {budget.latency / longest:.1f} times as fast: at most {longest:.3f} s; '
        f'{slowest} takes {share:.0%} of the time',
        f'rows played at {threshold * budget.chunk_size / budget.latency:.1f} Hz instead '
        f'of {budget.rate:g}, by a policy trained at that rate',
        f'chunks of {budget.latency * budget.rate / threshold:.0f} rows instead of '
        f'{budget.chunk_size}',
        'fewer cameras, or smaller pictures: vision_encoder takes time in proportion to pixels',
    ]


def placement_content(plan: Plan, board: Board, policy: str) -> dict[str, Any]:
    """Return the plan as a placement file: node, device, providers, cores and threads."""
    cores = [core for core in range(board.processors['cpu'].cores) if core != board.control_core]
    nodes: dict[str, Any] = {
        name: _node(board, placed, cores) for name, placed in plan.blocks.items()
    }
    if board.control_core is not None:
        nodes['action_queue'] = {'cores': [board.control_core], 'priority': -10}
    description = (
        f'{policy} with recipe {plan.recipe.name} on {board.name}, predicted: '
        f'{plan.budget.latency:.3f} s from observation to chunk. Write the bundle with vla_ros '
        f'quantize --recipe {plan.recipe.name}, and start it with '
        f'chunk_size_threshold:={plan.threshold:.2f}.'
    )
    return {
        'description': description,
        'defaults': {'device': 'cpu', 'threads': 1},
        'nodes': nodes,
    }


def _node(board: Board, placed: Placed, cores: list[int]) -> dict[str, Any]:
    processor = board.processors[placed.processor]
    node: dict[str, Any] = {'device': processor.device}
    if processor.providers:
        rest = PROVIDERS['cpu'] if placed.fallback else ()  # of the CPU: as the plan says
        node['providers'] = [*processor.providers, *rest]
    if processor.backend != DEFAULT and not processor.providers:
        node['backend'] = processor.backend
    on_cpu = placed.processor == 'cpu'
    return node | {'cores': list(cores), 'threads': inference_threads(board) if on_cpu else 1}


def _precisions(graph: Graph, recipe: BlockRecipe) -> dict[str, str]:
    """Return the precision of each node that the recipe doesn't leave in float."""
    chosen = assign(graph.model, recipe, graph.block)
    static = {name for name, precision in chosen.items() if precision == 'int8_static'}
    given = {name: precision for name, precision in chosen.items() if precision != 'fp32'}
    return given | dict.fromkeys(followers(graph.model, static), 'int8_static')


def _worth(plan: Plan) -> tuple[Any, ...]:
    """Return what plans are sorted by."""
    if plan.fits:
        return (0, plan.harshness, plan.budget.latency)
    return (1, plan.budget.latency, plan.harshness)

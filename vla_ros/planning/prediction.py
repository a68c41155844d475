# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""On which processor of a board a model runs fastest, and how long that takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vla_ros.core.errors import ConfigError
from vla_ros.planning.boards import KINDS, Board, Rates
from vla_ros.planning.cost import Operation, total

LEAST_SHARE = 0.5  # of the arithmetic that a processor has to take over


@dataclass(frozen=True)
class Placed:
    """A model on one processor of a board."""

    processor: str
    seconds: float  # of all its runs for one answer
    fallback: tuple[str, ...]  # operators that the CPU computes instead, with their precision


def inference_threads(board: Board) -> int:
    """Return the cores that inference may use: all but the one of the command loop."""
    return max(1, board.processors['cpu'].cores - (board.control_core is not None))


def place(
    operations: Sequence[Operation],
    board: Board,
    measured: Mapping[str, Rates] | None = None,
    runs: int = 1,
) -> list[Placed]:
    """
    Return how the model runs on each processor that can take most of it, the fastest first.

    What a processor has no operator or no precision for is computed by the CPU. ``measured``
    are rates by processor, instead of the description's; the model runs ``runs`` times for an
    answer. Raise ConfigError naming the operator that stops it where it runs on none.
    """
    rates = {
        name: processor.rates(inference_threads(board))
        for name, processor in board.processors.items()
    } | dict(measured or {})
    options = [
        option for name in board.processors if (option := _on(name, operations, board, rates))
    ]
    if not options:
        _refuse(operations, board)
    options.sort(key=lambda option: option.seconds)
    return [replace(option, seconds=runs * option.seconds) for option in options]


def _on(
    name: str, operations: Sequence[Operation], board: Board, rates: Mapping[str, Rates]
) -> Placed | None:
    there, rest = list[Operation](), list[Operation]()
    for item in operations:
        (there if board.processors[name].can_run(item) else rest).append(item)
    if _stuck(rest, board) or _flops(there) < LEAST_SHARE * _flops(operations):
        return None
    seconds = rates[name].latency(total(there)) + rates['cpu'].latency(total(rest))
    return Placed(name, seconds, tuple(sorted({f'{o.operator} {o.precision}' for o in rest})))


def _stuck(rest: Sequence[Operation], board: Board) -> list[Operation]:
    """Return the operators that the CPU would have to compute and can't."""
    known = board.processors['cpu'].peak
    return [item for item in rest if item.kind in KINDS and item.precision not in known]


def _refuse(operations: Sequence[Operation], board: Board) -> None:
    first = (_stuck(operations, board) or list(operations))[0]
    known = [f'{name}: {", ".join(item.peak)}' for name, item in board.processors.items()]
    raise ConfigError(
        f'board {board.name}: {first.operator} {first.name}: got precision {first.precision}, '
        f'expected one that a processor computes in ({"; ".join(known)}); take another recipe'
    )


def _flops(operations: Sequence[Operation]) -> float:
    return sum(item.flops for item in operations if item.kind in KINDS)

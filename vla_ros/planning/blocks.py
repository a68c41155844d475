# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long a policy's blocks would take on a board that isn't here."""

from collections.abc import Sequence
from dataclasses import replace

from vla_ros.core.config import find_config
from vla_ros.planning.boards import load_board
from vla_ros.planning.cost import Operation, operations
from vla_ros.planning.prediction import Placed, place
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.spec import BLOCKS


def counted_operations(bundle: Bundle, block: str) -> list[Operation]:
    """
    Return the operators of one run of a block, at the precisions that its file has.

    A vision encoder that runs once for each size of pictures has those of all these runs.
    """
    file = bundle.path / bundle.spec.blocks[block].file
    runs = (operations(file, sizes) for sizes in bundle.spec.sizes(block))
    return [operation for run in runs for operation in run]


def block_operations(bundle: Bundle, block: str) -> list[Operation]:
    """Return the operators of one run of a block, at the precisions that it computes in."""
    precision = bundle.spec.blocks[block].precision
    counted = counted_operations(bundle, block)
    if precision in ('', 'fp32'):
        return counted
    return [
        replace(item, precision=precision) if item.precision == 'fp32' else item
        for item in counted
    ]


def predict(policy: str, board: str, blocks: Sequence[str] = BLOCKS) -> dict[str, Placed]:
    """
    Return where each of ``blocks`` runs fastest on a board, and how long for one answer.

    ``policy`` and ``board`` are names or paths. Raise ConfigError where one is not there, and
    where the board can't run the policy.
    """
    bundle = load_bundle(find_config('policies', policy), blocks)
    target = load_board(find_config('boards', board))
    return {
        block: place(block_operations(bundle, block), target, runs=bundle.spec.blocks[block].runs)[
            0
        ]
        for block in blocks
    }

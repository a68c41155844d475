# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the graph benchmark: whole graphs, and the node of each block."""

from collections.abc import Mapping, Sequence
from typing import Any

from vla_ros.benchmarks.ratios import ratio_cell, times_cell

PERCENTILES = ('p50', 'p95', 'p99')


def graph_table(figures: Mapping[str, Any]) -> str:
    """Return the table of whole graphs, from the camera's stamp to the chunk."""
    rows = figures['graphs']
    width = max(len(row['variant']) for row in rows)
    cameras = f'{figures["cameras"]} cameras {figures["width"]}x{figures["height"]}'
    head = (
        f'{"p50 / p95 / p99 (ms)":25}  {"faster [95 %]":19}  {"first":>7}  {"outside":>7}  '
        f'{"CPU (ms)":>8}  {"memory":>8}  differs by'
    )
    return '\n'.join(
        [
            f'{figures["policy"]}: {cameras}, {figures["threads"]} thread(s), '
            f'{rows[0]["runs"]} observations for each graph, in turn',
            f'{"":{width}}  {head}',
            *(f'{row["variant"]:{width}}  {_graph_cells(row)}' for row in rows),
            'first: the first answer (ms), which does not count; outside: messages and waiting, '
            'outside the blocks (ms)',
        ]
    )


def node_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of each node of each graph; its times are those of its block."""
    width = max(len(row['variant']) for row in rows)
    head = f'{"p50 / p95 / p99 (ms)":25}  {"faster [95 %]":19}  {"CPU (ms)":>8}  {"memory":>8}'
    lines = [f'{"":{width}}  {"node":14}  {head}']
    for row in rows:
        for name, node in row['nodes'].items():
            cells = f'{times_cell(node, *PERCENTILES)}  {ratio_cell(node):19}  {_used(node)}'
            lines.append(f'{row["variant"]:{width}}  {name:14}  {cells}')
    return '\n'.join(lines)


def _graph_cells(row: Mapping[str, Any]) -> str:
    times = f'{times_cell(row, *PERCENTILES)}  {ratio_cell(row):19}'
    others = '  '.join(f'{1e3 * value:7.1f}' for value in (row['warm_up'][0], row['outside']))
    return f'{times}  {others}  {_used(row)}  {row["difference"]:.1e} rad'


def _used(row: Mapping[str, Any]) -> str:
    """Return the CPU time for a chunk and the memory."""
    return f'{1e3 * row["cpu"]:8.1f}  {row["memory"] / 1e6:5.0f} MB'

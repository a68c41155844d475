# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the policy benchmark: whole policies, with the study's beside ours, and blocks."""

from typing import Any

from vla_ros.benchmarks.ratios import ratio_cell, times_cell
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.spec import BLOCKS

# what README.md's study reports of its board
STUDY = (('study, i.MX 95: ACT, ONNX FP32', 2.86), ('study, i.MX 95: ACT, optimised', 0.32))


def totals_table(base: Bundle, threads: int, rows: list[dict[str, Any]]) -> str:
    """Return the table of whole policies, and what the study reports of its board."""
    camera = base.spec.cameras[0]
    title = f'{base.spec.name}: {len(base.spec.cameras)} cameras {camera.width}x{camera.height}'
    width = max(len(name) for name in [*(row['variant'] for row in rows), *dict(STUDY)])
    head = 'p50 / p95 / p99 (ms)     vision backbone expert (ms)  faster [95 %]      CPU   memory'
    lines = [f'\n{title}, {threads} thread(s), in turn', f'{"":{width}}  {head}']
    lines += [f'{row["variant"]:{width}}  {_cells(row)}' for row in rows]
    first = STUDY[0][1]
    lines += [
        f'{name:{width}}  {1e3 * seconds:7.1f}{"":42}{first / seconds:5.2f}x'
        for name, seconds in STUDY
    ]
    return '\n'.join(lines)


def block_table(entries: list[dict[str, Any]]) -> str:
    """
    Return the table of each block of each variant.

    What a block is off by is its `Session.answer_error`, nothing where its bundle knows no answer.
    """
    width = max(len(entry['variant']) for entry in entries)
    head = 'p50 / p95 (ms)     faster [95 %]       off by'
    lines = [f'{"":{width}}  {"block":14}  {"size":>8}  {head}']
    for entry in entries:
        times, ratio = times_cell(entry, 'p50', 'p95'), ratio_cell(entry)
        size = f'{entry["bytes"] / 1e6:5.1f} MB'
        name = f'{entry["variant"]:{width}}  {entry["block"]:14}'
        error = entry['answer_error']
        off = '' if error is None else f'{error:.4f}'
        lines.append(f'{name}  {size:>8}  {times}  {ratio}  {off}'.rstrip())
    return '\n'.join(lines)


def _cells(row: dict[str, Any]) -> str:
    times = times_cell(row, 'p50', 'p95', 'p99')
    blocks = ' '.join(f'{1e3 * row["blocks"].get(block, float("nan")):7.1f}' for block in BLOCKS)
    memory = '' if row['memory'] is None else f'{row["memory"] / 1e6:5.0f} MB'
    return f'{times}  {blocks}  {ratio_cell(row)}  {row["cpu_ratio"]:5.2f}x  {memory}'

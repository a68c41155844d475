# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of what was injected and what was seen."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Seen:
    """One fault and what came of it; times in s from the fault, None where there is none."""

    fault: str
    outcome: str  # what the arm did, in words
    detected: float | None = None  # until the first sign that the fault was noticed
    held: float | None = None  # until the last command that moved the arm
    recovered: float | None = None  # from the end of the fault until the arm went on
    worst: float | None = None  # share of a limit of the robot: position, velocity, acceleration


HEADINGS = ('fault', 'noticed', 'held', 'went on', 'limit', 'seen')
UNITS = ('', '(ms)', '(ms)', '(s)', 'ratio', '')


def format_table(rows):
    """Return the rows as lines of text."""
    lines = [HEADINGS, UNITS, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS) - 1)]
    return [
        '  '.join([line[0].ljust(widths[0])])
        + ''.join(f'  {cell:>{width}}' for cell, width in zip(line[1:-1], widths[1:], strict=True))
        + f'  {line[-1]}'
        for line in lines
    ]


def write_report(path, rows):
    """Write the rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + '\n')


def _cells(row):
    return (
        row.fault,
        _number(row.detected, 1e3, 0),
        _number(row.held, 1e3, 0),
        _number(row.recovered, 1.0, 2),
        _number(row.worst, 1.0, 3),
        row.outcome,
    )


def _number(value, scale, digits):
    return '' if value is None else f'{max(0.0, value) * scale:.{digits}f}'

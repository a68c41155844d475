# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A replay for people: a table, and an HTML page."""

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vla_ros.core.files import write_json, write_text
from vla_ros.dataset.replay.result import Replay
from vla_ros.dataset.replay.scores import by_cluster, summarise

if TYPE_CHECKING:  # only the page has figures: the rest does without matplotlib
    from matplotlib.figure import Figure

_HEAD = ('cluster', 'episodes', 'chunks', 'MAE', 'played', 'seam', 'jerk', 'starved', 'stale')
_UNITS = ('', '', '', 'rad', 'rad', 'rad p95', 'of recorded', 'times', 's p95')
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: right; padding: .3rem .8rem; border-bottom: 1px solid #ddd;
         font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
.good { color: #1a7f4b; } .bad { color: #b3263c; font-weight: 600; }
figure { margin: 2rem 0; } img { max-width: 100%; } figcaption { color: #555; }
"""


def publish(
    replay: Replay, limit: float | None, page: str, file: str, say: Callable[[str], None] = print
) -> int:
    """
    Say how it went and write the HTML ``page`` and the JSON ``file`` ('': none).

    Return the exit code, which is 1 where the error is beyond ``limit`` (rad).
    """
    say(f'{write_table(replay)}\n\n{write_verdict(replay, limit)}')
    if file:
        write_json(Path(file), replay.as_json())
    if page:
        from vla_ros.dataset.replay.chunk_plots import draw

        write_text(Path(page), write_html(replay, limit, draw(replay)))
    return int(limit is not None and replay.mae > limit)


def write_table(replay: Replay) -> str:
    """Return the scores of every cluster, the errors of the joints and the times as text."""
    parts = [_HEAD, _UNITS, *_rows(replay)]
    joints = [('joint', 'MAE'), ('', 'rad'), *_joint_rows(replay)]
    return '\n'.join(
        [_align(parts), '', _align(joints), '', *_explain(replay), *_describe_times(replay)]
    )


def write_verdict(replay: Replay, limit: float | None) -> str:
    """Return the outcome in one sentence."""
    if limit is None:
        return f'MAE {replay.mae:.4f} rad.'
    word = 'within' if replay.mae <= limit else 'beyond'
    return f'MAE {replay.mae:.4f} rad, {word} the {limit:.4f} rad allowed.'


def write_html(replay: Replay, limit: float | None, figures: Mapping[str, 'Figure']) -> str:
    """Return one page that needs no other file and no network; figures by their caption."""
    pictures = '\n'.join(
        f'<figure><img alt="{escape(caption)}" src="{_embed(figure)}">'
        f'<figcaption>{escape(caption)}.</figcaption></figure>'
        for caption, figure in figures.items()
    )
    verdict = 'bad' if limit is not None and replay.mae > limit else 'good'
    notes = ''.join(f'<p>{escape(line)}</p>' for line in _explain(replay))
    times = ''.join(f'<p>{escape(line)}</p>' for line in _describe_times(replay))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(replay.spec.name)}: replay</title><style>{_STYLE}</style></head><body>
<h1>{escape(replay.spec.name)}: replay of {len(replay.scores)} episodes</h1>
<p class="{verdict}">{write_verdict(replay, limit)}</p>
{_html_table([_HEAD, _UNITS], _rows(replay))}
{_html_table([('joint', 'MAE (rad)')], _joint_rows(replay))}
{notes}{times}
{pictures}
</body></html>
"""


def _rows(replay: Replay) -> list[tuple[str, ...]]:
    parts = by_cluster(replay.scores)
    named = {name or 'unknown': parts[name] for name in parts}
    if len(named) > 1:
        named['all'] = replay.scores
    return [_row(name, summarise(part, replay.spec)) for name, part in named.items()]


def _row(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    jerk, recorded = values['jerk'], values['jerk_recorded']
    return (
        name,
        str(values['episodes']),
        str(values['chunks']),
        _number(values['mae'], 4),
        _number(values['mae_played'], 4),
        _number((values['seam_jump'] or {}).get('p95'), 4),
        _number(jerk / recorded if jerk and recorded else None, 2),
        str(values['starved']),
        _number((values['staleness'] or {}).get('p95'), 2),
    )


def _joint_rows(replay: Replay) -> list[tuple[str, ...]]:
    values = summarise(replay.scores, replay.spec)['mae_per_joint']
    return [(name, _number(value, 4)) for name, value in values.items()]


def _explain(replay: Replay) -> list[str]:
    settings = replay.settings
    return [
        f'MAE: chunks against recorded commands, over {replay.spec.chunk_size} steps; played: '
        f'what the queue would have commanded ({settings.mode}, chunk_size_threshold '
        f'{settings.chunk_size_threshold:g}, {settings.aggregate_fn_name}, latency '
        f'{settings.latency:g} s). seam: how far the goal jumps where a chunk joins another. '
        'stale: age of the observation acted on.'
    ]


def _describe_times(replay: Replay) -> list[str]:
    """Return what was measured here and now, which is no part of the scores."""
    lines = [
        f'{stage}: {1e3 * times["p50"]:.1f} ms (p50), {1e3 * times["p95"]:.1f} ms (p95)'
        for stage, times in replay.latencies().items()
    ]
    budget = replay.budget()
    if budget:
        lines.append(f'At the measured latency: {budget}.')
    if replay.repeated:
        lines.append(f'{replay.repeated} observations had to be asked about again.')
    if replay.spent:
        lines.append(
            f'{replay.recorded:.1f} s of recordings in {replay.spent:.1f} s: '
            f'{replay.recorded / replay.spent:.2f} x real time.'
        )
    return lines


def _number(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def _align(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = row
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append('  '.join(cells).rstrip())
    return '\n'.join(lines)


def _html_table(heads: Sequence[tuple[str, ...]], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [_html_row(row, 'th') for row in heads] + [_html_row(row, 'td') for row in rows]
    return f'<table>{"".join(lines)}</table>'


def _html_row(cells: Sequence[str], tag: str) -> str:
    return '<tr>' + ''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells) + '</tr>'


def _embed(figure: 'Figure') -> str:
    """Return the figure as a data URI."""
    buffer = BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return f'data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'

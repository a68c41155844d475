# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A replay for people: a table, and an HTML page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.files import write_json, write_text
from vla_ros.dataset.align import gather
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.replay.result import Example, Replay
from vla_ros.dataset.replay.scores import by_cluster, summarise
from vla_ros.view.report import (
    Verdict,
    paragraph,
    picture,
    plot,
    section,
    side_by_side,
    table,
    write_page,
)

_HEAD = (
    'cluster', 'episodes', 'chunks', 'MAE', 'still', 'played', 'seam', 'jerk', 'starved', 'stale'
)  # fmt: skip
_UNITS = ('', '', '', 'rad', 'rad', 'rad', 'rad p95', 'of recorded', 'times', 's p95')


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
        write_text(Path(page), write_html(replay, limit))
    return int(limit is not None and replay.mae > limit)


def write_table(replay: Replay) -> str:
    """Return the scores of every cluster, the errors of the joints and the times as text."""
    parts = [_HEAD, _UNITS, *_rows(replay)]
    joints = [('joint', 'MAE'), ('', 'rad'), *_joint_rows(replay)]
    return '\n'.join(
        [_align(parts), '', _align(joints), '', *_explain(replay), *_describe_times(replay)]
    )


def write_verdict(replay: Replay, limit: float | None) -> str:
    """Return the outcome in one sentence: how far off, how sure, and against what."""
    values = summarise(replay.scores, replay.spec)
    text = f'MAE {replay.mae:.4f} rad'
    if values['mae_interval']:
        low, high = values['mae_interval']
        text += f' [{low:.4f}, {high:.4f}]'
    if limit is not None:
        word = 'within' if replay.mae <= limit else 'beyond'
        text += f', {word} the {limit:.4f} rad allowed'
    still = values['mae_still']
    return f'{text}; an arm that stands still: {still:.4f} rad.' if still else f'{text}.'


def write_html(replay: Replay, limit: float | None) -> str:
    """Return one page that needs no other file and no network; the worst episodes are drawn."""
    from vla_ros.dataset.replay.chunk_plots import draw

    still = summarise(replay.scores, replay.spec)['mae_still'] or np.inf
    good = replay.mae <= (still if limit is None else limit)
    figures = draw(replay)
    units = [
        f'{name} ({unit})' if unit else name for name, unit in zip(_HEAD, _UNITS, strict=True)
    ]
    return write_page(
        f'{replay.spec.name}: replay of {len(replay.scores)} episodes',
        Verdict(write_verdict(replay, limit), good),
        table(units, _rows(replay)),
        *(paragraph(line, quiet=True) for line in _explain(replay)),
        *(section(*part) for part in _draw_examples(replay)),
        section('All episodes', *(plot(figure, f'{text}.') for text, figure in figures.items())),
        section('Joints', table(('joint', 'MAE (rad)'), _joint_rows(replay))),
        section('Time', *(paragraph(line) for line in _describe_times(replay))),
        section(
            'Every episode, the worst first', table(('episode', *units), _episode_rows(replay))
        ),
    )


def _draw_examples(replay: Replay) -> Iterator[tuple[str, ...]]:
    """Yield the heading and the parts of each of the worst episodes."""
    from vla_ros.dataset.replay.chunk_plots import draw_example

    for example in replay.examples:
        name = example.track.episode.path.name
        figures = draw_example(example, replay.spec)
        yield (
            f'{name}: MAE {example.mae:.4f} rad',
            side_by_side(_worst_pictures(example, replay)),
            *(plot(figure, f'{name}: {text}.') for text, figure in figures.items()),
        )


def _worst_pictures(example: Example, replay: Replay) -> Iterator[str]:
    """Yield what the policy saw when it answered worst in an episode."""
    track, drive, score = example.track, example.drive, example.score
    if not len(score.errors):
        return
    counts = np.maximum(np.isfinite(score.errors).sum(axis=(1, 2)), 1)
    means = np.nansum(score.errors, axis=(1, 2)) / counts
    worst = int(means.argmax())
    ask = drive.asks[worst]
    cameras = {track.streams.cameras[camera.name]: camera.name for camera in replay.spec.cameras}
    chosen = {topic: [ask.samples[topic]] for topic in cameras}
    (observation,) = gather(track.episode, chosen)
    for topic, name in cameras.items():
        yield picture(
            read_picture(observation[topic]),
            f'{name} at {ask.start - drive.span.begin:.1f} s, where the chunk is farthest off: '
            f'{means[worst]:.4f} rad',
        )


def _episode_rows(replay: Replay) -> list[tuple[str, ...]]:
    parts = [(one, summarise([one], replay.spec)) for one in replay.scores]
    ordered = sorted(parts, key=lambda part: part[1]['mae'] or 0.0, reverse=True)
    return [(one.name, *_row(one.cluster or 'unknown', values)) for one, values in ordered]


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
        _number(values['mae_still'], 4),
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
        f'MAE: chunks against recorded commands, over {replay.spec.chunk_size} steps, with its '
        '95 % interval over the episodes; still: the same of an arm that stands still; played: '
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

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation came to, for people: the study's table, and a page with its failures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from vla_ros.core.columns import align
from vla_ros.evaluation.protocol import Score
from vla_ros.evaluation.queue_figure import film_episode, outcome, which
from vla_ros.sim.rollout import EpisodeResult
from vla_ros.sim.task import Task
from vla_ros.view.report import (
    Verdict,
    paragraph,
    plot,
    section,
    side_by_side,
    table,
    video,
    write_page,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPISODE = 'episode.webm'
HEAD = (
    'set',
    'episodes',
    'success [95 % interval]',
    'latency p50 / p95',
    'time per episode',
    'waited',
    'starved',
)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that is over, and what is shown of it."""

    policy: str
    mode: str
    scores: Mapping[str, Score]  # by set
    results: Sequence[EpisodeResult]
    notes: Sequence[str] = ()  # lines about this evaluation alone
    videos: Mapping[str, EpisodeResult] = field(default_factory=dict)  # of failures, by file


def write_table(evaluation: Evaluation) -> str:
    """Return the scores of the sets as aligned text."""
    rows = [HEAD, *map(_row, evaluation.scores.items())]
    return f'\n{evaluation.policy}, {evaluation.mode}\n' + '\n'.join(align(rows))


def write_verdict(evaluation: Evaluation) -> str:
    """Return the success of each set in one sentence."""
    parts = (
        f'{name} {part.success} ({part.success.successes} of {part.episodes})'
        for name, part in evaluation.scores.items()
    )
    return f'success: {", ".join(parts)}'


def film_failures(
    task: type[Task],
    results: Sequence[EpisodeResult],
    chunk_time: float,
    threshold: float,
    folder: Path,
    most: int,
) -> Iterator[tuple[str, EpisodeResult]]:
    """Yield the name of the video in ``folder`` of each failure whose states were kept."""
    failed = [result for result in results if not result.success and result.states]
    for result in failed[:most]:
        goal = f'_{result.goal}' if result.goal else ''
        name = f'failure_{result.cluster}_{result.seed}{goal}.webm'
        film_episode(task, result, chunk_time, threshold, folder / name)
        yield name, result


def write_html(evaluation: Evaluation, queues: 'Figure | None' = None) -> str:
    """Return the page, beside which the videos lie; ``queues`` is the plot of both modes."""
    failed = [result for result in evaluation.results if not result.success]
    ordered = sorted(evaluation.results, key=lambda result: result.success)
    films = [video(file, _describe(result)) for file, result in evaluation.videos.items()]
    unseen = len(failed) - len(films)
    more = f'{unseen} more failed, of which there is no video.' if unseen else ''
    return write_page(
        f'{evaluation.policy}, {evaluation.mode}: evaluation in simulation',
        Verdict(write_verdict(evaluation)),
        table(HEAD, [_row(item) for item in evaluation.scores.items()]),
        *(paragraph(note) for note in evaluation.notes),
        section('What failed', side_by_side(films), paragraph(more, quiet=True)),
        section(
            'One episode, asynchronous and synchronous',
            *([plot(queues, 'Actions in the queue over time')] if queues else []),
            *([video(EPISODE, 'The asynchronous one')] if queues else []),
        ),
        section(
            'Every episode',
            table(
                ('outcome', 'cluster', 'seed', 'goal', 'duration', 'waited', 'starved'),
                [_episode_row(result) for result in ordered],
                ['good' if result.success else 'bad' for result in ordered],
            ),
        ),
    )


def _describe(result: EpisodeResult) -> str:
    return f'{which(result)}: {outcome(result)}, after {result.duration:.1f} s'


def _row(item: tuple[str, Score]) -> tuple[str, ...]:
    name, part = item
    return (
        name,
        str(part.episodes),
        str(part.success),
        f'{part.latency_p50 * 1e3:.0f} / {part.latency_p95 * 1e3:.0f} ms',
        '-' if isnan(part.time_per_episode) else f'{part.time_per_episode:.1f} s',
        f'{part.idle_per_episode:.2f} s',
        f'{part.starved_per_episode:.2f}',
    )


def _episode_row(result: EpisodeResult) -> tuple[str, ...]:
    return (
        outcome(result),
        str(result.cluster),
        str(result.seed),
        result.goal,
        f'{result.duration:.1f} s',
        f'{result.idle:.2f} s',
        str(result.starved),
    )

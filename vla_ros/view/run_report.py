# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run to look at afterwards: a video of what the cameras saw, and a page about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vla_ros.core.files import write_text
from vla_ros.view.course import STARVED, Course
from vla_ros.view.film import Film, Moment
from vla_ros.view.report import (
    Verdict,
    paragraph,
    section,
    table,
    vector,
    video,
    write_page,
)

VIDEO = 'video.webm'
HEAD = ('outcome', 'episode', 'cluster', 'duration', 'why')
LEGEND = (
    'Blue: what is queued, as a share of a chunk. Dashed: below it, the next chunk is asked for. '
    'Green: a chunk came. Red: the queue had run dry.'
)


@dataclass(frozen=True)
class Outcome:
    """How an episode ended."""

    episode: int
    cluster: str
    event: str  # success, failure or timeout
    detail: str
    duration: float  # s


@dataclass
class RunReport:
    """Collects a run, one moment after the other; ``write`` leaves it in the folder."""

    folder: Path
    cameras: Sequence[str]
    rate: float  # frames of the video per second
    course: Course = field(default_factory=Course)
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the video; there is none until the first frame."""
        self._film = Film(self.folder / VIDEO, self.rate, self.cameras)

    def film(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Add a frame of the newest pictures, as Film.add does."""
        self._film.add(pictures, self.course.recent)

    def write(self) -> Path:
        """Finish the video and write the page; return its path."""
        self._film.close()
        path = self.folder / 'report.html'
        write_text(path, page(self.outcomes, self.course, bool(self._film.frames)))
        return path


def page(outcomes: Sequence[Outcome], course: Course, has_video: bool) -> str:
    """Return the report as one HTML page; what failed comes first."""
    succeeded = sum(outcome.event == 'success' for outcome in outcomes)
    good = succeeded == len(outcomes) if outcomes else None
    verdict = (
        f'{succeeded} of {len(outcomes)} episodes succeeded' if outcomes else 'No episode ended'
    )
    ordered = sorted(outcomes, key=lambda item: (item.event == 'success', item.episode))
    marks = ['good' if item.event == 'success' else 'bad' for item in ordered]
    film = video(VIDEO, 'Cameras, and the queue of the last 10 s below')
    return write_page(
        'vla_ros: report of a run',
        Verdict(verdict, good),
        paragraph(course.figures, quiet=True),
        section(
            'What the cameras saw', film if has_video else paragraph('No camera showed anything.')
        ),
        section('Episodes', table(HEAD, [_row(item) for item in ordered], marks)),
        section('Action queue', draw_queue(course.moments)),
    )


def draw_queue(moments: Sequence[Moment]) -> str:
    """Return the queue over the whole run as a figure of the page."""
    if len(moments) < 2:
        return paragraph('Nothing was heard of the queue.')
    start, width, height = moments[0].time, 900.0, 180.0
    seconds = moments[-1].time - start
    scale = width / max(seconds, 1e-3)

    def x(moment: Moment) -> float:
        return (moment.time - start) * scale

    line = ' '.join(f'{x(m):.1f},{height * (1 - m.fill):.1f}' for m in moments)
    threshold = height * (1 - moments[-1].threshold)
    marks = []
    for before, after in zip(moments, moments[1:], strict=False):
        if before.mode == STARVED:
            share = f'x="{x(before):.1f}" width="{x(after) - x(before) + 0.5:.1f}"'
            marks.append(
                f'<rect {share} y="0" height="{height}" fill="var(--bad)" opacity=".25"/>'
            )
        if after.accepted > before.accepted:
            place = f'cx="{x(after):.1f}" cy="{height * (1 - after.fill):.1f}"'
            marks.append(f'<circle {place} r="4" fill="var(--good)"/>')
    return vector(
        f'<svg viewBox="-4 -8 {width + 8} {height + 30}" role="img" aria-label="queue over time">'
        f'<rect width="{width}" height="{height}" fill="none" stroke="var(--line)"/>'
        f'<polyline points="{line}" fill="none" stroke="var(--blue)" stroke-width="2"/>'
        f'<line x2="{width}" y1="{threshold}" y2="{threshold}" stroke="var(--warn)" '
        f'stroke-dasharray="6 4"/>{"".join(marks)}'
        f'<text y="{height + 18}" fill="currentColor" font-size="13">0 s</text>'
        f'<text x="{width}" y="{height + 18}" fill="currentColor" font-size="13" '
        f'text-anchor="end">{seconds:.0f} s</text></svg>',
        LEGEND,
    )


def _row(item: Outcome) -> tuple[str, ...]:
    duration = f'{item.duration:.1f} s'
    return item.event, str(item.episode + 1), item.cluster, duration, item.detail

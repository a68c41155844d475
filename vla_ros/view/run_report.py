# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A run to look at afterwards: a video of what the cameras saw, and a page with what came of it.

The video has the cameras side by side and the queue of the last seconds below. The page has the
verdict first, needs no script and nothing from elsewhere, and is light or dark as one likes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.core.files import write_text

HEIGHT = 240  # of a picture in the video, pixels
STRIP = 80  # of the queue below, pixels
SPAN = 10.0  # s that the strip shows
STYLE = """
:root{color-scheme:light dark;--ink:#17202a;--paper:#fff;--quiet:#566573;--line:#d5dbe1;
--good:#1a7f42;--bad:#c8102e;--blue:#1769d2;--warn:#b25e00}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf2;--paper:#12181f;--quiet:#9fb0c0;
--line:#33404d;--good:#4cc47a;--bad:#ff5468;--blue:#5aa9ff;--warn:#f0a33c}}
body{font:16px/1.45 system-ui,"DejaVu Sans",sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:1.5rem auto;padding:0 1rem}
h1{margin-bottom:.2rem}.good{color:var(--good)}.bad{color:var(--bad)}p.quiet,th{color:var(--quiet)}
video,svg{width:100%;height:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
@media print{video{display:none}}
"""


@dataclass(frozen=True)
class Moment:
    """How the queue stood."""

    time: float  # s
    fill: float  # 0..1
    mode: str
    threshold: float  # 0..1
    accepted: int
    starved: int
    limited: int
    latency: float  # s


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
    moments: list[Moment] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    _video: cv2.VideoWriter | None = None

    def film(self, pictures: Mapping[str, np.ndarray]) -> None:
        """
        Add a frame of the newest RGB pictures, (H, W, 3) uint8; a camera that is missing is black.

        Raise VlaError where the video cannot be written.
        """
        frame = compose(pictures, self.cameras, self.moments)
        size = (frame.shape[1], frame.shape[0])
        if self._video is None:
            path = self.folder / 'video.webm'
            codec = cv2.VideoWriter.fourcc(*'VP80')
            self._video = cv2.VideoWriter(str(path), codec, self.rate, size)
            if not self._video.isOpened():
                raise VlaError(f'{path}: OpenCV could not open it for writing (VP8 in WebM)')
        self._video.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def write(self) -> Path:
        """Finish the video and write the page; return its path."""
        if self._video is not None:
            self._video.release()
        path = self.folder / 'report.html'
        write_text(path, page(self.outcomes, self.moments, self._video is not None))
        return path


def compose(
    pictures: Mapping[str, np.ndarray], cameras: Sequence[str], moments: Sequence[Moment]
) -> np.ndarray:
    """Return one frame of the video, RGB: the cameras side by side, the queue below."""
    width = HEIGHT * 4 // 3
    views = []
    for name in cameras:
        view: np.ndarray = np.zeros((HEIGHT, width, 3), np.uint8)
        if name in pictures:
            view = cv2.resize(pictures[name], (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
        _write(view, name, (8, 20))
        views.append(view)
    return np.vstack([np.hstack(views), draw_strip(moments, width * len(cameras))])


def draw_strip(moments: Sequence[Moment], width: int) -> np.ndarray:
    """Return the queue of the last seconds as a picture, (STRIP, width, 3)."""
    strip = np.full((STRIP, width, 3), 24, np.uint8)
    if not moments:
        return strip
    now = moments[-1].time
    recent = [moment for moment in moments if moment.time > now - SPAN]

    def place(moment: Moment, level: float) -> tuple[int, int]:
        x = width * (1 - (now - moment.time) / SPAN)
        return int(x), int((STRIP - 6) - (STRIP - 12) * level)

    points = np.array([place(moment, moment.fill) for moment in recent], np.int32)
    threshold = place(moments[-1], moments[-1].threshold)[1]
    cv2.line(strip, (0, threshold), (width, threshold), (240, 163, 60), 1)
    cv2.polylines(strip, [points], False, (90, 169, 255), 2)
    for before, after in zip(recent, recent[1:], strict=False):
        if after.accepted > before.accepted:
            cv2.circle(strip, place(after, after.fill), 4, (76, 196, 122), -1)
    _write(strip, f'queue {100 * moments[-1].fill:.0f} %  {moments[-1].mode.lower()}', (8, 18))
    return strip


def page(outcomes: Sequence[Outcome], moments: Sequence[Moment], has_video: bool) -> str:
    """Return the report as one HTML page."""
    succeeded = sum(outcome.event == 'success' for outcome in outcomes)
    good = bool(outcomes) and succeeded == len(outcomes)
    verdict = (
        f'{succeeded} of {len(outcomes)} episodes succeeded' if outcomes else 'No episode ended'
    )
    film = (
        '<h2>What the cameras saw</h2><video controls src="video.webm"></video>'
        if has_video
        else '<p>No camera showed anything.</p>'
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>vla_ros: {verdict}</title><style>{STYLE}</style></head><body>
<h1 class="{'good' if good else 'bad'}">{verdict}</h1>
<p class="quiet">{figures(moments)}</p>
{film}
<h2>Episodes</h2>{_table(outcomes)}
<h2>Action queue</h2>{plot(moments)}
<p class="quiet">Blue: what is queued, as a share of a chunk. Dashed: below it, the next chunk is
asked for. Green: a chunk came. Red: the queue had run dry.</p>
</body></html>
"""


def figures(moments: Sequence[Moment]) -> str:
    """Return the figures of a run in words."""
    latencies = [
        after.latency
        for before, after in zip(moments, moments[1:], strict=False)
        if after.accepted > before.accepted
    ]
    if not latencies:
        return 'No chunk was played.'
    last = moments[-1]
    return (
        f'{len(latencies)} chunks, each {1e3 * median(latencies):.0f} ms after its observation '
        f'(median; {1e3 * max(latencies):.0f} ms at most). The queue ran dry {last.starved} '
        f'times, {last.limited} commands were held within the limits of the arm.'
    )


def plot(moments: Sequence[Moment]) -> str:
    """Return the queue over the whole run as SVG."""
    if len(moments) < 2:
        return '<p>Nothing was heard of the queue.</p>'
    start, width, height = moments[0].time, 900.0, 180.0
    scale = width / max(moments[-1].time - start, 1e-3)

    def x(moment: Moment) -> float:
        return (moment.time - start) * scale

    line = ' '.join(f'{x(m):.1f},{height * (1 - m.fill):.1f}' for m in moments)
    threshold = height * (1 - moments[-1].threshold)
    marks = []
    for before, after in zip(moments, moments[1:], strict=False):
        if before.mode == 'STARVED':
            share = f'x="{x(before):.1f}" width="{x(after) - x(before) + 0.5:.1f}"'
            marks.append(
                f'<rect {share} y="0" height="{height}" fill="var(--bad)" opacity=".25"/>'
            )
        if after.accepted > before.accepted:
            place = f'cx="{x(after):.1f}" cy="{height * (1 - after.fill):.1f}"'
            marks.append(f'<circle {place} r="4" fill="var(--good)"/>')
    seconds = moments[-1].time - start
    return (
        f'<svg viewBox="-4 -8 {width + 8} {height + 30}" role="img" aria-label="queue over time">'
        f'<rect width="{width}" height="{height}" fill="none" stroke="var(--line)"/>'
        f'<polyline points="{line}" fill="none" stroke="var(--blue)" stroke-width="2"/>'
        f'<line x2="{width}" y1="{threshold}" y2="{threshold}" stroke="var(--warn)" '
        f'stroke-dasharray="6 4"/>{"".join(marks)}'
        f'<text y="{height + 18}" fill="currentColor" font-size="13">0 s</text>'
        f'<text x="{width}" y="{height + 18}" fill="currentColor" font-size="13" '
        f'text-anchor="end">{seconds:.0f} s</text></svg>'
    )


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = ''.join(
        f'<tr><td>{item.episode + 1}</td><td>{escape(item.cluster)}</td>'
        f'<td class="{"good" if item.event == "success" else "bad"}">{escape(item.event)}</td>'
        f'<td>{item.duration:.1f} s</td><td>{escape(item.detail)}</td></tr>'
        for item in sorted(outcomes, key=lambda item: (item.event == 'success', item.episode))
    )
    heads = ''.join(
        f'<th>{name}</th>' for name in ('episode', 'cluster', 'outcome', 'duration', '')
    )
    return f'<table><tr>{heads}</tr>{rows}</table>'


def _write(picture: np.ndarray, words: str, place: tuple[int, int]) -> None:
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA
        )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A video of a run: the cameras side by side, what is going on in words, the queue below."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vla_ros.core.errors import VlaError

HEIGHT = 240  # of a picture in the video, pixels
STRIP = 80  # of the queue below, pixels
SPAN = 10.0  # s that the strip shows
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True)
class Moment:
    """How the queue stood."""

    time: float  # s
    fill: float  # 0..1
    mode: str
    threshold: float  # 0..1
    accepted: int
    starved: int = 0
    limited: int = 0
    latency: float = 0.0  # s


class Film:
    """Writes one video frame by frame (VP8 in WebM), until it is closed."""

    def __init__(self, path: Path, rate: float, cameras: Sequence[str]) -> None:
        """Begin a video of ``rate`` frames per second with a picture of each of the cameras."""
        self.frames = 0
        self._path, self._rate, self._cameras = path, rate, cameras
        self._writer: cv2.VideoWriter | None = None

    def add(
        self, pictures: Mapping[str, np.ndarray], moments: Sequence[Moment], label: str = ''
    ) -> None:
        """
        Add a frame of RGB pictures, (H, W, 3) uint8; a camera that is missing is black.

        Raise VlaError where the video cannot be written.
        """
        frame = compose(pictures, self._cameras, moments, label)
        if self._writer is None:
            self._writer = self._open((frame.shape[1], frame.shape[0]))
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()

    def _open(self, size: tuple[int, int]) -> cv2.VideoWriter:
        codec = cv2.VideoWriter.fourcc(*'VP80')
        with _quiet():
            writer = cv2.VideoWriter(str(self._path), codec, self._rate, size)
        if not writer.isOpened():
            raise VlaError(
                f'{self._path}: OpenCV could not open it for writing (VP8 in WebM); is there '
                'room, and may you write there?'
            )
        return writer


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what OpenCV prints of the tag that it replaces by another; the video is sound."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def compose(
    pictures: Mapping[str, np.ndarray],
    cameras: Sequence[str],
    moments: Sequence[Moment],
    label: str = '',
) -> np.ndarray:
    """Return one frame, RGB: the cameras side by side, the label and the queue below."""
    width = HEIGHT * 4 // 3
    views = []
    for name in cameras:
        view: np.ndarray = np.zeros((HEIGHT, width, 3), np.uint8)
        if name in pictures:
            view = cv2.resize(pictures[name], (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
        _write(view, name, (8, 20))
        views.append(view)
    row = np.hstack(views)
    if label:
        _write(row, label, (8, HEIGHT - 10))
    return np.vstack([row, draw_strip(moments, width * len(cameras))])


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


def _write(picture: np.ndarray, words: str, place: tuple[int, int]) -> None:
    for colour, width in ((_BLACK, 3), (_WHITE, 1)):
        cv2.putText(
            picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA
        )

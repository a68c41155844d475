# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How late a camera is against the joints, seen in the pictures: both move at the same times."""

from collections.abc import Iterable, Iterator

import numpy as np

from vla_ros.dataset.checks.episodes import Changes, Episode

STRETCH = 120  # pictures in a row that are looked at
EPISODES = 6  # of a recording, spread over it
_REACH = 12  # periods, the largest lag that is looked for
_FINE = 8  # steps of a period
_LEAST = 300  # differences of pictures in all, from which a lag can be told


def choose(count: int) -> set[int]:
    """Return which of so many episodes to look at picture by picture."""
    return {int(index) for index in np.linspace(0, count - 1, min(count, EPISODES))}


def stretch(length: int) -> range:
    """Return which of an episode's rows to look at: those in the middle."""
    first = max(0, (length - STRETCH) // 2)
    return range(first, min(length, first + STRETCH))


def changes(pictures: Iterable[np.ndarray], time: np.ndarray) -> Changes:
    """Return how much successive pictures (height, width, 3) uint8, taken at ``time``, differ."""
    levels = np.array(list(_differences(pictures)))
    return Changes((time[1:] + time[:-1]) / 2, levels)


def lag(episodes: Iterable[Episode], camera: str, ranges: np.ndarray, fps: float) -> float | None:
    """
    Return by how many s a camera shows a movement after the joints report it; None: unknown.

    It is the shift of time at which the changes of the pictures follow the speed of the joints
    best, over all the episodes that were looked at.
    """
    lags = np.arange(-_REACH * _FINE, _REACH * _FINE + 1) / (_FINE * fps)
    watched = [episode for episode in episodes if camera in episode.changes]
    if sum(len(episode.changes[camera].levels) for episode in watched) < _LEAST:
        return None
    curves = [_likeness(episode, episode.changes[camera], lags, ranges) for episode in watched]
    likeness = np.sum(curves, axis=0)
    return float(lags[likeness.argmax()]) if likeness.max() > 0 else None


def _differences(pictures: Iterable[np.ndarray]) -> Iterator[float]:
    before: np.ndarray | None = None
    for picture in pictures:
        grey = picture.mean(axis=-1, dtype=np.float32)
        if before is not None:
            yield float(np.abs(grey - before).mean())
        before = grey


def _likeness(episode: Episode, seen: Changes, lags: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Return the correlation (lags,) of what is seen with what the joints do."""
    steps = np.linalg.norm(np.diff(episode.state, axis=0) / ranges, axis=1)
    speed = np.sqrt(steps / np.diff(episode.time))
    middle = (episode.time[1:] + episode.time[:-1]) / 2
    moved = np.array([np.interp(seen.time - shift, middle, speed) for shift in lags])
    shown = np.sqrt(seen.levels)
    moved = moved - moved.mean(axis=1, keepdims=True)
    shown = shown - shown.mean()
    scale = np.linalg.norm(moved, axis=1) * np.linalg.norm(shown)
    return moved @ shown / np.maximum(scale, 1e-9)

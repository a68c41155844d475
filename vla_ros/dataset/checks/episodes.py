# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the checks look at: episodes, whose pictures are reduced to a few numbers each."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.checks.picture_statistics import Look

Progress = Callable[[int, int], None]  # done, total

STATIC_SPREAD = 8.0  # grey levels; a pixel that varies by less has shown the same thing throughout


@dataclass(frozen=True)
class Facts:
    """What is known of an episode besides its frames; None or empty: not known."""

    cluster: int | None = None
    recovery: str | None = None  # the kind; empty for a plain start
    rotation: float | None = None  # rad, yaw of the object at the start
    calibration: Mapping[str, str] = field(default_factory=dict)  # file name: SHA-256
    skew: float | None = None  # s, by how much its cameras and joints are apart at most
    lost: Mapping[str, float] = field(default_factory=dict)  # camera: share of frames not there
    dropped: int | None = None  # messages that the recorder could not write
    strays: Mapping[str, int] = field(default_factory=dict)  # camera: pictures too few or too many


class Changes(NamedTuple):
    """How much each picture of a stretch differs from the one before, in time."""

    time: np.ndarray  # (pictures - 1,) s, midway, in the episode's time
    levels: np.ndarray  # (pictures - 1,) grey levels, mean over the picture


@dataclass(frozen=True)
class Episode:
    """
    One episode.

    time (rows,) s; state and action (rows, joints), in any unit; pairs (pairs,) int: the rows
    whose picture and the next one were looked at; looks: by camera.
    """

    index: int
    time: np.ndarray
    state: np.ndarray
    action: np.ndarray
    pairs: np.ndarray
    looks: Mapping[str, Look]
    facts: Facts = field(default_factory=Facts)
    changes: Mapping[str, Changes] = field(default_factory=dict)


@dataclass(frozen=True)
class Episodes:
    """
    A recording: its episodes and what holds for all of them.

    keys: the columns of a frame by LeRobot's names; state_names and action_names: what the two
    vectors hold; calibration: SHA-256 by name of the calibration files that lie with the
    recording; reference: how each camera should see the scene (empty: as in the first episode);
    moving: the cameras of which it is known that they sit on the arm; pictures: those of ``keys``
    that are cameras.
    """

    episodes: Sequence[Episode]
    fps: float  # Hz
    keys: Sequence[str] = ()
    state_names: Sequence[str] = ()
    action_names: Sequence[str] = ()
    calibration: Mapping[str, str] = field(default_factory=dict)
    reference: Mapping[str, Look] = field(default_factory=dict)
    moving: Collection[str] = ()
    pictures: Collection[str] = ()

    @property
    def cameras(self) -> list[str]:
        """Return the names of the cameras."""
        return list(self.episodes[0].looks)

    def looks(self, camera: str) -> list[Look]:
        """Return how a camera saw each episode."""
        return [episode.looks[camera] for episode in self.episodes]

    def fixed_cameras(self) -> Iterator[str]:
        """Yield the cameras that do not move with the arm: most of what they see stands still."""
        for camera in self.cameras:
            spreads = [np.median(look.spread) for look in self.looks(camera)]
            if camera not in self.moving and np.median(spreads) < STATIC_SPREAD / 2:
                yield camera

    def reference_look(self, camera: str) -> Look:
        """Return how the camera should see the scene."""
        return self.reference.get(camera) or self.episodes[0].looks[camera]

    def joint_ranges(self) -> np.ndarray:
        """Return the range that each joint moves through (joints,), outliers left out."""
        state = np.concatenate([episode.state for episode in self.episodes])
        low, high = np.percentile(state, [1, 99], axis=0)
        return np.maximum(high - low, 1e-9)


def spread_pairs(frames: int, pairs: int) -> np.ndarray:
    """Return the first frame of each of ``pairs`` pairs at most, spread over an episode."""
    return np.unique(np.linspace(0, frames - 2, min(pairs, frames)).astype(int))


def set_reference(episodes: Episodes, reference: Episodes) -> Episodes:
    """
    Return the episodes, to be compared with how the first one of ``reference`` looks.

    Raises ConfigError where a camera takes pictures of another size there.
    """
    looks = reference.episodes[0].looks
    for episode in episodes.episodes:
        for camera in looks.keys() & episode.looks.keys():
            sizes = [_size(seen[camera]) for seen in (looks, episode.looks)]
            if sizes[0] != sizes[1]:
                raise ConfigError(
                    f'reference: camera {camera}: got {sizes[0]} pixels, expected {sizes[1]} as '
                    f'in episode {episode.index}; record a reference of that size'
                )
    return replace(episodes, reference=looks)


def _size(look: Look) -> str:
    height, width = look.background.shape[:2]
    return f'{width * look.scale:.0f} x {height * look.scale:.0f}'

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Batches of frames, drawn over all the episodes of all the datasets.

Batch number ``step`` is a pure function of the seed and the step, so that a training run that
goes on after an interruption sees what it would have seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.streams import INTERVENTION, PHASE
from vla_ros.train.frames import ACTION, STATE, Frames

Emphasis = Mapping[str, Mapping[int, int]]  # label -> number -> times
MAKERS = {  # of labels
    PHASE: 'vla_ros generate labels what it makes',
    INTERVENTION: 'record on an arm with led:=true',
}


@dataclass(frozen=True)
class Augmentation:
    """How much the pictures are varied; each picture of a batch for itself."""

    shift: int = 0  # px, largest, in both directions; the border is repeated
    brightness: float = 0.1  # largest, of pictures scaled to 0..1
    contrast: float = 0.1  # largest relative change


class Batches:
    """
    An endless sequence of batches in which every frame comes once in each epoch.

    Frames with a label that has an ``emphasis`` come that many times.
    """

    def __init__(
        self,
        datasets: Sequence[Frames],
        size: int,
        chunk_size: int,
        seed: int = 0,
        augmentation: Augmentation = Augmentation(),
        emphasis: Emphasis | None = None,
        mask_end: bool = False,
    ) -> None:
        """
        Draw ``size`` frames at a time from ``datasets``, which must hold the same keys.

        ``emphasis`` is the number of times for a number of a label, once for all others. The
        arm rests beyond the end of an episode; with ``mask_end``, and of frames where it does not,
        nothing is learned of that.
        """
        _check_alike(datasets)
        self._datasets = datasets
        self._first = np.cumsum([0, *(len(frames) for frames in datasets)])
        self._size, self._chunk_size = size, chunk_size
        self._mask_end = mask_end
        self._seed, self._augmentation = seed, augmentation
        emphasis = emphasis or {}
        _check_emphasis(datasets, emphasis)
        times = np.concatenate([_times(frames, emphasis) for frames in datasets])
        self._deck = np.repeat(np.arange(self.frame_count), times)
        self._epoch = -1
        self._order: np.ndarray = np.empty(0, int)

    @property
    def frame_count(self) -> int:
        """Return the number of different frames."""
        return int(self._first[-1])

    def batch(self, step: int) -> dict[str, Any]:
        """
        Return batch number ``step`` with varied pictures.

        Pictures are (n, 3, height, width) float32 in 0..1, laid out channels last, state (n, ds),
        action (n, chunk, da), of which the last is repeated beyond the end of an episode, and
        action_is_pad (n, chunk) says which are not to be learned; task is a list of instructions.
        """
        rng = np.random.default_rng([self._seed, 1, step])
        return self.gather(self.indices(step), rng)

    def indices(self, step: int) -> np.ndarray:
        """Return the numbers (n,) of the frames of batch number ``step``."""
        places = range(step * self._size, (step + 1) * self._size)
        count = len(self._deck)
        return np.array([self._shuffled(place // count)[place % count] for place in places])

    def gather(
        self,
        indices: np.ndarray,
        rng: np.random.Generator | None = None,
        pictures: bool = True,
    ) -> dict[str, Any]:
        """Return the frames with these numbers, as they are or varied with ``rng``."""
        items = [self._find(index) for index in indices]
        keys = self._datasets[0].images if pictures else ()
        batch: dict[str, Any] = {key: self._pictures(key, items, rng) for key in keys}
        rows = [(frames, frames.rows[i]) for frames, i in items]
        chunks = [_chunk(frames, row, self._chunk_size, self._mask_end) for frames, row in rows]
        batch[STATE] = torch.from_numpy(np.stack([frames.state[row] for frames, row in rows]))
        batch[ACTION] = torch.from_numpy(np.stack([actions for actions, _ in chunks]))
        batch['action_is_pad'] = torch.from_numpy(np.stack([hidden for _, hidden in chunks]))
        batch['task'] = [str(frames.instruction[row]) for frames, row in rows]
        return batch

    def labels(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """Return what the pictures of frames that are labelled show, (n, things, 5) by key."""
        items = [self._find(index) for index in indices]
        return {
            key: torch.from_numpy(np.stack([frames.labels[key][i] for frames, i in items]))
            for key in self._datasets[0].labels or ()
        }

    @property
    def things(self) -> int:
        """Return how many are labelled in each picture, 0 where some have no labels."""
        counts = [
            0 if not frames.labels else next(iter(frames.labels.values())).shape[1]
            for frames in self._datasets
        ]
        return min(counts)

    def shown(self, step: int) -> torch.Tensor:
        """Return what the pictures of batch number ``step`` show, (n, cameras, things, 5)."""
        labels = self.labels(self.indices(step))
        return torch.stack([labels[key] for key in self._datasets[0].images], dim=1).float()

    def check_alike(self, others: Sequence[Frames]) -> None:
        """Raise ConfigError for frames that can't be shown beside these."""
        _check_alike([*self._datasets, *others])
        if Batches(others, 1, 1).things != self.things:
            raise ConfigError(
                f'scenes: got other things in their labels than the {self.things} of the '
                'datasets, expected the same; draw them with the same task'
            )

    def _find(self, index: int) -> tuple[Frames, int]:
        """Return the dataset that holds frame ``index``, and its number there."""
        place = int(np.searchsorted(self._first, index, side='right')) - 1
        return self._datasets[place], index - self._first[place]

    def _shuffled(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed, 0, epoch])
            self._order = rng.permutation(self._deck)
            self._epoch = epoch
        return self._order

    def _pictures(
        self, key: str, items: list[tuple[Frames, int]], rng: np.random.Generator | None
    ) -> torch.Tensor:
        shift = self._augmentation.shift if rng else 0
        pictures = [_shifted(frames.images[key][i], rng, shift) for frames, i in items]
        scaled = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(255)
        return scaled if rng is None else self._jittered(scaled, rng)

    def _jittered(self, pictures: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        brightness, contrast = self._augmentation.brightness, self._augmentation.contrast
        shape = (len(pictures), 1, 1, 1)
        gain = 1 + contrast * rng.uniform(-1, 1, shape)
        offset = 0.5 * (1 - gain) + brightness * rng.uniform(-1, 1, shape)
        pictures.mul_(torch.from_numpy(gain)).add_(torch.from_numpy(offset))
        return pictures.clamp_(0, 1)


def _check_emphasis(datasets: Sequence[Frames], emphasis: Emphasis) -> None:
    for label in emphasis:
        if not any(label in frames.numbers for frames in datasets):
            raise ConfigError(
                f'emphasis: got no dataset with the label {label}, expected one: '
                f'{MAKERS[label]}; or train without --emphasize'
            )


def _times(frames: Frames, emphasis: Emphasis) -> np.ndarray:
    """Return how many times each frame comes in an epoch; once where it has no label."""
    times = np.full(len(frames), frames.times)
    for label in emphasis.keys() & frames.numbers.keys():
        for number, count in emphasis[label].items():
            times[frames.numbers[label][frames.rows] == number] *= count
    return times


def _chunk(frames: Frames, row: int, size: int, mask_end: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the actions (size, da) from ``row`` on, and which of them are not to be learned."""
    rows = np.arange(row, row + size)
    last = frames.end[row] - 1
    hidden = (rows > last) & (mask_end or not frames.rests)
    return frames.action[np.minimum(rows, last)], hidden


def _shifted(picture: np.ndarray, rng: np.random.Generator | None, largest: int) -> np.ndarray:
    if rng is None or largest == 0:
        return picture
    down, right = rng.integers(-largest, largest + 1, 2)
    height, width = picture.shape[:2]
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + right, 0, width - 1)
    return picture[rows[:, None], columns]


def _check_alike(datasets: Sequence[Frames]) -> None:
    if not datasets:
        raise ConfigError('dataset: got none, expected at least one')
    shapes = [_shapes(frames) for frames in datasets]
    for other in shapes[1:]:
        if other != shapes[0]:
            raise ConfigError(
                f'datasets: got {other} beside {shapes[0]}, expected the same cameras, picture '
                'sizes and joints in all of them'
            )


def _shapes(frames: Frames) -> dict[str, tuple[int, ...]]:
    shapes = {key: images.shape[1:] for key, images in frames.images.items()}
    return shapes | {STATE: frames.state.shape[1:], ACTION: frames.action.shape[1:]}

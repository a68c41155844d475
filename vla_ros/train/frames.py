# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Decode the videos of a LeRobotDataset once, into arrays on disk that are cheap to sample from.

Decoding one random frame costs 30-120 ms, reading one from a memory map microseconds. The arrays
lie in a folder beside the dataset, are named after what the dataset holds, and decoding goes on
where it was interrupted.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_text
from vla_ros.dataset.lerobot import read_tasks
from vla_ros.dataset.pictures import PictureReader, picture_size
from vla_ros.dataset.streams import LABELS

Progress = Callable[[int, int], None]  # done, total

STATE = 'observation.state'
ACTION = 'action'


@dataclass(frozen=True)
class Frames:
    """
    What a policy learns from: pictures, and the joint positions around them.

    A picture may be kept for every few rows only; ``rows`` says which row each belongs to.
    """

    images: dict[str, np.ndarray]  # camera key -> (pictures, height, width, 3) uint8
    rows: np.ndarray  # (pictures,) int
    state: np.ndarray  # (rows, state) float32
    action: np.ndarray  # (rows, action) float32
    end: np.ndarray  # (rows,) int: the row after the last one of the same episode
    instruction: np.ndarray  # (rows,) str
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)  # by label: (rows,) int
    rests: bool = True  # whether the arm rests beyond the end of an episode; else nobody knows
    labels: dict[str, np.ndarray] | None = None  # camera key -> (pictures, things, 5)
    times: int = 1  # that each frame comes in an epoch

    def __len__(self) -> int:
        """Return the number of pictures of each camera."""
        return len(self.rows)


def load_frames(
    dataset: LeRobotDataset, stride: int = 1, progress: Progress | None = None
) -> Frames:
    """
    Return the frames of a dataset, decoding those that no earlier call has decoded.

    ``stride`` keeps the pictures of every so many rows; states and actions stay whole.
    """
    if stride < 1:
        raise ConfigError(f'stride: got {stride}, expected 1 or more')
    episodes = _episode_bounds(dataset)
    rows = np.concatenate([np.arange(start, stop, stride) for start, stop in episodes])
    end = np.concatenate([np.full(stop - start, stop) for start, stop in episodes])
    images = _decoded_images(dataset, episodes, stride, len(rows), progress)
    state, action = _column(dataset, STATE), _column(dataset, ACTION)
    numbers = {
        label: _column(dataset, label)[:, 0].astype(int)
        for label in LABELS
        if label in dataset.features
    }
    return Frames(images, rows, state, action, end, read_tasks(dataset), numbers)


def fingerprint(root: Path) -> str:
    """Return a name for the content of a dataset: its metadata and its files' sizes."""
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob('*') if p.is_file()):
        name = path.relative_to(root)
        if name.parts[0] == 'meta':
            digest.update(path.read_bytes())
        elif name.parts[0] in ('data', 'videos'):
            digest.update(f'{name} {path.stat().st_size}\n'.encode())
    return digest.hexdigest()[:16]


def _episode_bounds(dataset: LeRobotDataset) -> list[tuple[int, int]]:
    episodes = dataset.meta.episodes
    starts, stops = episodes['dataset_from_index'], episodes['dataset_to_index']
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def _column(dataset: LeRobotDataset, key: str) -> np.ndarray:
    """Return a column of numbers (rows, width) float32; raise ConfigError where it is bad."""
    if key not in dataset.features:
        raise ConfigError(f'dataset {dataset.root}: got no column {key}, expected one')
    values = np.asarray(dataset.hf_dataset.with_format('numpy')[key], np.float32)
    values = values.reshape(len(values), -1)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ConfigError(
            f'dataset {dataset.root}: {key}: got NaN or infinity in row {bad[0]} and in '
            f'{len(bad)} rows in all, expected numbers; delete the episodes that hold them'
        )
    return values


def _decoded_images(
    dataset: LeRobotDataset,
    episodes: list[tuple[int, int]],
    stride: int,
    count: int,
    progress: Progress | None,
) -> dict[str, np.ndarray]:
    root = Path(dataset.root)
    folder = root.parent / f'{root.name}.frames' / f'{fingerprint(root)}-{stride}'
    folder.mkdir(parents=True, exist_ok=True)
    images = {
        key: _memory_map(folder / f'{key}.uint8', (count, *picture_size(dataset.features, key), 3))
        for key in dataset.meta.camera_keys
    }
    reader = PictureReader(dataset)
    state = folder / 'decoded.json'
    decoded = json.loads(state.read_text())['episodes'] if state.is_file() else 0
    at = sum(len(range(*bounds, stride)) for bounds in episodes[:decoded])
    for index in range(decoded, len(episodes)):
        at = _decode_episode(reader, index, episodes[index], stride, images, at)
        for image in images.values():
            image.flush()
        write_text(state, json.dumps({'episodes': index + 1}))
        if progress:
            progress(index + 1, len(episodes))
    return dict(images)


def _memory_map(path: Path, shape: tuple[int, ...]) -> np.memmap:
    size = int(np.prod(shape))
    if not path.is_file() or path.stat().st_size != size:
        path.unlink(missing_ok=True)
        (path.parent / 'decoded.json').unlink(missing_ok=True)
    return np.memmap(path, np.uint8, 'r+' if path.is_file() else 'w+', shape=shape)


def _decode_episode(
    reader: PictureReader,
    index: int,
    bounds: tuple[int, int],
    stride: int,
    images: dict[str, np.memmap],
    at: int,
) -> int:
    """Write one episode's pictures from ``at`` on; return where the next episode's begin."""
    rows = range(*bounds, stride)
    for key, image in images.items():
        for place, picture in enumerate(reader.read(key, index, rows), at):
            if picture.shape != image.shape[1:]:
                height, width = picture.shape[:2]
                raise ConfigError(
                    f'{key}: got a picture of {width} x {height} pixels in episode {index}, '
                    f'expected {image.shape[2]} x {image.shape[1]} as in meta/info.json; record '
                    'its episode anew'
                )
            image[place] = picture
    return at + len(rows)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Read what the checks look at from a LeRobotDataset v3; needs the [train] extra.

Of each episode all states, actions and times are read, but only a few pairs of pictures: the
check of 120 episodes takes seconds, not the minutes that decoding them would.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.checks.episodes import Episode, Episodes, Facts, Progress
from vla_ros.dataset.checks.look import Look, look_at

FACTS_FILE = 'meta/vla_ros_episodes.json'
CALIBRATION_FOLDER = 'meta/calibration'


def read_dataset(
    root: Path,
    pairs: int = 12,
    most: int | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Episodes:
    """
    Read the dataset in the folder ``root``, with ``pairs`` pairs of pictures per episode.

    ``most``: how many episodes to read. Raises ConfigError for a dataset that cannot be used.
    """
    dataset = _Dataset(root, pairs)
    total = min(len(dataset), most or len(dataset))
    episodes = []
    for index in range(total):
        episodes.append(dataset.episode(index))
        on_progress(index + 1, total)
    return Episodes(
        episodes,
        dataset.fps,
        tuple(dataset.features),
        dataset.names('observation.state'),
        dataset.names('action'),
        hash_files(root / CALIBRATION_FOLDER),
    )


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder by its name; none without the folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob('*'))
        if path.is_file()
    }


def read_facts(root: Path, count: int) -> list[Facts]:
    """Return what meta/vla_ros_episodes.json knows of each of ``count`` episodes."""
    path = root / FACTS_FILE
    if not path.is_file():
        return [Facts()] * count
    try:
        infos = json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ConfigError(f'{path}: got invalid JSON ({error}); write it anew') from None
    if not isinstance(infos, list) or len(infos) != count:
        got = len(infos) if isinstance(infos, list) else type(infos).__name__
        raise ConfigError(
            f'{path}: got {got} entries, expected one for each of the {count} '
            'episodes; write it anew'
        )
    return [
        Facts(
            info.get('cluster'),
            info.get('recovery'),
            info.get('rotation'),
            info.get('calibration', {}),
            info.get('skew'),
        )
        for info in infos
    ]


class _Dataset:
    """The columns of an opened dataset, and pictures on demand."""

    def __init__(self, root: Path, pairs: int) -> None:
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        _check_files(root)
        self.root, self._pairs = root, pairs
        try:
            dataset = LeRobotDataset(f'local/{root.name}', root=root, video_backend='pyav')
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f'dataset {root}: LeRobot cannot open it: {error}') from error
        self.meta, self.features = dataset.meta, dataset.features
        self.fps = float(dataset.fps)
        self._rows = dataset.hf_dataset
        table = self._rows.with_format('numpy')
        self._columns = {key: np.asarray(table[key]) for key in ('timestamp', *self._vectors())}
        self._facts = read_facts(root, len(self))

    def __len__(self) -> int:
        return int(self.meta.total_episodes)

    def names(self, key: str) -> tuple[str, ...]:
        """Return what the elements of a vector are called."""
        names = self.features[key].get('names') or ()
        if isinstance(names, dict):
            names = next(iter(names.values()), ())
        return tuple(map(str, names))

    def episode(self, index: int) -> Episode:
        """Return one episode."""
        bounds = self.meta.episodes[index]
        rows = slice(int(bounds['dataset_from_index']), int(bounds['dataset_to_index']))
        time = self._columns['timestamp'][rows].astype(float).ravel()
        if len(time) < 2:
            raise ConfigError(
                f'dataset {self.root}: episode {index} has {len(time)} frames, '
                'expected at least 2; delete it'
            )
        pairs = np.unique(np.linspace(0, len(time) - 2, self._pairs).astype(int))
        state, action = (
            np.asarray(self._columns[key][rows], float).reshape(len(time), -1)
            for key in self._vectors()
        )
        looks = {
            key.rpartition('.')[2]: self._look(key, index, rows.start, time, pairs)
            for key in self.meta.camera_keys
        }
        return Episode(index, time, state, action, pairs, looks, self._facts[index])

    def _vectors(self) -> tuple[str, str]:
        for key in ('observation.state', 'action'):
            if key not in self.features:
                raise ConfigError(f'dataset {self.root}: got no column {key}, expected one')
        return 'observation.state', 'action'

    def _look(self, key: str, index: int, start: int, time: np.ndarray, pairs: np.ndarray) -> Look:
        rows = np.stack([pairs, pairs + 1], axis=1).ravel()
        if key in self.meta.video_keys:
            first = self.meta.episodes[index][f'videos/{key}/from_timestamp']
            path = self.root / self.meta.get_video_file_path(index, key)
            pictures = list(decode(path, [first + time[row] for row in rows], self.fps))
        else:
            stored = self._rows[[start + int(row) for row in rows]][key]
            pictures = [_to_uint8(picture) for picture in stored]
        return look_at(np.array(pictures).reshape(len(pairs), 2, *pictures[0].shape))


def decode(path: Path, times: list[float], fps: float) -> Iterator[np.ndarray]:
    """
    Yield the pictures (height, width, 3) uint8 RGB of a video that are shown at ``times``, s.

    Raises ConfigError where the video is damaged or too short.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = 'NONE'  # a few small pictures: threads cost more than they give
            for time in times:
                container.seek(max(0, int(time * av.time_base)))
                shown = (
                    frame for frame in container.decode(stream) if frame.time > time - 0.5 / fps
                )
                frame = next(shown, None)
                if frame is None or frame.time > time + 0.5 / fps:
                    raise ConfigError(
                        f'video {path}: got no picture at {time:.3f} s, expected '
                        'one; record its episode again'
                    )
                yield frame.to_ndarray(format='rgb24')
    except av.error.FFmpegError as error:
        raise ConfigError(f'video {path}: cannot be read: {error}') from error


def _check_files(root: Path) -> None:
    """Raise ConfigError unless the folder is a whole dataset; LeRobot would ask the network."""
    info = root / 'meta' / 'info.json'
    if not info.is_file():
        raise ConfigError(
            f'dataset {root}: got no meta/info.json in it, expected the folder of a '
            'LeRobotDataset v3; record one or make one with: vla_ros generate'
        )
    try:
        facts: dict[str, Any] = json.loads(info.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ConfigError(f'{info}: got invalid JSON ({error})') from None
    version = str(facts.get('codebase_version'))
    if not version.startswith('v3.'):
        raise ConfigError(
            f'dataset {root}: got version {version}, expected v3.0; convert it with LeRobot'
        )
    if not facts.get('total_episodes'):
        raise ConfigError(f'dataset {root}: got no episodes in it, expected at least one')
    for pattern in ('meta/tasks.parquet', 'meta/episodes/*/*.parquet', 'data/*/*.parquet'):
        if not any(root.glob(pattern)):
            raise ConfigError(
                f'dataset {root}: got no {pattern} in it, expected the whole folder; copy it again'
            )


def _to_uint8(picture: Any) -> np.ndarray:
    """Return (height, width, 3) uint8 of LeRobot's picture (3, height, width) from 0 to 1."""
    return np.round(np.asarray(picture) * 255).astype(np.uint8).transpose(1, 2, 0)

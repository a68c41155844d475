# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read a LeRobotDataset v3 frame by frame; needs the [train] extra."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset import lerobot
from vla_ros.dataset.align import PHASE
from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.dataset.bags import UNKNOWN
from vla_ros.dataset.from_bags import INFO
from vla_ros.dataset.lerobot import Frame

_VECTORS = ('observation.state', 'action')


def is_dataset(folder: Path) -> bool:
    """Say whether the folder is meant to be a LeRobotDataset."""
    return (folder / 'meta' / 'info.json').is_file()


class StoredDataset:
    """A dataset that was opened to read whole episodes."""

    def __init__(self, root: Path) -> None:
        """Open the dataset in ``root``; raise ConfigError for one that cannot be used."""
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        if not is_dataset(root):
            raise ConfigError(
                f'dataset {root}: got no meta/info.json in it, expected the folder of a '
                'LeRobotDataset v3'
            )
        lerobot.quiet()
        try:
            self._dataset = LeRobotDataset(f'local/{root.name}', root=root, video_backend='pyav')
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f'dataset {root}: LeRobot cannot open it: {error}') from error
        self.root = root
        self.fps = float(self._dataset.fps)
        self._infos = _read_infos(root, len(self))
        self._check()

    def __len__(self) -> int:
        """Return the number of episodes."""
        return int(self._dataset.meta.total_episodes)

    @property
    def robot(self) -> str:
        """Return the kind of the robot."""
        return str(self._dataset.meta.robot_type or '')

    @property
    def cameras(self) -> dict[str, str]:
        """Return the column of each camera by its name."""
        return {key.rpartition('.')[2]: key for key in self._dataset.meta.camera_keys}

    @property
    def _labelled(self) -> bool:
        """Whether each frame has a number of its phase."""
        feature = self._dataset.features.get(PHASE, {})
        return feature.get('dtype') == 'int64' and tuple(feature.get('shape', ())) == (1,)

    def names(self, key: str) -> tuple[str, ...]:
        """Return what the elements of a vector are called."""
        names = self._dataset.features[key].get('names') or ()
        if isinstance(names, dict):
            names = next(iter(names.values()), ())
        count = self._dataset.features[key]['shape'][0]
        return tuple(map(str, names)) or tuple(f'joint_{index}' for index in range(count))

    def info(self, index: int) -> EpisodeInfo:
        """Return what is known about an episode."""
        return self._infos[index]

    def task(self, index: int) -> str:
        """Return the words of an episode's task."""
        return str(self._dataset.meta.episodes[index]['tasks'][0])

    def frames(self, index: int) -> Iterator[Frame]:
        """Yield the frames of an episode in order; raise ConfigError for a damaged video."""
        bounds = self._dataset.meta.episodes[index]
        rows = slice(int(bounds['dataset_from_index']), int(bounds['dataset_to_index']))
        table = self._dataset.hf_dataset.with_format('numpy')[rows]
        videos = [self._pictures(index, key, rows) for key in self.cameras.values()]
        vectors = (np.asarray(table[key], np.float32) for key in _VECTORS)
        count = rows.stop - rows.start
        phases = np.ravel(table[PHASE]).tolist() if self._labelled else [None] * count
        for state, action, phase, *pictures in zip(*vectors, phases, *videos, strict=True):
            images = dict(zip(self.cameras, pictures, strict=True))
            yield Frame(np.atleast_1d(state), np.atleast_1d(action), images, phase)

    def _pictures(self, index: int, key: str, rows: slice) -> Iterator[np.ndarray]:
        """Yield the pictures (height, width, 3) uint8 RGB of an episode in order."""
        meta = self._dataset.meta
        if key in meta.video_keys:
            first = float(meta.episodes[index][f'videos/{key}/from_timestamp'])
            path = self.root / meta.get_video_file_path(index, key)
            return decode(path, first, rows.stop - rows.start, self.fps)
        stored = (self._dataset.hf_dataset[row][key] for row in range(rows.start, rows.stop))
        return (np.round(np.asarray(p) * 255).astype(np.uint8).transpose(1, 2, 0) for p in stored)

    def _check(self) -> None:
        missing = [key for key in _VECTORS if key not in self._dataset.features]
        if missing or not self.cameras:
            raise ConfigError(
                f'dataset {self.root}: got columns {sorted(self._dataset.features)}, expected '
                f'also {", ".join(missing) or "observation.images.<camera>"}'
            )


def decode(path: Path, first: float, count: int, fps: float) -> Iterator[np.ndarray]:
    """
    Yield ``count`` pictures (height, width, 3) uint8 RGB of a video, from ``first`` (s) on.

    Raise ConfigError where the video is damaged, too short or of another rate.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = 'NONE'  # small pictures: threads cost more than they give
            container.seek(max(0, int(first * av.time_base)))
            frames = (f for f in container.decode(stream) if f.time > first - 0.5 / fps)
            for number in range(count):
                frame, time = next(frames, None), first + number / fps
                if frame is None or abs(frame.time - time) > 0.5 / fps:
                    raise ConfigError(
                        f'video {path}: got no picture at {time:.3f} s, expected one; record its '
                        'episode again'
                    )
                yield frame.to_ndarray(format='rgb24')
    except av.error.FFmpegError as error:
        raise ConfigError(f'video {path}: cannot be read: {error}') from error


def _read_infos(root: Path, count: int) -> list[EpisodeInfo]:
    """Return the facts that lie with the dataset; none known where there are none."""
    path = root / 'meta' / INFO
    if not path.is_file():
        return [EpisodeInfo(UNKNOWN)] * count
    known = {item.name for item in fields(EpisodeInfo)}
    entries = json.loads(path.read_text())
    if len(entries) != count:
        raise ConfigError(
            f'{path}: got {len(entries)} entries, expected one for each of the {count} episodes; '
            'write it anew'
        )
    return [EpisodeInfo(**{'cluster': UNKNOWN, **_known(entry, known)}) for entry in entries]


def _known(entry: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: entry[key] for key in names & entry.keys() if entry[key] is not None}

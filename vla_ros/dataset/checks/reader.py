# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Read what the checks look at from a LeRobotDataset v3; needs the [train] extra.

Of each episode all states, actions and times are read, but only a few pairs of pictures, and of
a few episodes a stretch of them: the check of 120 episodes takes seconds, not the minutes that
decoding them would.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.core.units import to_rad
from vla_ros.dataset.bag import CALIBRATION, hash_file
from vla_ros.dataset.checks import skew
from vla_ros.dataset.checks.episodes import (
    Changes,
    Episode,
    Episodes,
    Facts,
    Progress,
    spread_pairs,
)
from vla_ros.dataset.checks.picture_statistics import Look, look_at
from vla_ros.dataset.feature_names import camera_names, joint_names
from vla_ros.dataset.from_bags import read_infos
from vla_ros.dataset.lerobot import open_dataset
from vla_ros.dataset.pictures import PictureReader
from vla_ros.dataset.stored import stored_bounds


def read_dataset(
    root: Path,
    pairs: int = 12,
    most: int | None = None,
    on_progress: Progress = lambda done, total: None,
    units: str = '',
    robot: RobotSpec | None = None,
) -> Episodes:
    """
    Read the dataset in the folder ``root``, with ``pairs`` pairs of pictures per episode.

    ``most``: how many episodes to read. Joints that are said to be in ``units`` become rad, see
    `units.to_rad`. Raises ConfigError for a dataset that cannot be used.
    """
    dataset = _Dataset(root, pairs)
    if units:
        dataset.convert(units, robot)
    total = min(len(dataset), most or len(dataset))
    watched = skew.choose(total)
    episodes = []
    for index in range(total):
        episodes.append(dataset.episode(index, index in watched))
        on_progress(index + 1, total)
    return Episodes(
        episodes,
        dataset.fps,
        tuple(dataset.features),
        dataset.names('observation.state'),
        dataset.names('action'),
        hash_files(root / 'meta' / CALIBRATION),
        pictures=tuple(dataset.meta.camera_keys),
    )


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder by its name; none without the folder."""
    return {path.name: hash_file(path) for path in sorted(folder.glob('*')) if path.is_file()}


def read_facts(root: Path, count: int) -> list[Facts]:
    """Return what is known of each of ``count`` episodes; raise ConfigError as `read_infos`."""
    return [
        Facts(
            info.get('cluster'),
            info.get('recovery'),
            info.get('rotation'),
            info.get('calibration', {}),
            info.get('skew'),
        )
        for info in read_infos(root, count)
    ]


class _Dataset:
    """The columns of an opened dataset, and pictures on demand."""

    def __init__(self, root: Path, pairs: int) -> None:
        self.root, self._pairs = root, pairs
        dataset = open_dataset(root, check_rate=False)  # a check of its own
        self.meta, self.features = dataset.meta, dataset.features
        self.fps = float(dataset.fps)
        self._cameras = camera_names(self.meta.camera_keys)
        self._reader = PictureReader(dataset)
        table = dataset.hf_dataset.with_format('numpy')
        self._columns = {key: np.asarray(table[key]) for key in ('timestamp', *self._vectors())}
        self._facts = read_facts(root, len(self))

    def __len__(self) -> int:
        return int(self.meta.total_episodes)

    def names(self, key: str) -> tuple[str, ...]:
        """Return what the elements of a vector are called."""
        return joint_names(self.features[key])

    def convert(self, units: str, robot: RobotSpec | None) -> None:
        """Have states and actions be in rad; raise ConfigError as `units.to_rad` does."""
        for key in self._vectors():
            bounds = stored_bounds(self.meta.stats or {}, key)
            what = f'dataset {self.root}: {key}'
            convert = to_rad(what, units, self.names(key), bounds, robot)
            self._columns[key] = convert(self._columns[key])

    def episode(self, index: int, watched: bool = False) -> Episode:
        """Return one episode; of one that is ``watched``, with a stretch picture by picture."""
        bounds = self.meta.episodes[index]
        rows = slice(int(bounds['dataset_from_index']), int(bounds['dataset_to_index']))
        time = self._columns['timestamp'][rows].astype(float).ravel()
        if len(time) < 2:
            raise ConfigError(
                f'dataset {self.root}: episode {index} has {len(time)} frames, '
                'expected at least 2; delete it'
            )
        pairs = spread_pairs(len(time), self._pairs)
        state, action = (
            np.asarray(self._columns[key][rows], float).reshape(len(time), -1)
            for key in self._vectors()
        )
        looks, changes, strays = {}, {}, {}
        for camera, key in self._cameras.items():
            looks[camera] = self._look(key, index, rows.start + pairs)
            if key in self.meta.video_keys:
                strays[camera] = abs(self._video_length(key, index) - len(time))
            if watched:
                changes[camera] = self._changes(key, index, rows.start, time)
        facts = replace(self._facts[index], strays=strays)
        return Episode(index, time, state, action, pairs, looks, facts, changes)

    def _vectors(self) -> tuple[str, str]:
        for key in ('observation.state', 'action'):
            if key not in self.features:
                raise ConfigError(f'dataset {self.root}: got no column {key}, expected one')
        return 'observation.state', 'action'

    def _video_length(self, key: str, index: int) -> int:
        """Return how many pictures of an episode its video holds."""
        episode = self.meta.episodes[index]
        first, last = (episode[f'videos/{key}/{end}_timestamp'] for end in ('from', 'to'))
        return round((last - first) * self.fps)

    def _look(self, key: str, index: int, rows: np.ndarray) -> Look:
        """Return how a camera saw an episode in the rows and in those after them."""
        pictures = list(self._reader.read(key, index, np.stack([rows, rows + 1], axis=1).ravel()))
        return look_at(np.array(pictures).reshape(len(rows), 2, *pictures[0].shape))

    def _changes(self, key: str, index: int, start: int, time: np.ndarray) -> Changes:
        rows = np.array(skew.stretch(len(time)))
        return skew.changes(self._reader.read(key, index, start + rows), time[rows])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read a LeRobotDataset v3 frame by frame; needs the [train] extra."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.core.units import Bounds, Conversion, to_rad
from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.dataset.bags import UNKNOWN
from vla_ros.dataset.feature_names import camera_names, joint_names
from vla_ros.dataset.from_bags import read_infos
from vla_ros.dataset.lerobot import Frame, open_dataset, read_tasks
from vla_ros.dataset.pictures import PictureReader
from vla_ros.dataset.streams import LABELS

_VECTORS = ('observation.state', 'action')


class StoredDataset:
    """A dataset that was opened to read whole episodes."""

    def __init__(self, root: Path) -> None:
        """Open the dataset in ``root``; raise ConfigError for one that cannot be used."""
        self._dataset = open_dataset(root)
        self._reader, self._tasks = PictureReader(self._dataset), read_tasks(self._dataset)
        self.root = root
        self.fps = float(self._dataset.fps)
        known = {item.name for item in fields(EpisodeInfo)}
        self._infos = [
            EpisodeInfo(**{'cluster': UNKNOWN, **_known(entry, known)})
            for entry in read_infos(root, len(self))
        ]
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
        return camera_names(self._dataset.meta.camera_keys)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the numbers that each frame is labelled with."""
        features = {label: self._dataset.features.get(label, {}) for label in LABELS}
        return tuple(
            label
            for label, feature in features.items()
            if feature.get('dtype') == 'int64' and tuple(feature.get('shape', ())) == (1,)
        )

    def names(self, key: str) -> tuple[str, ...]:
        """Return what the elements of a vector are called."""
        feature = self._dataset.features[key]
        numbers = range(feature['shape'][0])
        return joint_names(feature) or tuple(f'joint_{number}' for number in numbers)

    def to_rad(self, units: str, robot: RobotSpec | None) -> Mapping[str, Conversion]:
        """
        Return the way to rad of states and of actions, which are in ``units``; '' is not known.

        Raises ConfigError as `units.to_rad` does.
        """
        return {
            key: to_rad(f'dataset {self.root}: {key}', units, self.names(key), bounds, robot)
            for key in _VECTORS
            for bounds in [stored_bounds(self._dataset.meta.stats or {}, key)]
        }

    def info(self, index: int) -> EpisodeInfo:
        """Return what is known about an episode."""
        return self._infos[index]

    def frames(self, index: int) -> Iterator[Frame]:
        """Yield the frames of an episode in order; raise ConfigError for a damaged video."""
        bounds = self._dataset.meta.episodes[index]
        rows = slice(int(bounds['dataset_from_index']), int(bounds['dataset_to_index']))
        table = self._dataset.hf_dataset.with_format('numpy')[rows]
        films = [
            self._reader.read(key, index, range(rows.start, rows.stop))
            for key in self.cameras.values()
        ]
        vectors = [np.asarray(table[key], np.float32) for key in _VECTORS]
        for key, values in zip(_VECTORS, vectors, strict=True):
            if not np.isfinite(values).all():
                raise ConfigError(
                    f'dataset {self.root}: {key}: got NaN or infinity in episode {index}, '
                    'expected numbers; delete the episode'
                )
        labels = {label: np.ravel(table[label]).tolist() for label in self.labels}
        columns = zip(*vectors, self._tasks[rows], *films, strict=True)
        for row, (state, action, task, *pictures) in enumerate(columns):
            images = dict(zip(self.cameras, pictures, strict=True))
            numbers = {label: column[row] for label, column in labels.items()}
            yield Frame(np.atleast_1d(state), np.atleast_1d(action), images, numbers, str(task))

    def _check(self) -> None:
        missing = [key for key in _VECTORS if key not in self._dataset.features]
        if missing or not self.cameras:
            raise ConfigError(
                f'dataset {self.root}: got columns {sorted(self._dataset.features)}, expected '
                f'also {", ".join(missing) or "observation.images.<camera>"}'
            )


def stored_bounds(stats: Mapping[str, Mapping[str, Any]], key: str) -> Bounds:
    """
    Return how far a vector goes, by the statistics that a dataset or a checkpoint has.

    Where they have no least and largest values, it is three times the deviation from the mean.
    """
    known = {name: np.asarray(value, np.float64) for name, value in stats.get(key, {}).items()}
    if {'min', 'max'} <= known.keys():
        return Bounds(known['min'].ravel(), known['max'].ravel())
    if not {'mean', 'std'} <= known.keys():
        raise ConfigError(
            f'{key}: got the statistics {sorted(known) or "none"}, expected min and max; compute '
            "them with LeRobot's own tools"
        )
    mean, spread = known['mean'].ravel(), 3.0 * known['std'].ravel()
    return Bounds(mean - spread, mean + spread)


def _known(entry: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {key: entry[key] for key in names & entry.keys() if entry[key] is not None}

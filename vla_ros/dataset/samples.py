# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Single observations from all over a LeRobotDataset v3; needs the [train] extra."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.lerobot import open_dataset, read_tasks
from vla_ros.dataset.pictures import PictureReader

STATE = 'observation.state'


@dataclass(frozen=True)
class Sample:
    """One recorded observation."""

    images: Mapping[str, np.ndarray]  # camera name -> (height, width, 3) uint8
    state: np.ndarray  # (joints,) float
    instruction: str | None = None  # the task in words; None: the policy's own


def read_samples(
    root: Path, cameras: Mapping[str, str], count: int, offset: float = 0.5
) -> list[Sample]:
    """
    Return ``count`` observations of the dataset in the folder ``root``, evenly spread.

    ``cameras`` maps names to the dataset's keys. Another ``offset`` (0 to 1, of the distance
    between two of them) gives other observations. Raise ConfigError where the dataset is not
    there, lacks a camera, or is smaller than that.
    """
    dataset = open_dataset(root)
    missing = sorted(set(cameras.values()) - set(dataset.meta.camera_keys))
    if missing:
        raise ConfigError(
            f'dataset {root}: got cameras {sorted(dataset.meta.camera_keys)}, expected also '
            f'{missing}; take the dataset that the policy was trained on'
        )
    if len(dataset) < count:
        raise ConfigError(
            f'dataset {root}: got {len(dataset)} frames, expected at least {count}; '
            'record more, or ask for fewer: --frames, or frames of the calibration in a recipe'
        )
    rows = ((np.arange(count) + offset) * len(dataset) / count).astype(int)
    rows = np.minimum(rows, len(dataset) - 1)
    reader, tasks = PictureReader(dataset), read_tasks(dataset)
    ends = np.asarray(dataset.meta.episodes['dataset_to_index'], int)
    states = dataset.hf_dataset.with_format('numpy')[STATE]
    return [
        Sample(
            {
                name: next(reader.read(key, int(np.searchsorted(ends, row, 'right')), [row]))
                for name, key in cameras.items()
            },
            np.asarray(states[row], np.float64),
            str(tasks[row]),
        )
        for row in rows.tolist()
    ]

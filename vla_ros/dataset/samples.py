# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Single observations from all over a LeRobotDataset v3; needs the [train] extra."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.lerobot import quiet

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
    if not (root / 'meta' / 'info.json').is_file():
        raise ConfigError(
            f'dataset {root}: got no meta/info.json in it, expected the folder of a '
            'LeRobotDataset v3; record one or make one with: vla_ros generate'
        )
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    quiet()
    dataset = LeRobotDataset(f'local/{root.name}', root=root, video_backend='pyav')
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
    return [_sample(dataset[int(row)], cameras) for row in np.minimum(rows, len(dataset) - 1)]


def _sample(item: Mapping[str, 'object'], cameras: Mapping[str, str]) -> Sample:
    images = {name: _picture(np.asarray(item[key])) for name, key in cameras.items()}
    return Sample(images, np.asarray(item[STATE], np.float64), str(item['task']))


def _picture(planes: np.ndarray) -> np.ndarray:
    """Return (3, height, width) float 0..1 as (height, width, 3) uint8."""
    pixels = (planes * 255).round().astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))

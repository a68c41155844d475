# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Datasets as training sees them: their frames, and what LeRobot's metadata say of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.arrays import PICTURES, ArrayDataset, Part, holds_arrays
from vla_ros.dataset.lerobot import open_dataset
from vla_ros.dataset.streams import PHASE
from vla_ros.train.frames import Frames, Progress, load_frames


@dataclass(frozen=True)
class ArrayMeta:
    """What a policy must know of an array dataset; names are LeRobot's."""

    dataset: ArrayDataset

    @property
    def root(self) -> Path:
        """Return the folder."""
        return self.dataset.root

    @property
    def fps(self) -> float:
        """Return the rows per second."""
        return self.dataset.spec.fps

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Return LeRobot's feature dictionary."""
        return self.dataset.features

    @cached_property
    def stats(self) -> dict[str, dict[str, np.ndarray]]:
        """Return what normalises."""
        return self.dataset.statistics()

    @property
    def tasks(self) -> pandas.DataFrame:
        """Return the instructions as LeRobot lists them."""
        instructions = self.dataset.spec.instructions
        return pandas.DataFrame({'task_index': range(len(instructions))}, index=[*instructions])


class Data(NamedTuple):
    """A dataset to learn from."""

    meta: LeRobotDatasetMetadata | ArrayMeta
    frames: Callable[[int, Progress | None], list[Frames]]  # of every so many rows


def open_data(root: Path) -> Data:
    """Open the arrays or the LeRobotDataset v3 in a folder; raise ConfigError for neither."""
    if holds_arrays(root):
        arrays = ArrayDataset(root)
        return Data(ArrayMeta(arrays), lambda stride, progress: array_frames(arrays))
    dataset = open_dataset(root)
    return Data(dataset.meta, lambda stride, told: [load_frames(dataset, stride, told)])


def array_frames(dataset: ArrayDataset, acted: bool = True) -> list[Frames]:
    """
    Return the frames of each part; raise ConfigError for scenes where ``acted`` ones are needed.

    Without ``acted``, random scenes will do, whose action is nothing. Every picture is taken: how
    many rows apart they are was chosen when they were drawn.
    """
    parts = dataset.parts()
    if acted and any(part.action is None for part in parts):
        raise ConfigError(
            f'dataset {dataset.root}: got pictures without actions, expected demonstrations; '
            'scenes are for: vla_ros pretrain'
        )
    return [_frames(dataset, part) for part in parts]


def _frames(dataset: ArrayDataset, part: Part) -> Frames:
    instructions = np.array(dataset.spec.instructions, object)
    labels = part.labels and {f'{PICTURES}{c}': array for c, array in part.labels.items()}
    action = np.zeros_like(part.state) if part.action is None else part.action
    return Frames(
        images={f'{PICTURES}{camera}': images for camera, images in part.images.items()},
        rows=part.rows,
        state=part.state,
        action=action,
        end=part.end,
        instruction=instructions[part.instruction],
        numbers={} if part.phase is None else {PHASE: part.phase},
        rests=dataset.spec.rests,
        labels=labels,
    )

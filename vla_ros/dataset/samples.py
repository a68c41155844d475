# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Single observations from all over a LeRobotDataset v3; needs the [train] extra."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.core.units import to_rad
from vla_ros.dataset.feature_names import joint_names
from vla_ros.dataset.lerobot import open_dataset, read_tasks
from vla_ros.dataset.pictures import PictureReader
from vla_ros.dataset.stored import stored_bounds
from vla_ros.policy.spec import PolicySpec

if TYPE_CHECKING:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

STATE = 'observation.state'


@dataclass(frozen=True)
class Sample:
    """One recorded observation."""

    images: Mapping[str, np.ndarray]  # camera name -> (height, width, 3) uint8
    state: np.ndarray  # (joints,) float
    instruction: str | None = None  # the task in words; None: the policy's own


def read_samples(
    root: Path,
    spec: PolicySpec,
    count: int,
    offset: float = 0.5,
    units: str = '',
    robot: RobotSpec | None = None,
) -> list[Sample]:
    """
    Return ``count`` observations of the dataset in the folder ``root``, evenly spread.

    They are as the policy of ``spec`` gets them: of its cameras, with its joints in its order, in
    rad; the dataset's are in ``units``, see `units.to_rad`. Another ``offset`` (0 to 1, of the
    distance between two of them) gives other observations. Raise ConfigError where the dataset is
    not there, is smaller than that, or lacks a camera or a joint.
    """
    cameras = {camera.name: camera.key for camera in spec.cameras}
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
    states, joints = dataset.hf_dataset.with_format('numpy')[STATE], _joints(dataset, spec)
    bounds = stored_bounds(dataset.meta.stats or {}, STATE)
    names = tuple(spec.joint_names[joints.index(i)] for i in range(len(joints)))
    convert = to_rad(f'dataset {root}: {STATE}', units, names, bounds, robot)
    return [
        Sample(
            {
                name: next(reader.read(key, int(np.searchsorted(ends, row, 'right')), [row]))
                for name, key in cameras.items()
            },
            convert(np.asarray(states[row], np.float64))[joints],
            str(tasks[row]),
        )
        for row in rows.tolist()
    ]


def _joints(dataset: 'LeRobotDataset', spec: PolicySpec) -> list[int]:
    """Return where the dataset has each joint of the policy; by place where it has other names."""
    feature = dataset.features.get(STATE, {'shape': (0,)})
    names, wanted = joint_names(feature), spec.joint_names
    if set(names) == set(wanted):
        return [names.index(name) for name in wanted]
    if feature['shape'][0] == len(wanted) and not set(names) & set(wanted):
        return [*range(len(wanted))]
    raise ConfigError(
        f'dataset {dataset.root}: {STATE}: got {", ".join(names) or feature["shape"][0]}, '
        f'expected {", ".join(wanted)}; take a dataset of the robot that the policy was trained on'
    )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write episodes as a LeRobotDataset v3; needs the [train] extra."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError


@dataclass(frozen=True)
class DatasetSpec:
    """What every frame of a dataset holds."""

    fps: int  # Hz
    joint_names: tuple[str, ...]
    cameras: tuple[str, ...]
    height: int  # pixels
    width: int  # pixels
    robot_type: str
    phase: bool = False  # whether each frame has that label

    def features(self) -> dict[str, dict[str, Any]]:
        """Return LeRobot's feature dictionary."""
        vector = {
            'dtype': 'float32',
            'shape': (len(self.joint_names),),
            'names': list(self.joint_names),
        }
        features = {'observation.state': vector, 'action': dict(vector)}
        for camera in self.cameras:
            features[f'observation.images.{camera}'] = {
                'dtype': 'video',
                'shape': (self.height, self.width, 3),
                'names': ['height', 'width', 'channels'],
            }
        if self.phase:
            features['phase'] = {'dtype': 'int64', 'shape': (1,), 'names': ['phase']}
        return features


@dataclass(frozen=True)
class Frame:
    """One time step: state and action (joints,) float, images (height, width, 3) uint8."""

    state: np.ndarray
    action: np.ndarray
    images: Mapping[str, np.ndarray]
    phase: int | None = None  # number of the phase, where it is labelled


class DatasetWriter:
    """Writes a new dataset, episode by episode; a folder that exists is never touched."""

    def __init__(self, root: Path, spec: DatasetSpec) -> None:
        """Create the folder ``root``; raise ConfigError if it is there already."""
        from lerobot.configs.video import RGBEncoderConfig
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        check_new(root)
        self._spec = spec
        # yuv420p would halve the colour resolution, which small pictures do not survive.
        encoder = RGBEncoderConfig(
            vcodec='h264', pix_fmt='yuv444p', crf=18, preset='veryfast', g=2
        )
        self._dataset = LeRobotDataset.create(
            f'local/{root.name}',
            spec.fps,
            spec.features(),
            root=root,
            robot_type=spec.robot_type,
            rgb_encoder=encoder,
            streaming_encoding=True,
            encoder_queue_maxsize=0,  # no bound: a full queue drops frames
            encoder_threads=1,
        )

    def write(self, frames: Iterable[Frame], task: str) -> None:
        """Append one episode."""
        for frame in frames:
            row: dict[str, Any] = {
                'observation.state': np.asarray(frame.state, np.float32),
                'action': np.asarray(frame.action, np.float32),
                'task': task,
            }
            for camera, image in frame.images.items():
                row[f'observation.images.{camera}'] = image
            if self._spec.phase:
                row['phase'] = np.array([frame.phase])
            self._dataset.add_frame(row)
        self._dataset.save_episode()

    def close(self) -> None:
        """Finish the files; a dataset that was not closed cannot be read."""
        self._dataset.finalize()


def merge(parts: Sequence[Path], root: Path) -> None:
    """Join finished datasets, in order, into the new dataset ``root``."""
    from lerobot.datasets.aggregate import aggregate_datasets

    check_new(root)
    aggregate_datasets(
        [f'local/{part.name}' for part in parts],
        f'local/{root.name}',
        roots=list(parts),
        aggr_root=root,
    )


def quiet() -> None:
    """Silence what LeRobot and the video encoder say about every single file."""
    import av
    import datasets

    logging.disable(logging.WARNING)
    av.logging.set_libav_level(av.logging.ERROR)
    datasets.disable_progress_bars()


def check_new(root: Path) -> None:
    """Raise ConfigError if the folder of a dataset to be written exists."""
    if root.exists():
        raise ConfigError(
            f'dataset folder {root} already exists: expected a new one; choose another name '
            'or remove it'
        )

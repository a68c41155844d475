# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Open and write LeRobotDatasets v3; needs the [train] extra."""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import check_folder, find_damage

if TYPE_CHECKING:
    from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

_DECODER = 'pyav'  # needs no FFmpeg on the machine; read in sequence it is as fast as others
_VERSION = 'v3.'
_TABLES = ('meta/tasks.parquet', 'meta/episodes/*/*.parquet', 'data/*/*.parquet')
_RATE = 0.02  # relative difference of the rate that is told from the one that the times have


@dataclass(frozen=True)
class DatasetSpec:
    """What every frame of a dataset holds."""

    fps: int  # Hz
    joint_names: tuple[str, ...]
    cameras: Mapping[str, tuple[int, int]]  # name: height and width of its pictures, pixels
    robot_type: str
    labels: tuple[str, ...] = ()  # numbers that each frame has

    def features(self) -> dict[str, dict[str, Any]]:
        """Return LeRobot's feature dictionary."""
        vector = {
            'dtype': 'float32',
            'shape': (len(self.joint_names),),
            'names': list(self.joint_names),
        }
        features = {'observation.state': vector, 'action': dict(vector)}
        for camera, size in self.cameras.items():
            features[f'observation.images.{camera}'] = {
                'dtype': 'video',
                'shape': (*size, 3),
                'names': ['height', 'width', 'channels'],
            }
        for label in self.labels:
            features[label] = {'dtype': 'int64', 'shape': (1,), 'names': [label]}
        return features


@dataclass(frozen=True)
class Frame:
    """One time step: state and action (joints,) float, images (height, width, 3) uint8."""

    state: np.ndarray
    action: np.ndarray
    images: Mapping[str, np.ndarray]
    labels: Mapping[str, int] = field(default_factory=dict)
    task: str = ''  # what was to be done; '': that of the whole episode


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

    def write(self, frames: Iterable[Frame], task: str = '') -> None:
        """
        Append one episode, whose frames are of ``task`` where they name none of their own.

        Raise VlaError where the disk does not take its videos.
        """
        try:
            self._write(frames, task)
        except RuntimeError as error:  # of LeRobot's threads, which hide the OSError
            if not str(error).startswith('Encoder thread'):
                raise
            raise VlaError(
                f'dataset {self._dataset.root}: {error}; free the disk, and run it again'
            ) from None

    def _write(self, frames: Iterable[Frame], task: str) -> None:
        for frame in frames:
            row: dict[str, Any] = {
                'observation.state': np.asarray(frame.state, np.float32),
                'action': np.asarray(frame.action, np.float32),
                'task': frame.task or task,
            }
            for camera, image in frame.images.items():
                row[f'observation.images.{camera}'] = image
            for label in self._spec.labels:
                row[label] = np.array([frame.labels[label]])
            self._dataset.add_frame(row)
        self._dataset.save_episode()

    def close(self) -> None:
        """Finish the files; a dataset that was not closed cannot be read."""
        self._dataset.finalize()


def is_dataset(folder: Path) -> bool:
    """Say whether the folder is meant to be a LeRobotDataset."""
    return (folder / 'meta').is_dir()


def open_dataset(root: Path, check_rate: bool = True) -> 'LeRobotDataset':
    """
    Open the LeRobotDataset v3 in the folder ``root``; no network is asked for what it lacks.

    Raise ConfigError, with the mend, where it is of another version, damaged or not whole, and,
    with ``check_rate``, where the times of its frames say another rate than its info.json.
    """
    read_features(root)
    for pattern in _TABLES:
        _check_tables(root, pattern)
    from datasets.exceptions import DatasetsError
    from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    _check_cache()
    quiet()
    name = f'local/{root.name}'
    try:
        _check_files(LeRobotDatasetMetadata(name, root))
        dataset = LeRobotDataset(name, root=root, video_backend=_DECODER)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DatasetsError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f'dataset {root}: LeRobot cannot open it: {first_line(error)}; copy it again, or '
            'bring it up to date with the LeRobot that wrote it'
        ) from None
    if check_rate:
        _check_rate(dataset)
    return dataset


def _check_cache() -> None:
    """Raise ConfigError where LeRobot has no place to keep what it reads of any dataset."""
    from datasets import config

    try:
        check_folder(Path(config.HF_DATASETS_CACHE))
    except ConfigError as error:
        reason = str(error).rpartition(';')[0]
        raise ConfigError(
            f'{reason}: LeRobot keeps there what it reads; set HF_HOME to a folder that can be'
        ) from None


def read_tasks(dataset: 'LeRobotDataset') -> np.ndarray:
    """Return what was to be done in each row (rows,) str."""
    numbers = np.asarray(dataset.hf_dataset.with_format('numpy')['task_index'], int).ravel()
    names = dict(zip(dataset.meta.tasks['task_index'], dataset.meta.tasks.index, strict=True))
    unknown = sorted(set(numbers.tolist()) - names.keys())
    if unknown:
        raise ConfigError(
            f'dataset {dataset.root}: got task {unknown[0]} in data, expected one of '
            f'{sorted(names)} as in meta/tasks.parquet; copy it again'
        )
    return np.array([str(names[number]) for number in numbers], object)


def first_line(error: Exception) -> str:
    """Return what an error of a library says, shortened to its first line."""
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__


def _check_version(root: Path, version: str) -> None:
    """Raise ConfigError unless it is this version's; another has other facts."""
    if not version.startswith(_VERSION):
        major = re.match('v?([0-9]+)', version)
        older = major and int(major[1]) < int(_VERSION[1:-1])
        mend = (
            f'convert it: python -m lerobot.scripts.convert_dataset_v21_to_v30 --repo-id '
            f'local/{root.name} --root {root} --push-to-hub=false'
            if older
            else 'update vla_ros, or write it with an older LeRobot'
        )
        raise ConfigError(f'dataset {root}: got version {version}, expected v3.0; {mend}')


def read_features(root: Path) -> dict[str, dict[str, Any]]:
    """
    Return what a frame of the dataset in the folder ``root`` holds, by LeRobot's keys.

    Raise ConfigError unless its meta/info.json is that of a dataset v3 with episodes in it.
    """
    path = root / 'meta' / 'info.json'
    if not path.is_file():
        raise ConfigError(
            f'dataset {root}: got no meta/info.json in it, expected the folder of a '
            'LeRobotDataset v3; record one or make one with: vla_ros generate'
        )
    damage = find_damage(path)
    if damage:
        raise ConfigError(f'{path}: {damage}')
    try:
        info = json.loads(path.read_text(encoding='utf-8'))
        _check_version(root, str(info['codebase_version']))
        episodes = int(info['total_episodes'])
        rate = float(info['fps'])
        features = {str(key): dict(value) for key, value in dict(info['features']).items()}
    except ConfigError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{path}: invalid JSON, or of no dataset ({first_line(error)}), expected valid JSON '
            'with codebase_version, total_episodes, fps and features; copy it again'
        ) from None
    if episodes < 1 or not features or not rate > 0:
        raise ConfigError(
            f'{path}: got {episodes} episodes, {len(features)} features and {rate:g} fps, '
            'expected at least one of each; record episodes, or copy the dataset again'
        )
    return features


def read_statistics(root: Path) -> dict[str, dict[str, Any]]:
    """Return what a dataset says of its numbers, {} without; raise ConfigError for a bad file."""
    path = root / 'meta' / 'stats.json'
    if not path.is_file():
        return {}
    try:
        return {str(key): dict(value) for key, value in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'{path}: invalid JSON, or no statistics ({first_line(error)}), expected what LeRobot '
            'wrote; copy the dataset again'
        ) from None


def _check_tables(root: Path, pattern: str) -> None:
    """Raise ConfigError where there is no such table, or one that is damaged."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    paths = sorted(root.glob(pattern))
    if not paths:
        raise ConfigError(
            f'dataset {root}: got no {pattern} in it, expected the whole folder; copy it again'
        )
    for path in paths:
        damage = find_damage(path)
        if not damage:
            try:
                read_metadata(path)
            except (ArrowException, OSError) as error:
                damage = f'damaged ({first_line(error)}); copy the dataset again'
        if damage:
            raise ConfigError(f'{path}: {damage}')


def _check_files(meta: 'LeRobotDatasetMetadata') -> None:
    """Raise ConfigError where a file that the episodes name is missing or damaged."""
    root = Path(meta.root)
    for path in sorted({root / path for path in _name_files(meta)}):
        damage = find_damage(path)
        if damage:
            raise ConfigError(f'{path}: {damage}')
    if len(meta.episodes) != meta.total_episodes:
        raise ConfigError(
            f'dataset {root}: got {len(meta.episodes)} episodes in meta/episodes, expected '
            f'{meta.total_episodes} as in meta/info.json; copy it again'
        )
    rows = _count_rows(root)
    if rows < meta.total_frames:
        raise ConfigError(
            f'dataset {root}: got {rows} frames in data, expected {meta.total_frames} as in '
            'meta/info.json; copy it again'
        )


def _name_files(meta: 'LeRobotDatasetMetadata') -> Iterator[Path]:
    """Yield the files that hold the episodes, below the dataset's folder."""
    for index in range(len(meta.episodes)):
        yield meta.get_data_file_path(index)
        for key in meta.video_keys:
            yield meta.get_video_file_path(index, key)


def _count_rows(root: Path) -> int:
    from pyarrow.parquet import read_metadata

    return sum(read_metadata(path).num_rows for path in root.glob(_TABLES[-1]))


def _check_rate(dataset: 'LeRobotDataset') -> None:
    """Raise ConfigError where the frames follow each other at another rate than is told."""
    table = dataset.hf_dataset.with_format('numpy')
    ends = ('dataset_from_index', 'dataset_to_index')
    starts, stops = (np.asarray(dataset.meta.episodes[end], int) for end in ends)
    longest = int((stops - starts).argmax())
    rows = slice(int(starts[longest]), int(stops[longest]))
    times = np.asarray(table[rows]['timestamp'], float).ravel()
    if len(times) < 2:
        return
    rate = 1.0 / max(float(np.median(np.diff(times))), 1e-9)
    if abs(rate - dataset.fps) > _RATE * rate:
        raise ConfigError(
            f'dataset {dataset.root}: got {dataset.fps:g} fps in meta/info.json, but its frames '
            f'are {1 / rate:.4f} s apart, expected {rate:.3g} fps; correct fps there'
        )


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

    logging.getLogger().setLevel(logging.ERROR)  # LeRobot's; that of vla_ros stays as it is
    logging.getLogger('vla_ros').setLevel(logging.WARNING)
    av.logging.set_libav_level(av.logging.ERROR)
    datasets.disable_progress_bars()


def check_new(root: Path) -> None:
    """Raise ConfigError if the folder of a dataset exists, or LeRobot could not write there."""
    if unfit := sorted({*"'\n\r"} & {*str(root.resolve())}):
        raise ConfigError(
            f'dataset folder {str(root.resolve())!r}: got {unfit[0]!r} in its path, expected '
            'none: LeRobot cannot join videos there; name another folder'
        )
    if root.exists():
        raise ConfigError(
            f'dataset folder {root} already exists: expected a new one; choose another name '
            'or remove it'
        )

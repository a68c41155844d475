# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations as plain arrays, which training maps into memory and need not decode.

A dataset is a folder with ``meta.json`` and parts, each written by one process: a folder with one
.npy file for each field of Part. The pictures of a row may be left out, and those that are there
may say what they show, which teaches a vision encoder to see it.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import read_json, write_json

META = 'meta.json'
PICTURES = 'observation.images.'  # before the camera's name, in LeRobot's keys
LABEL = ('x', 'y', 'cosine', 'sine', 'flag')
"""
What is known of a thing in a picture: where its centre is (px from the upper left corner), how it
is turned in the picture (cosine and sine of twice the angle of its axis, for many things look the
same after half a turn), and whether something holds of it. What does not apply is nan.
"""

_FORMAT = 1
_STATISTICS_PICTURES = 400


@dataclass(frozen=True)
class ArraySpec:
    """What a dataset holds."""

    fps: float  # Hz, of rows
    joint_names: tuple[str, ...]
    cameras: dict[str, tuple[int, int]]  # height and width of the pictures, px
    instructions: tuple[str, ...]
    rests: bool = True  # whether the arm rests beyond the end of an episode; else nobody knows
    things: tuple[str, ...] = ()  # that are labelled in the pictures
    source: str = ''  # fingerprint of what makes it


@dataclass(frozen=True)
class Part:
    """Whole episodes, one after the other; without ``action`` they are pictures to look at."""

    images: dict[str, np.ndarray]  # camera -> (pictures, height, width, 3) uint8
    rows: np.ndarray  # (pictures,) int64: the row that a picture belongs to
    state: np.ndarray  # (rows, joints) float32, rad
    end: np.ndarray  # (rows,) int64: the row after the last one of the same episode
    instruction: np.ndarray  # (rows,) int64, number in the spec's
    action: np.ndarray | None = None  # (rows, joints) float32, rad
    phase: np.ndarray | None = None  # (rows,) int64
    labels: dict[str, np.ndarray] | None = None  # camera -> (pictures, things, 5), see LABEL

    def save(self, folder: Path) -> None:
        """Write a new folder, whole or not at all."""
        partial = folder.with_name(folder.name + '.tmp')
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, array in self._arrays():
            np.save(partial / f'{name}.npy', array)
        os.replace(partial, folder)

    def _arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Mapping):
                yield from ((f'{field.name}.{camera}', array) for camera, array in value.items())
            elif value is not None:
                yield field.name, value


class ArrayDataset:
    """A dataset that is written part by part, and read without copying."""

    def __init__(self, root: Path) -> None:
        """Open the folder ``root``; raise ConfigError where it holds no such dataset."""
        file = root / META
        if not file.is_file():
            raise ConfigError(
                f'dataset {root}: got no {META} in it, expected arrays; make them with: '
                'vla_ros generate --arrays'
            )
        content = read_json(file)
        if not isinstance(content, dict) or content.pop('format', None) != _FORMAT:
            raise ConfigError(
                f'{file}: got another format than {_FORMAT}; make the dataset anew, or read it '
                'with the vla_ros that wrote it'
            )
        self.root = root
        try:
            self.spec = _spec(content)
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f'{file}: got {list(content)} ({error!r}), expected the facts of arrays; copy the '
                'dataset again, or make it anew'
            ) from None

    @staticmethod
    def create(root: Path, spec: ArraySpec) -> 'ArrayDataset':
        """
        Create the folder ``root``, or open it where it is there with the same spec.

        Raise ConfigError where it holds something else.
        """
        file = root / META
        if not file.exists():
            root.mkdir(parents=True, exist_ok=True)
            if any(not entry.name.startswith('.') for entry in root.iterdir()):
                raise ConfigError(f'dataset {root}: holds other files; name a new folder')
            write_json(file, {'format': _FORMAT, **asdict(spec)})
        dataset = ArrayDataset(root)
        if dataset.spec != spec:
            raise ConfigError(
                f'dataset {root}: was started with another command; repeat that one to go on with '
                f'it, or name another folder (got {dataset.spec}, expected {spec})'
            )
        return dataset

    def part_folder(self, number: int) -> Path:
        """Return where part ``number`` lies, or will."""
        return self.root / f'part_{number:04d}'

    def parts(self) -> list[Part]:
        """Return the parts in their order; raise ConfigError where there is none."""
        folders = sorted(self.root.glob('part_[0-9]*[0-9]'))
        if not folders:
            raise ConfigError(f'dataset {self.root}: got no part in it, expected at least one')
        return [_load(folder, self.spec) for folder in folders]

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Return LeRobot's feature dictionary."""
        vector = {
            'dtype': 'float32',
            'shape': (len(self.spec.joint_names),),
            'names': list(self.spec.joint_names),
        }
        pictures = {
            f'{PICTURES}{camera}': {
                'dtype': 'image',
                'shape': (*size, 3),
                'names': ['height', 'width', 'channels'],
            }
            for camera, size in self.spec.cameras.items()
        }
        return {'observation.state': vector, 'action': dict(vector), **pictures}

    @property
    def acted(self) -> bool:
        """Return whether there are actions."""
        return all(part.action is not None for part in self.parts())

    def statistics(self) -> dict[str, dict[str, np.ndarray]]:
        """Return what normalises: of every row, and of pictures from all over the dataset."""
        parts = self.parts()
        stats = {'observation.state': _summary(np.concatenate([part.state for part in parts]))}
        if self.acted:
            stats['action'] = _summary(np.concatenate([part.action for part in parts]))
        for camera in self.spec.cameras:
            pictures = _sample([part.images[camera] for part in parts])
            summary = _summary(pictures.reshape(-1, 3) / 255)
            stats[f'{PICTURES}{camera}'] = {
                name: value.reshape(-1, 1, 1) if name != 'count' else np.array([len(pictures)])
                for name, value in summary.items()
            }
        return stats


def holds_arrays(root: Path) -> bool:
    """Return whether a folder holds an array dataset."""
    return (root / META).is_file()


def _spec(content: dict[str, Any]) -> ArraySpec:
    lists = {name: tuple(content[name]) for name in ('joint_names', 'instructions', 'things')}
    cameras = {camera: tuple(size) for camera, size in content['cameras'].items()}
    return ArraySpec(**{**content, **lists, 'cameras': cameras})


def _load(folder: Path, spec: ArraySpec) -> Part:
    def array(name: str) -> np.ndarray | None:
        file = folder / f'{name}.npy'
        return np.load(file, mmap_mode='r') if file.is_file() else None

    def needed(name: str) -> np.ndarray:
        value = array(name)
        if value is None:
            raise ConfigError(f'{folder}: got no {name}.npy, expected one; make the part anew')
        return value

    def of_cameras(name: str) -> dict[str, np.ndarray]:
        return {camera: needed(f'{name}.{camera}') for camera in spec.cameras}

    return Part(
        of_cameras('images'),
        rows=np.array(needed('rows')),
        state=np.array(needed('state')),
        end=np.array(needed('end')),
        instruction=np.array(needed('instruction')),
        action=array('action'),
        phase=array('phase'),
        labels=of_cameras('labels') if spec.things else None,
    )


def _sample(images: list[np.ndarray]) -> np.ndarray:
    total = sum(map(len, images))
    step = max(1, total // _STATISTICS_PICTURES)
    return np.concatenate([part[::step] for part in images])


def _summary(values: np.ndarray) -> dict[str, np.ndarray]:
    return {
        'min': values.min(axis=0),
        'max': values.max(axis=0),
        'mean': values.mean(axis=0, dtype=float),
        'std': values.std(axis=0, dtype=float),
        'count': np.array([len(values)]),
    }

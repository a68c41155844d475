# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Open whatever was recorded: an episode, a folder of episodes, or bags of `ros2 bag record`."""

from dataclasses import replace
from pathlib import Path

from rosbags.rosbag2 import Reader

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.bag import (
    PARTIAL,
    PREFIX,
    Episode,
    EpisodeInfo,
    read_custom,
    read_info,
    reading,
)
from vla_ros.dataset.streams import ANY_TOPIC, TopicChoice

UNKNOWN = 0  # cluster of a bag that says nothing about it
_FILES = ('.mcap', '.db3')


def open_bags(path: Path, choice: TopicChoice = ANY_TOPIC) -> list[Episode]:
    """
    Return the episodes in ``path``: a recorded one or a folder of them, or any rosbag2 bags.

    A bag is a folder with metadata.yaml, or a file (MCAP or SQLite). One that `vla_ros record` did
    not make is of UNKNOWN cluster. ``choice`` says which topics are meant. Raise ConfigError where
    there is none, and VlaError, which says how to mend it, for one that was never finished.
    """
    if not path.exists():
        raise ConfigError(f'bag {path}: not there, expected a bag or a folder of bags')
    folders = [path] if path.is_file() or _is_bag(path) else _find_bags(path)
    episodes = [replace(_open(folder), choice=choice) for folder in folders]
    if not episodes:
        unfinished = any(path.glob(f'{PARTIAL}/{PREFIX}*'))
        raise ConfigError(
            f'bag {path}: got {"only unfinished episodes" if unfinished else "no bag"} in it, '
            'expected a bag (a folder with metadata.yaml, an .mcap or a .db3 file) or a folder of '
            'them; record one with: vla_ros record (a LeRobotDataset it is not either: that has '
            'meta/info.json)'
        )
    return episodes


def _is_bag(folder: Path) -> bool:
    """Say whether the folder is meant to be a bag: finished, or with the file of one in it."""
    files = [file for file in folder.iterdir() if file.suffix in _FILES]
    return (folder / 'metadata.yaml').exists() or bool(files)


def _find_bags(root: Path) -> list[Path]:
    folders = (folder for folder in root.iterdir() if folder.is_dir() and folder.name != PARTIAL)
    return sorted(folder for folder in folders if _is_bag(folder))


def _open(path: Path) -> Episode:
    """Return the bag; raise VlaError where it cannot be read to the end."""
    metadata = path / 'metadata.yaml'
    if path.is_dir() and not metadata.exists():
        raise VlaError(
            f'bag {path}: got no metadata.yaml in it, expected a bag that was finished; run '
            f'"ros2 bag reindex {path}", or give the file in it if its recorder made it readable'
        )
    with reading(path), Reader(path) as reader:
        empty = not reader.message_count
    if empty:
        raise VlaError(f'bag {path}: got no message in it, expected some; record it anew')
    if path.is_dir() and read_custom(metadata):
        return Episode(path, read_info(metadata))
    return Episode(path, EpisodeInfo(UNKNOWN))

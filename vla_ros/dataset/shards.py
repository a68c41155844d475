# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobotDatasets that are written in shards, each whole or not there, and joined at the end.

Shards wait in ``<root>.partial``: a run that was interrupted goes on with those that are missing,
and ``root`` appears only when everything is done.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vla_ros.core.files import lock_file, write_json
from vla_ros.dataset import lerobot

SHARD = 10  # episodes
INFO = 'vla_ros_episodes.json'  # in a dataset's folder meta: what is known of each episode
LOCK = 'lock'


def work_folder(root: Path) -> Path:
    """Return the folder in which the shards of the dataset ``root`` wait."""
    return root.with_name(root.name + '.partial')


@contextmanager
def working(root: Path, who: str) -> Iterator[Path]:
    """
    Give the folder for the shards of ``root``; one that holds none at the end is removed.

    Raise ConfigError where another process, ``who``, works in it.
    """
    folder = work_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open('w', encoding='utf-8') as lock:
        lock_file(
            lock,
            f'{folder}: another {who} works in it; wait for that one, or name another folder',
        )
        try:
            yield folder
        finally:
            if folder.is_dir() and {entry.name for entry in folder.iterdir()} <= {LOCK}:
                shutil.rmtree(folder)


@contextmanager
def new_shard(shard: Path) -> Iterator[Path]:
    """Give a folder that becomes ``shard`` at the end; where that fails there is neither."""
    unfinished = shard.with_name(shard.name + '.tmp')
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        yield unfinished
        unfinished.rename(shard)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_infos(root: Path, infos: Sequence[dict[str, Any]]) -> None:
    """Note in a dataset what is known of each of its episodes."""
    write_json(root / 'meta' / INFO, infos)


def join(
    shards: Sequence[Path], root: Path, finish: Callable[[Path], None] = lambda whole: None
) -> None:
    """Make the dataset ``root`` of its shards, in order; ``finish`` may add to it before."""
    folder = work_folder(root)
    whole = folder / 'whole'
    shutil.rmtree(whole, ignore_errors=True)
    try:
        if len(shards) > 1:
            lerobot.merge(shards, whole)
            files = [shard / 'meta' / INFO for shard in shards]
            infos = [json.loads(file.read_text(encoding='utf-8')) for file in files]
            write_infos(whole, [info for part in infos for info in part])
        else:
            shutil.copytree(shards[0], whole)
        finish(whole)
        whole.rename(root)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    with suppress(OSError):
        shutil.rmtree(folder)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Generate a dataset of demonstrations in worker processes.

Work in progress lives in ``<root>.partial``: one folder for each shard of episodes, renamed when
it is whole. A run that was interrupted goes on with the shards that are missing, and ``root``
appears only when everything is done.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import lock_file, write_text
from vla_ros.core.picture_size import PictureSize
from vla_ros.dataset import lerobot
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.dataset.shards import SHARD, join, new_shard, work_folder, write_infos
from vla_ros.dataset.streams import PHASE
from vla_ros.runtime.workers import work
from vla_ros.sim.episode import demonstrate
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import Task, TaskChoice

DEFAULT = TaskChoice()

_FPS = 30  # Hz


class _Shard(NamedTuple):
    folder: Path
    episodes: list[PlannedEpisode]
    picture: PictureSize
    task: TaskChoice


def generate(
    root: Path,
    plan: list[PlannedEpisode],
    picture: PictureSize,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    task: TaskChoice = DEFAULT,
) -> None:
    """
    Write the planned episodes as LeRobotDataset v3 to ``root``.

    ``on_progress`` is told the finished and the total number of episodes. Raises ConfigError if
    ``root`` exists, or if ``<root>.partial`` belongs to another plan.
    """
    lerobot.check_new(root)
    unfinished = work_folder(root)
    with _claim(unfinished, plan, picture, task):
        shards = [
            _Shard(unfinished / f'shard_{i // SHARD:04d}', plan[i : i + SHARD], picture, task)
            for i in range(0, len(plan), SHARD)
        ]
        missing = [shard for shard in shards if not shard.folder.exists()]
        done = len(plan) - sum(len(shard.episodes) for shard in missing)
        on_progress(done, len(plan))
        for count in work(_write_shard, missing, workers):
            done += count
            on_progress(done, len(plan))
        lerobot.quiet()
        join([shard.folder for shard in shards], root)


def _claim(folder: Path, *what: Any) -> IO[str]:
    """
    Make the work folder, or check that it belongs to this very plan; return a file that locks it.

    Raise ConfigError where it is another plan's, and where another process works in it.
    """
    text = json.dumps(what, default=str)
    file = folder / 'plan.json'
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        write_text(file, text)
    if not file.exists() or file.read_text(encoding='utf-8') != text:
        raise ConfigError(
            f'{folder} belongs to another plan: expected the plan that it was started with; '
            'repeat that command to go on with it, or remove the folder'
        )
    lock = file.open('r+')
    lock_file(
        lock,
        f'{folder}: another vla_ros generate works in it; wait for that one, or name another '
        'folder',
    )
    return lock


def _write_shard(shard: _Shard) -> int:
    """Simulate, draw and write the episodes of one shard; return their number."""
    lerobot.quiet()
    task = shard.task.make(_FPS)
    spec = lerobot.DatasetSpec(
        fps=_FPS,
        joint_names=task.arm.joint_names,
        cameras=dict.fromkeys(task.cameras, (shard.picture.height, shard.picture.width)),
        robot_type=f'{task.robot}_sim',
        labels=(PHASE,),
    )
    with new_shard(shard.folder) as unfinished:
        write_infos(unfinished, _write_episodes(unfinished, spec, task, shard))
    return len(shard.episodes)


def _write_episodes(
    root: Path, spec: lerobot.DatasetSpec, task: Task, shard: _Shard
) -> list[dict[str, Any]]:
    """Write the dataset of a shard; return what is known of each episode."""
    writer = lerobot.DatasetWriter(root, spec)
    scene = task.make_scene()
    renderer = Renderer(scene, shard.picture.width, shard.picture.height)
    infos = []
    for planned in shard.episodes:
        episode = demonstrate(task, planned)
        writer.write(episode.frames(type(task), scene, renderer), episode.instruction)
        infos.append(
            {
                'cluster': episode.cluster,
                'recovery': episode.recovery,
                'goal': episode.goal,
                'seed': episode.seed,
                'retries': episode.retries,
                'rotation': episode.rotation,
                'frames': len(episode.steps),
            }
        )
    writer.close()
    renderer.close()
    return infos

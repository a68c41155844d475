# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of an evaluation: the action queue over time, and a video of an episode."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import cv2
import matplotlib
import numpy as np

matplotlib.use('Agg')
import matplotlib.pyplot as plt

from vla_ros.core.errors import VlaError
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.rollout import EpisodeResult
from vla_ros.sim.task import SceneState, Task

_IDLE_COLOUR, _QUEUE_COLOUR = '#d1495b', '#00798c'


def plot_queues(
    results: Mapping[str, EpisodeResult],
    step: float,
    threshold: float,
    chunk_size: int,
    path: Path,
) -> None:
    """
    Draw the queue of one episode per mode over the same time axis.

    step: s per action; threshold: fill (0 to 1) at which asynchronous inference is asked for.
    """
    figure, axes = plt.subplots(
        len(results), 1, sharex=True, squeeze=False, figsize=(9, 2.4 * len(results) + 0.6)
    )
    for axis, (mode, result) in zip(axes[:, 0], results.items(), strict=True):
        times = np.array([sample.time for sample in result.queue])
        actions = np.array([max(0.0, sample.remaining) for sample in result.queue]) / step
        idle = np.array([sample.idle for sample in result.queue])
        axis.plot(times, actions, color=_QUEUE_COLOUR, linewidth=1.5)
        axis.fill_between(
            times,
            0,
            chunk_size,
            where=idle,
            color=_IDLE_COLOUR,
            alpha=0.35,
            linewidth=0,
            label='arm waits',
        )
        if mode == 'async':
            axis.axhline(
                threshold * chunk_size,
                color='grey',
                linestyle='--',
                linewidth=1,
                label='chunk_size_threshold',
            )
        axis.set_ylim(0, chunk_size * 1.05)
        axis.set_ylabel('actions in queue')
        axis.set_title(
            f'{mode}: {"success" if result.success else "no success"} after '
            f'{result.duration:.1f} s, waited {result.idle:.2f} s',
            loc='left',
        )
        axis.legend(loc='lower right', bbox_to_anchor=(1, 1), ncols=2, frameon=False)
        axis.spines[['top', 'right']].set_visible(False)
    axes[-1, 0].set_xlabel('time (s)')
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what OpenCV prints of the tag that it replaces by another; the video is sound."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def write_video(
    task: type[Task],
    states: Iterable[SceneState],
    fps: float,
    path: Path,
    size: tuple[int, int] = (320, 240),
) -> None:
    """Draw the task's cameras side by side; raise VlaError where OpenCV can't write the file."""
    scene = task.make_scene()
    renderer = Renderer(scene, *size)
    width = size[0] * len(task.cameras)
    with _quiet():
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'VP80'), fps, (width, size[1]))
    if not writer.isOpened():
        raise VlaError(f'video {path}: OpenCV could not open it for writing (VP8 in WebM)')
    for state in states:
        scene.apply(state)
        picture = np.hstack([renderer.render(camera) for camera in task.cameras])
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    renderer.close()

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of an evaluation: the action queue over time, and a video of an episode."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vla_ros.sim.renderer import Renderer
from vla_ros.sim.rollout import EpisodeResult
from vla_ros.sim.task import Task
from vla_ros.view.film import Film, Moment

_IDLE_COLOUR, _QUEUE_COLOUR = '#d1495b', '#00798c'
_REFILL = 0.01  # s by which the queue grows where a chunk has come
_ENDING = 1.0  # s at the end of a video in which the outcome is told


def draw_queues(
    results: Mapping[str, EpisodeResult], step: float, threshold: float, chunk_size: int
) -> Figure:
    """
    Draw the queue of one episode per mode over the same time axis.

    step: s per action; threshold: fill (0 to 1) at which asynchronous inference is asked for.
    """
    figure = Figure(figsize=(9, 2.4 * len(results) + 0.6), layout='constrained')
    axes = figure.subplots(len(results), 1, sharex=True, squeeze=False)
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
    return figure


def film_episode(
    task: type[Task],
    result: EpisodeResult,
    chunk_time: float,
    threshold: float,
    path: Path,
    size: tuple[int, int] = (320, 240),
) -> None:
    """
    Film an episode whose states were kept: cameras, which one it is, how it ends, its queue.

    chunk_time: s of a whole chunk; threshold: fill (0 to 1) at which the next one is asked for.
    Raise VlaError where the video cannot be written.
    """
    scene = task.make_scene()
    renderer = Renderer(scene, *size)
    moments = list(_moments(result, chunk_time, threshold))
    every = max(1, round(len(moments) / max(1, len(result.states))))
    step = every * (moments[1].time - moments[0].time) if len(moments) > 1 else 1.0
    film = Film(path, 1.0 / step, task.cameras)
    try:
        for number, state in enumerate(result.states):
            scene.apply(state)
            pictures = {camera: renderer.render(camera) for camera in task.cameras}
            last = step * (len(result.states) - number) <= _ENDING
            now = moments[: number * every + 1]
            film.add(pictures, now, label(result, now[-1].time - moments[0].time, last))
    finally:
        film.close()
        renderer.close()


def label(result: EpisodeResult, time: float, last: bool) -> str:
    """Return what is written over the pictures at ``time`` (s); at last, how it ended."""
    end = f': {outcome(result)}' if last else ''
    return f'{which(result)}  {time:.1f} s{end}'


def which(result: EpisodeResult) -> str:
    """Return which episode it is, in words."""
    goal = f', goal {result.goal}' if result.goal else ''
    return f'cluster {result.cluster}, seed {result.seed}{goal}'


def outcome(result: EpisodeResult) -> str:
    """Return how an episode ended, in words."""
    if result.success:
        return 'success'
    return 'FAILED: it is at another goal' if result.at_other_goal else 'FAILED: the time is over'


def _moments(result: EpisodeResult, chunk_time: float, threshold: float) -> Iterator[Moment]:
    """Yield how the queue stood at each control step."""
    accepted = 0
    for before, now in pairwise([result.queue[0], *result.queue] if result.queue else []):
        accepted += now.remaining > before.remaining + _REFILL
        fill = min(1.0, max(0.0, now.remaining) / chunk_time)
        mode = 'WAITING' if now.idle else 'RUNNING'
        yield Moment(now.time, fill, mode, threshold, accepted)

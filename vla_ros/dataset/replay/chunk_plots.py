# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a replay: errors of episodes and steps, the worst over time, seams, times."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vla_ros.core.status import Mode
from vla_ros.dataset.replay.drive import Drive
from vla_ros.dataset.replay.result import Example, Replay
from vla_ros.dataset.replay.scores import by_cluster, step_errors, summarise
from vla_ros.policy.spec import PolicySpec

_COLOURS = ('#00798c', '#d1495b', '#edae49', '#66a182', '#2e4057', '#8d96a3')
_POLICY, _RECORDED, _SEAM = '#00798c', '#8d96a3', '#d1495b'


def draw(replay: Replay) -> dict[str, Figure]:
    """Return the figures about all episodes by caption."""
    figures = {
        'Mean error of every episode, the worst first (bars), and that of an arm that stands '
        'still (dots)': draw_episodes(replay),
        'Error of each joint over the steps of a chunk; dashed: of an arm that stands still, '
        'over all joints': draw_horizon(replay),
        'Error of each joint in each cluster': draw_clusters(replay),
        'How far the goal jumps where a chunk joins another, and how far a command moves from '
        'one tick to the next': draw_jumps(replay),
    }
    if replay.times:
        figures['Measured time of each stage (no part of the scores)'] = draw_times(replay)
    return figures


def draw_example(example: Example, spec: PolicySpec) -> dict[str, Figure]:
    """Return the figures about one episode by caption."""
    return {
        'Recorded commands (grey), what the queue would have commanded (blue), and where a chunk '
        'joins another (red)': draw_commands(example, spec),
        'Seconds of motion left in the queue': draw_queue(example),
    }


def draw_episodes(replay: Replay) -> Figure:
    """Return the error of each episode beside the baseline's."""
    figure, axis = _figure(8.0, 2.8)
    parts = [summarise([one], replay.spec) for one in replay.scores]
    pairs = [(part['mae'] or 0.0, part['mae_still'] or 0.0) for part in parts]
    ordered = np.array(sorted(pairs, reverse=True))
    axis.bar(range(len(ordered)), ordered[:, 0], color=_POLICY, width=0.8)
    axis.plot(ordered[:, 1], color=_RECORDED, marker='.', linestyle='')
    axis.set(xlabel='episodes, sorted', ylabel='mean error (rad)', xticks=[])
    axis.set_ylim(bottom=0)
    return figure


def draw_horizon(replay: Replay) -> Figure:
    """Return the mean error of each joint over the steps of a chunk."""
    figure, axis = _figure(8.0, 3.6)
    errors = step_errors(replay.scores)
    for index, (name, row) in enumerate(zip(replay.spec.joint_names, errors.T, strict=True)):
        colour = _COLOURS[index % len(_COLOURS)]
        style = '-' if index < len(_COLOURS) else '--'
        axis.plot(row, color=colour, linestyle=style, linewidth=1.5, label=name)
    still = step_errors(replay.scores, still=True).mean(axis=1)
    axis.plot(still, color=_RECORDED, linestyle=':', linewidth=2.0, label='standing still')
    axis.set(xlabel='step of the chunk', ylabel='mean error (rad)', xlim=(0, len(errors) - 1))
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, ncols=2)
    return figure


def draw_clusters(replay: Replay) -> Figure:
    """Return a table of colours: the mean error of each joint in each cluster."""
    parts = by_cluster(replay.scores)
    names = list(replay.spec.joint_names)
    summaries = [summarise(part, replay.spec)['mae_per_joint'] for part in parts.values()]
    values = np.array([[row[name] or 0.0 for name in names] for row in summaries])
    figure, axis = _figure(8.0, 1.4 + 0.32 * len(parts))
    axis.imshow(values, cmap='Blues', aspect='auto', vmin=0)
    for (row, column), value in np.ndenumerate(values):
        dark = value > 0.6 * values.max()
        axis.text(
            column, row, f'{value:.3f}', ha='center', va='center', color='w' if dark else '#333333'
        )
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(parts)), [f'cluster {name or "?"}' for name in parts])
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return figure


def draw_jumps(replay: Replay) -> Figure:
    """Return the distributions of the jumps and of the ordinary steps."""
    figure, axis = _figure(8.0, 2.8)
    for label, colour, values in (
        ('from tick to tick', _RECORDED, [one.elsewhere for one in replay.scores]),
        ('where a chunk joins another', _SEAM, [one.seams for one in replay.scores]),
    ):
        joined = np.sort(np.concatenate(values))
        if len(joined):
            share = np.arange(1, len(joined) + 1) / len(joined)
            axis.step(joined, share, where='post', color=colour, label=f'{label} ({len(joined)})')
    axis.set(xlabel='largest of any joint (rad)', ylabel='share of at most that', ylim=(0, 1.02))
    axis.set_xlim(left=0)
    axis.legend(frameon=False, loc='lower right')
    return figure


def draw_times(replay: Replay) -> Figure:
    """Return a bar for the median time of each stage, and a line to its 95th percentile."""
    stages = replay.latencies()
    figure, axis = _figure(8.0, 0.9 + 0.4 * len(stages))
    middle = [1e3 * times['p50'] for times in stages.values()]
    high = [1e3 * times['p95'] for times in stages.values()]
    rows = np.arange(len(stages))
    axis.barh(rows, middle, color=_POLICY, height=0.6)
    axis.hlines(rows, middle, high, color=_SEAM, linewidth=2)
    axis.set_yticks(rows, list(stages))
    axis.invert_yaxis()
    axis.set_xlabel('ms (bar: median, line: up to the 95th percentile)')
    axis.set_xlim(left=0)
    return figure


def draw_commands(example: Example, spec: PolicySpec) -> Figure:
    """Return the commands of an episode, joint by joint."""
    track, done, names = example.track, example.drive, spec.joint_names
    figure = Figure(figsize=(8.0, 1.3 * len(names) + 0.4), layout='constrained')
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    running = [m for m in done.moments if m.mode is Mode.RUNNING]
    times = np.array([m.time for m in running]) - done.span.begin
    recorded = track.commanded.at(times + done.span.begin)
    for index, (axis, name) in enumerate(zip(axes, names, strict=True)):
        axis.plot(times, recorded[:, index], color=_RECORDED, linewidth=2.5)
        axis.plot(times, [m.positions[index] for m in running], color=_POLICY, linewidth=1.2)
        _mark_seams(axis, done)
        axis.set_ylabel(name, rotation=0, ha='right', va='center')
        axis.spines[['top', 'right']].set_visible(False)
    axes[-1].set_xlabel('time (s); positions in rad')
    return figure


def draw_queue(example: Example) -> Figure:
    """Return the motion left in the queue over an episode."""
    done = example.drive
    figure, axis = _figure(8.0, 2.4)
    times = np.array([m.time for m in done.moments]) - done.span.begin
    left = np.array([m.remaining for m in done.moments])
    idle = np.array([m.mode is not Mode.RUNNING for m in done.moments])
    axis.plot(times, left, color=_POLICY, linewidth=1.2)
    axis.fill_between(times, 0, left.max(), where=idle, color=_SEAM, alpha=0.3, linewidth=0)
    axis.set(xlabel='time (s); red: the arm waits', ylabel='left (s)')
    axis.set_ylim(bottom=0)
    return figure


def _mark_seams(axis: Axes, done: Drive) -> None:
    for moment in done.moments:
        if np.isfinite(moment.jump):
            axis.axvline(moment.time - done.span.begin, color=_SEAM, linewidth=0.8, alpha=0.7)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout='constrained')
    axis = figure.subplots()
    axis.spines[['top', 'right']].set_visible(False)
    return figure, axis

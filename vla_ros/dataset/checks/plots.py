# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the report: coverage, drift, brightness, lengths and frame intervals."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from vla_ros.dataset.checks.cameras import brightness, camera_width, drifts
from vla_ros.dataset.checks.episodes import Episodes
from vla_ros.dataset.checks.plan_coverage import count_clusters, rotations
from vla_ros.dataset.checks.report import fringes
from vla_ros.dataset.checks.thresholds import Thresholds

_COLOURS = ('#00798c', '#d1495b', '#edae49', '#66a182', '#2e4057', '#8d96a3')
_BAD = '#d1495b'
_MANY = 60  # episodes, above which single dots would hide each other

Drifts = Mapping[str, dict[int, float]]  # camera: episode: pixels


def draw(episodes: Episodes, limits: Thresholds) -> dict[str, Figure]:
    """Return the report's figures by caption; what is not known is not drawn."""
    figures = {}
    if count_clusters(episodes):
        figures[
            'Episodes of each cluster, seen from above, the arm at the bottom; + recoveries'
        ] = draw_coverage(episodes, limits)
    moved = {camera: drifts(episodes, camera) for camera in episodes.fixed_cameras()}
    if moved:
        figures[
            'Movement of the cameras that stand still, against the reference; dashed: what passes'
        ] = draw_drift(episodes, limits, moved)
        figures[
            'Reference (red) and the episode farthest from it (cyan): fringes of colour at '
            'edges that stand still show a camera that was moved'
        ] = draw_overlays(episodes, moved)
    figures['Brightness of the pictures; dashed: what passes'] = draw_brightness(episodes, limits)
    figures['Length of the episodes'] = draw_lengths(episodes)
    figures['Time from frame to frame'] = draw_intervals(episodes)
    if len(rotations([e.facts for e in episodes.episodes])):
        figures['Rotation of the object at the start'] = draw_rotations(episodes)
    figures['First picture of the reference'] = draw_start(episodes)
    return figures


def draw_coverage(episodes: Episodes, limits: Thresholds) -> Figure:
    """Return the map of the clusters with the number of starts and recoveries in each."""
    figure, (axis,) = _figure(6.0, 4.2)
    counts = count_clusters(episodes)
    recoveries = {
        cluster: sum(
            1 for e in episodes.episodes if e.facts.cluster == cluster and e.facts.recovery
        )
        for cluster in counts
    }
    most = max(counts.values())
    size = limits.plan.cluster_size
    half = size / 2
    for cluster, (x, y) in limits.plan.clusters.items():
        count, held = counts[cluster], cluster == limits.plan.held_out
        wrong = bool(count) if held else not count and cluster in limits.asked
        axis.add_patch(
            Rectangle(
                (-y - half, x - half),
                size,
                size,
                linewidth=2 if wrong else 1,
                edgecolor=_BAD if wrong else 'white',
                hatch='//' if held else None,
                facecolor=(0, 0.47, 0.55, 0.12 + 0.75 * count / most)
                if count
                else (0.5, 0.5, 0.5, 0.15),
            )
        )
        rescued = recoveries.get(cluster, 0)
        absent = 'missing' if cluster in limits.asked else 'not planned'
        text = f'{count - rescued} + {rescued}' if count else 'held out' if held else absent
        axis.text(
            -y,
            x,
            f'{cluster}\n{text}',
            ha='center',
            va='center',
            color=_BAD if wrong else 'white' if count > 0.8 * most else 'black',
        )
    axis.plot(0, 0, marker='^', color='black', markersize=12)
    centres = np.array([(0.0, 0.0), *limits.plan.clusters.values()])  # x, y; the arm's first
    (low_x, low_y), (high_x, high_y) = centres.min(axis=0) - size, centres.max(axis=0) + size
    axis.set(
        xlim=(-high_y, -low_y),
        ylim=(low_x, high_x),
        aspect='equal',
        xlabel='-y (m)',
        ylabel='x (m)',
    )
    return figure


def draw_drift(episodes: Episodes, limits: Thresholds, moved: Drifts) -> Figure:
    """Return the drift of the cameras over the episodes."""
    figure, (axis,) = _figure()
    for (camera, values), colour in zip(moved.items(), _COLOURS, strict=False):
        _plot(axis, values, camera, colour)
    widths = {camera_width(episodes.reference_look(camera)) for camera in moved}
    for width in widths:
        axis.axhline(limits.drift * width, color='grey', linestyle='--', linewidth=1)
    axis.set(xlabel='episode', ylabel='drift (pixels)', ylim=(0, None))
    axis.legend(frameon=False)
    return figure


def draw_overlays(episodes: Episodes, moved: Drifts) -> Figure:
    """Return the reference and the episode that is farthest off, on top of each other."""
    figure, axes = _figure(4.4 * len(moved), 3.6, len(moved))
    for (camera, values), axis in zip(moved.items(), axes, strict=True):
        worst = max(values, key=values.__getitem__)
        look = next(e.looks[camera] for e in episodes.episodes if e.index == worst)
        axis.imshow(fringes(episodes.reference_look(camera).background, look.background))
        axis.set_title(f'{camera}: {values[worst]:.2f} px in episode {worst}')
        axis.axis('off')
    return figure


def draw_brightness(episodes: Episodes, limits: Thresholds) -> Figure:
    """Return the mean grey level of every camera over the episodes."""
    figure, (axis,) = _figure()
    for camera, colour in zip(episodes.cameras, _COLOURS, strict=False):
        _plot(axis, brightness(episodes, camera), camera, colour)
    for limit in (limits.brightness_low, limits.brightness_high):
        axis.axhline(limit, color='grey', linestyle='--', linewidth=1)
    axis.set(xlabel='episode', ylabel='mean grey level', ylim=(0, 255))
    axis.legend(frameon=False, ncols=len(episodes.cameras), loc='upper left')
    return figure


def draw_lengths(episodes: Episodes) -> Figure:
    """Return a histogram of the lengths, starts and recoveries stacked."""
    figure, (axis,) = _figure()
    lengths: dict[str, list[float]] = {'starts': [], 'recoveries': []}
    for e in episodes.episodes:
        lengths['recoveries' if e.facts.recovery else 'starts'].append(len(e.time) / episodes.fps)
    axis.hist(
        list(lengths.values()),
        bins=20,
        stacked=True,
        label=list(lengths),
        color=list(_COLOURS[:2]),
    )
    axis.set(xlabel='length (s)', ylabel='episodes')
    _count_episodes(axis.yaxis)
    axis.legend(frameon=False)
    return figure


def draw_intervals(episodes: Episodes) -> Figure:
    """Return a histogram of the times between successive frames."""
    figure, (axis,) = _figure()
    intervals = np.concatenate([np.diff(e.time) for e in episodes.episodes]) * 1e3
    period = 1e3 / episodes.fps
    axis.hist(
        np.clip(intervals, 0, 5 * period),
        bins=list((np.arange(62) - 0.5) / 12 * period),  # one of them about the period
        color=_COLOURS[0],
        log=True,
    )
    axis.axvline(period, color='grey', linestyle='--', linewidth=1)
    axis.set(xlabel='interval (ms)', ylabel='frames', ylim=(0.5, None))
    return figure


def draw_rotations(episodes: Episodes) -> Figure:
    """Return a histogram of the object's rotation, in half a turn."""
    figure, (axis,) = _figure()
    angles = np.degrees(rotations([e.facts for e in episodes.episodes])) % 180
    axis.hist(angles, bins=list(range(0, 181, 15)), color=_COLOURS[0])
    axis.set(xlabel='rotation (degrees)', ylabel='episodes', xticks=range(0, 181, 30))
    _count_episodes(axis.yaxis)
    return figure


def draw_start(episodes: Episodes) -> Figure:
    """Return the first picture of every camera."""
    count = len(episodes.cameras)
    figure, axes = _figure(4.0 * count, 3.2, count)
    for camera, axis in zip(episodes.cameras, axes, strict=True):
        axis.imshow(episodes.reference_look(camera).start)
        axis.set_title(camera)
        axis.axis('off')
    return figure


def _plot(axis: Axes, values: dict[int, float], label: str, colour: str) -> None:
    axis.plot(
        list(values),
        list(values.values()),
        label=label,
        color=colour,
        linewidth=1,
        marker='o' if len(values) <= _MANY else '',
        markersize=4,
    )
    axis.set_xlim(min(values) - 0.5, max(values) + 0.5)
    _count_episodes(axis.xaxis)


def _count_episodes(axis: Axis) -> None:
    """Have the axis name whole numbers only, however few episodes there are."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _figure(
    width: float = 8.0, height: float = 3.0, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout='constrained')
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for axis in axes:
        axis.spines[['top', 'right']].set_visible(False)
    return figure, axes

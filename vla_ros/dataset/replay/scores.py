# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How far the policy is from what was recorded, and how its chunks would have been played.

Nothing here depends on how fast anything was computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_ros.core.status import Mode
from vla_ros.dataset.replay.bag_samples import Track
from vla_ros.dataset.replay.drive import Drive
from vla_ros.policy.spec import PolicySpec


@dataclass(frozen=True)
class Score:
    """One span of a bag; arrays of joints are in the order of the policy's names."""

    name: str
    cluster: str
    duration: float  # s
    errors: np.ndarray  # (chunks, steps, joints) rad, absolute; nan where nothing was recorded
    still: np.ndarray  # the same, of an arm that stays where it was as it was asked about
    played: np.ndarray  # (ticks, joints) rad, absolute error of the commands
    jerk: np.ndarray  # (chunks,) rad/s^3, of each chunk
    recorded_jerk: np.ndarray  # (chunks,) rad/s^3, of what was recorded in the time of each
    seams: np.ndarray  # (seams,) rad, jump of the goal where a chunk joins another
    elsewhere: np.ndarray  # (ticks,) rad, how far the command moves from one tick to the next
    staleness: np.ndarray  # (ticks,) s, age of the observation that is being acted on
    starved: int
    idle: float  # s
    limited: int  # commands that the robot's limits changed


def score(track: Track, drive: Drive, spec: PolicySpec) -> Score:
    """Return the scores of one drive."""
    step = 1.0 / spec.fps
    end = min(drive.span.end, float(track.commanded.times[-1]))
    errors = np.full((len(drive.asks), spec.chunk_size, len(spec.joint_names)), np.nan)
    still, jerk, recorded_jerk = errors.copy(), np.zeros(len(errors)), np.zeros(len(errors))
    for number, (ask, chunk) in enumerate(zip(drive.asks, drive.chunks, strict=True)):
        times = ask.start + step * np.arange(len(chunk))
        known = times <= end + 1e-6
        recorded = track.commanded.at(times[known])
        errors[number, : len(recorded)] = np.abs(chunk[known] - recorded)
        still[number, : len(recorded)] = np.abs(track.measured.before(ask.start) - recorded)
        jerk[number] = roughness(chunk[known], step)
        recorded_jerk[number] = roughness(recorded, step)
    running = np.array([m.mode is Mode.RUNNING for m in drive.moments])
    times = np.array([m.time for m in drive.moments])
    commands = np.stack([m.positions for m in drive.moments])
    jumps = np.array([m.jump for m in drive.moments])
    steps = np.abs(np.diff(commands, axis=0)).max(axis=1)
    observed = np.array([m.observed for m in drive.moments])
    return Score(
        track.episode.path.name,
        drive.span.cluster,
        drive.span.end - drive.span.begin,
        errors,
        still,
        np.abs(commands - track.commanded.at(times))[running],
        jerk,
        recorded_jerk,
        jumps[np.isfinite(jumps)],
        steps[running[1:] & running[:-1]],
        (times - observed)[running],
        drive.starved,
        drive.idle,
        drive.limited,
    )


def roughness(positions: np.ndarray, step: float) -> float:
    """Return the RMS jerk (rad/s^3) of positions (rows, joints) that are ``step`` s apart."""
    if len(positions) < 4:
        return 0.0
    return float(np.sqrt(np.mean((np.diff(positions, 3, axis=0) / step**3) ** 2)))


def summarise(scores: Sequence[Score], spec: PolicySpec) -> dict[str, Any]:
    """Return the scores of several spans as one, in plain numbers: None where nothing is known."""
    errors = _join(one.errors for one in scores)
    counted = np.isfinite(errors)
    totals, counts = np.where(counted, errors, 0.0), counted.sum(axis=0)
    by_step = _share(totals.sum(axis=(0, 2)), counts.sum(axis=1))
    by_joint = _share(totals.sum(axis=(0, 1)), counts.sum(axis=0))
    seams = _join(one.seams for one in scores)
    staleness = _join(one.staleness for one in scores)
    return {
        'episodes': len(scores),
        'seconds': sum(one.duration for one in scores),
        'chunks': len(errors),
        'rows': int(counted.any(axis=2).sum()),
        'mae': _share(totals.sum(), counts.sum()),
        'mae_interval': _interval(scores),
        'mae_still': _share(np.nansum(_join(one.still for one in scores)), counts.sum()),
        'mae_per_joint': dict(zip(spec.joint_names, by_joint, strict=True)),
        'mae_per_step': by_step,
        'mae_played': _mean(_join(one.played for one in scores)),
        'jerk': _mean(_join(one.jerk for one in scores)),
        'jerk_recorded': _mean(_join(one.recorded_jerk for one in scores)),
        'seams': len(seams),
        'seam_jump': _spread(seams),
        'tick_step': _spread(_join(one.elsewhere for one in scores)),
        'starved': sum(one.starved for one in scores),
        'idle': sum(one.idle for one in scores),
        'limited': sum(one.limited for one in scores),
        'staleness': _spread(staleness),
    }


def by_cluster(scores: Sequence[Score]) -> Mapping[str, list[Score]]:
    """Return the scores of each cluster, in the order of the clusters."""
    clusters = sorted({one.cluster for one in scores}, key=lambda name: (len(name), name))
    return {name: [one for one in scores if one.cluster == name] for name in clusters}


def step_errors(scores: Sequence[Score], still: bool = False) -> np.ndarray:
    """
    Return the mean error (steps, joints) rad; nan for a step that was never recorded.

    With ``still`` it is that of an arm that stands still.
    """
    errors = _join(one.still if still else one.errors for one in scores)
    counts = np.isfinite(errors).sum(axis=0)
    totals = np.nansum(errors, axis=0)
    return np.where(counts, totals / np.maximum(counts, 1), np.nan)


def _interval(scores: Sequence[Score], resamples: int = 1000) -> list[float] | None:
    """Return the 95 % bootstrap interval of the mean error (rad); None for a single episode."""
    totals = np.array([np.nansum(one.errors) for one in scores])
    counts = np.array([np.isfinite(one.errors).sum() for one in scores])
    if len(scores) < 2 or not counts.all():
        return None
    drawn = np.random.default_rng(0).integers(0, len(scores), (resamples, len(scores)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return [float(low), float(high)]


def _join(parts: Any) -> np.ndarray:
    return np.concatenate(list(parts))


def _share(totals: Any, counts: Any) -> Any:
    """Return totals / counts; None where there is nothing to count."""
    values = np.asarray(totals / np.maximum(counts, 1)).tolist()
    if not isinstance(values, list):
        return values if counts else None
    return [v if n else None for v, n in zip(values, np.asarray(counts).tolist(), strict=True)]


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _spread(values: np.ndarray) -> dict[str, float] | None:
    if not len(values):
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return {'p50': float(p50), 'p95': float(p95), 'max': float(values.max())}

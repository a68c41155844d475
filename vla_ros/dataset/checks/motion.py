# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of time and joints: frame rate, dropped frames, jumps, idle and odd episodes."""

import numpy as np

from vla_ros.dataset.checks.episodes import Episode, Episodes
from vla_ros.dataset.checks.finding import Finding, Limit, judge
from vla_ros.dataset.checks.thresholds import Thresholds

_LATE = 0.5  # of a period, by which a frame is early or late
_SUDDEN = 1.5  # times the steps before and after, that a step is uneven
_SLOW = 0.005  # of the joints' ranges in a frame, below which noise makes steps uneven
_LEAST_STEPS = 30  # steps in motion, of which a share means something


def check_frame_rate(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the mean frame rate of the episode that is farthest off."""
    rates = {
        e.index: (len(e.time) - 1) / max(e.time[-1] - e.time[0], 1e-9) for e in episodes.episodes
    }
    return [
        judge(
            'frame rate',
            '',
            rates,
            'Hz',
            Limit(episodes.fps * (1 - limits.frame_rate), episodes.fps * (1 + limits.frame_rate)),
            'record at a rate that cameras and computer keep up with',
        )
    ]


def check_jitter(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of frames that come early or late, in the worst episode."""
    shares = {
        e.index: float((np.abs(np.diff(e.time) * episodes.fps - 1) > _LATE).mean())
        for e in episodes.episodes
    }
    return [
        judge(
            'timestamp jitter',
            '',
            shares,
            'share',
            Limit(high=limits.jitter),
            'free the computer of other work, or lower resolution and rate; frames were dropped',
        )
    ]


def check_skew(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return by how much cameras and joints of a frame are apart at most."""
    skews = {e.index: e.facts.skew for e in episodes.episodes if e.facts.skew is not None}
    if not skews:
        return []
    return [
        judge(
            'camera-to-state skew',
            '',
            skews,
            's',
            Limit(high=limits.skew / episodes.fps),
            'record joint states at a higher rate, and frames without gaps',
        )
    ]


def check_uneven_steps(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of sudden steps: dropped frames whose times were numbered through."""
    ranges = episodes.joint_ranges()
    sudden = np.concatenate([sudden_steps(e, ranges) for e in episodes.episodes])
    if len(sudden) < _LEAST_STEPS:
        return []
    return [
        Finding(
            'dropped frames',
            'all',
            float(sudden.mean()),
            'share of steps',
            Limit(high=limits.uneven),
            'frames are missing although the timestamps are even: record with the '
            'times of the cameras, on a computer that keeps up',
        )
    ]


def sudden_steps(episode: Episode, ranges: np.ndarray) -> np.ndarray:
    """Return which steps taken in motion are longer than both neighbours, (steps,) bool."""
    steps = np.linalg.norm(np.diff(episode.state, axis=0) / ranges, axis=1)
    before, here, after = steps[:-2], steps[1:-1], steps[2:]
    in_motion = np.minimum(before, after) > _SLOW
    return (here > _SUDDEN * np.maximum(before, after))[in_motion]


def check_joint_jumps(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the highest speed of a joint from one frame to the next."""
    ranges = episodes.joint_ranges()
    speeds = {
        e.index: float((np.abs(np.diff(e.state, axis=0)) / ranges).max() * episodes.fps)
        for e in episodes.episodes
    }
    return [
        judge(
            'joint jumps',
            '',
            speeds,
            'ranges/s',
            Limit(high=limits.jump),
            "look at the joint's wiring, its bus and where its angle wraps; delete the episodes",
        )
    ]


def check_static(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how far the laziest episode moves, as a share of the joints' ranges."""
    ranges = episodes.joint_ranges()
    moved = {e.index: float((np.ptp(e.state, axis=0) / ranges).max()) for e in episodes.episodes}
    return [
        judge(
            'static episodes',
            '',
            moved,
            'share of range',
            Limit(low=limits.still),
            'delete the episodes: they teach the policy to stand still',
        )
    ]


def check_length(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the episode whose length differs most from the others'."""
    lengths = {e.index: len(e.time) for e in episodes.episodes}
    median = float(np.median(list(lengths.values())))
    ratios = {index: length / median for index, length in lengths.items()}
    return [
        judge(
            'episode length',
            '',
            ratios,
            'of median',
            Limit(1 / limits.length, limits.length),
            'look at the episodes; delete those that were interrupted or cut off',
        )
    ]

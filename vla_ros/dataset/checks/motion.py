# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of time and joints: frame rate, dropped frames, jumps, idle and odd episodes."""

from collections.abc import Callable, Mapping

import numpy as np

from vla_ros.dataset.checks.episodes import Episode, Episodes
from vla_ros.dataset.checks.finding import Finding, Limit, judge
from vla_ros.dataset.checks.skew import lag
from vla_ros.dataset.checks.thresholds import Thresholds

_LATE = 0.5  # of a period, by which a frame is early or late
_SUDDEN = 1.5  # times the steps before and after, that a step is uneven
_SLOW = 0.005  # of the joints' ranges in a frame, below which noise makes steps uneven
_LEAST_STEPS = 30  # steps in motion, of which a share means something
_WAY_RATE = 5.0  # Hz, at which the way of the joints is measured
_FARTHEST = 4.0  # times the usual way, which is the most that explains a longer episode


def check_frame_rate(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the mean frame rate of the episode that is farthest off."""
    return _judge_each(
        'frame rate',
        episodes,
        lambda e: frame_rate(e.time),
        'Hz',
        Limit(episodes.fps * (1 - limits.frame_rate), episodes.fps * (1 + limits.frame_rate)),
        'record at a rate that cameras and computer keep up with',
    )


def frame_rate(time: np.ndarray) -> float:
    """Return the mean rate, Hz, of frames at these times."""
    return float((len(time) - 1) / max(time[-1] - time[0], 1e-9))


def check_jitter(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of frames that come early or late, in the worst episode."""
    return _judge_each(
        'timestamp jitter',
        episodes,
        lambda e: float((np.abs(np.diff(e.time) * episodes.fps - 1) > _LATE).mean()),
        'share',
        Limit(high=limits.jitter),
        'free the computer of other work, or lower resolution and rate; frames were dropped',
    )


def check_missing(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of its frames that each camera owes, by stamps and by the recorder."""
    return _judge_cameras(
        'missing frames',
        episodes,
        lambda e: e.facts.lost,
        'share',
        Limit(high=limits.lost),
        'look at the cable and the frame rate of the camera and at the load of the computer, and '
        'record these episodes again',
    )


def check_dropped(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the messages that came faster than the recorder could write them."""
    return _judge_each(
        'dropped messages',
        episodes,
        lambda e: e.facts.dropped,
        'messages',
        Limit(high=0),
        'record smaller pictures, or to a faster disk, and record these episodes again',
    )


def check_videos(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return by how many pictures a camera's video is shorter or longer than its episode."""
    return _judge_cameras(
        'video length',
        episodes,
        lambda e: e.facts.strays,
        'pictures',
        Limit(high=0),
        'the encoder lost pictures, and later ones stand beside the wrong joints: make the '
        'dataset anew on a computer that keeps up, or delete the episodes',
    )


def check_skew(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return by how much cameras and joints of a frame are apart at most."""
    return _judge_each(
        'camera-to-state skew',
        episodes,
        lambda e: e.facts.skew,
        's',
        Limit(high=limits.skew / episodes.fps),
        'record joint states at a higher rate, and frames without gaps',
    )


def check_image_skew(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return by how much each camera lags behind the joints, as its pictures show."""
    ranges = episodes.joint_ranges()
    lags = {c: lag(episodes.episodes, c, ranges, episodes.fps) for c in episodes.cameras}
    most = limits.image_skew / episodes.fps
    return [
        Finding(
            'picture-to-state lag',
            camera,
            late,
            's',
            Limit(-most, most),
            'stamp the pictures when they are taken, not when they arrive, with the clock of the '
            'joints, and record the episodes again',
        )
        for camera, late in lags.items()
        if late is not None
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
    return _judge_each(
        'joint jumps',
        episodes,
        lambda e: float((np.abs(np.diff(e.state, axis=0)) / ranges).max() * episodes.fps),
        'ranges/s',
        Limit(high=limits.jump),
        "look at the joint's wiring, its bus and where its angle wraps; delete the episodes",
    )


def check_static(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how far the laziest episode moves, as a share of the joints' ranges."""
    ranges = episodes.joint_ranges()
    return _judge_each(
        'static episodes',
        episodes,
        lambda e: float((np.ptp(e.state, axis=0) / ranges).max()),
        'share of range',
        Limit(low=limits.still),
        'delete the episodes: they teach the policy to stand still',
    )


def check_length(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """
    Return the episode whose length is farthest from the usual one, but for what its way explains.

    What is far is measured by the lengths themselves: so many standard deviations of their
    logarithms, estimated from the median absolute deviation, which outliers do not move.
    """
    raw = {e.index: float(len(e.time)) for e in episodes.episodes}
    lengths = explained_lengths(episodes)
    usual = float(np.median(list(lengths.values())))
    spread = max(limits.length_spread, _spread(np.log(list(raw.values()))))
    most = min(limits.length, float(np.exp(limits.outlier * spread)))
    return [
        judge(
            'episode length',
            '',
            {index: length / usual for index, length in lengths.items()},
            'of the usual',
            Limit(1 / most, most),
            'look at the episodes; delete those that were interrupted, cut off or not ended',
        )
    ]


def explained_lengths(episodes: Episodes) -> dict[int, float]:
    """
    Return the rows of each episode, fewer where the arm went a longer way than it usually does.

    A second grasp takes longer and goes farther, and is no fault; an operator who forgot to end
    the episode lets it rest. An episode that goes twice as far counts half its rows, and none
    less than a quarter; one that goes less far counts them all.
    """
    ranges = episodes.joint_ranges()
    ways = {e.index: way(e, ranges, episodes.fps) for e in episodes.episodes}
    usual = max(float(np.median(list(ways.values()))), 1e-9)
    return {
        e.index: len(e.time) / float(np.clip(ways[e.index] / usual, 1, _FARTHEST))
        for e in episodes.episodes
    }


def way(episode: Episode, ranges: np.ndarray, fps: float) -> float:
    """Return how far all joints go in sum, in their ranges; at a few Hz, without their noise."""
    every = max(1, round(fps / _WAY_RATE))
    return float((np.abs(np.diff(episode.state[::every], axis=0)) / ranges).sum())


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation of normal values, by their median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _judge_each(
    name: str,
    episodes: Episodes,
    value: Callable[[Episode], float | None],
    unit: str,
    limit: Limit,
    mend: str,
) -> list[Finding]:
    """Return what a check finds that takes one number from each episode; nothing if not known."""
    values = {e.index: value(e) for e in episodes.episodes}
    known = {index: number for index, number in values.items() if number is not None}
    return [judge(name, '', known, unit, limit, mend)] if known else []


def _judge_cameras(
    name: str,
    episodes: Episodes,
    values: Callable[[Episode], Mapping[str, float]],
    unit: str,
    limit: Limit,
    mend: str,
) -> list[Finding]:
    """Return what a check finds that takes one number for each camera; nothing if not known."""
    known = {
        camera: {e.index: values(e)[camera] for e in episodes.episodes if camera in values(e)}
        for camera in episodes.cameras
    }
    return [judge(name, c, found, unit, limit, mend) for c, found in known.items() if found]

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of what the cameras saw: place, focus, light, contrast, frozen pictures."""

from collections.abc import Callable, Iterable
from itertools import combinations

import cv2
import numpy as np

from vla_ros.dataset.checks.drift import drift
from vla_ros.dataset.checks.episodes import Episode, Episodes
from vla_ros.dataset.checks.finding import Finding, Limit, judge
from vla_ros.dataset.checks.picture_statistics import Look
from vla_ros.dataset.checks.thresholds import Thresholds

_STEP = 0.005  # of the joints' ranges, that a camera sees from one picture to the next
_STRIDE = 0.03  # of the joints' ranges, that it sees over a longer time
_LEAST = 4  # pictures, of which a share means something


def check_drift(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how far each camera has moved since the reference."""
    findings = []
    for camera in episodes.fixed_cameras():
        width = camera_width(episodes.reference_look(camera))
        findings.append(
            judge(
                'camera drift',
                camera,
                drifts(episodes, camera),
                'px',
                Limit(high=limits.drift * width),
                'put the camera back until its picture lies on the reference, fix its mount, and '
                'record these episodes again',
            )
        )
    return findings


def drifts(episodes: Episodes, camera: str) -> dict[int, float]:
    """Return how far a camera has moved in each episode, in its own pixels."""
    reference = episodes.reference_look(camera)
    return {e.index: drift(reference, e.looks[camera]) for e in episodes.episodes}


def camera_width(look: Look) -> int:
    """Return the width of a camera's picture, in its own pixels."""
    return round(look.background.shape[1] * look.scale)


def check_focus(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how blurred each camera is."""
    return _judge_looks(
        'focus',
        episodes,
        episodes.cameras,
        lambda look: look.blur,
        'blur',
        Limit(high=limits.blur),
        'focus the lens, clean it, or shorten the exposure',
    )


def check_brightness(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how bright each camera's pictures are."""
    return _judge_looks(
        'brightness',
        episodes,
        episodes.cameras,
        lambda look: look.brightness,
        'of 255',
        Limit(limits.brightness_low, limits.brightness_high),
        'change the lamps or the fixed exposure, and record these episodes again',
    )


def check_brightness_drift(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how much brighter or darker episodes are than the reference, or than the most."""
    findings = []
    for camera in episodes.cameras:
        values = brightness(episodes, camera)
        usual = (
            episodes.reference[camera].brightness
            if camera in episodes.reference
            else (float(np.median(list(values.values()))))
        )
        ratios = {index: max(value, 1.0) / max(usual, 1.0) for index, value in values.items()}
        findings.append(
            judge(
                'brightness drift',
                camera,
                ratios,
                'ratio',
                Limit(1 / limits.brightness_drift, limits.brightness_drift),
                'keep sunlight out and the lamps fixed, switch automatic exposure off, and record '
                'these episodes again',
            )
        )
    return findings


def brightness(episodes: Episodes, camera: str) -> dict[int, float]:
    """Return the mean grey level of each episode."""
    return {e.index: e.looks[camera].brightness for e in episodes.episodes}


def check_clipping(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of white or black pixels without detail."""
    return _judge_looks(
        'saturation',
        episodes,
        episodes.cameras,
        lambda look: max(look.bright, look.dark),
        'share',
        Limit(high=limits.clipped),
        'lower the exposure or the lamps where it is white, raise them where black',
    )


def check_contrast(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how many grey levels lie between the dark and the bright parts of the pictures."""
    return _judge_looks(
        'contrast',
        episodes,
        episodes.cameras,
        lambda look: look.contrast,
        'grey levels',
        Limit(low=limits.contrast),
        'take the cap off the lens, clean it, and choose a background that is neither as bright '
        'nor as dark as all the rest',
    )


def check_arm_contrast(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how much the arm stands out from the background."""
    return _judge_looks(
        'arm contrast',
        episodes,
        episodes.fixed_cameras(),
        lambda look: look.arm_contrast,
        'CIELAB',
        Limit(low=limits.arm_contrast),
        'choose a background of another colour or brightness than the arm',
    )


def check_object_contrast(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """
    Return how much the object stands out from what it lies on, in most of the plain starts.

    Recoveries, whose object may move at once, only count where there is nothing else.
    """
    starts = [e for e in episodes.episodes if not e.facts.recovery] or episodes.episodes
    return [
        Finding(
            'object contrast',
            camera,
            float(np.median([e.looks[camera].object_contrast for e in starts])),
            'CIELAB',
            Limit(low=limits.object_contrast),
            'choose a background of another colour or brightness than the object (no '
            'white bag on a white table), or put the camera nearer, or where the arm does not '
            'hide the object at the start',
        )
        for camera in episodes.fixed_cameras()
    ]


def check_repeated(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of pictures that repeat the one before although the arm moves."""
    ranges = episodes.joint_ranges()
    findings = []
    for camera in episodes.cameras:
        judged = np.concatenate(
            [
                e.looks[camera].changes[steps(e, e.pairs, e.pairs + 1, ranges) > _STEP]
                for e in episodes.episodes
            ]
        )
        if len(judged) >= _LEAST:
            findings.append(
                Finding(
                    'repeated frames',
                    camera,
                    float((judged < limits.same_picture).mean()),
                    'share',
                    Limit(high=limits.repeated),
                    'lower the frame rate or the resolution, or give the camera a USB port of its '
                    'own',
                )
            )
    return findings


def check_frozen(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return for how much of the worst episode each camera shows the same picture."""
    findings = []
    for camera in episodes.cameras:
        shares = frozen_shares(episodes, camera, limits.same_picture)
        if shares:
            findings.append(
                judge(
                    'frozen camera',
                    camera,
                    shares,
                    'share',
                    Limit(high=limits.frozen),
                    'check the cable, restart the camera, and record these episodes again',
                )
            )
    return findings


def check_distinct(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how much the pictures of the two most similar cameras differ."""
    differences = {
        f'{one}, {other}': float(
            np.median([_difference(e, one, other) for e in episodes.episodes])
        )
        for one, other in combinations(episodes.cameras, 2)
    }
    if not differences:
        return []
    closest = min(differences, key=lambda pair: differences[pair])
    return [
        Finding(
            'cameras alike',
            closest,
            differences[closest],
            'grey levels',
            Limit(low=limits.distinct),
            'two cameras show the same: give each the device, or the topic, of its own, and '
            'record these episodes again',
        )
    ]


def _difference(episode: Episode, one: str, other: str) -> float:
    """Return the mean difference of what two cameras saw first, in one size."""
    first, second = episode.looks[one].start, episode.looks[other].start
    height, width = first.shape[:2]
    same_size = cv2.resize(second, (width, height), interpolation=cv2.INTER_AREA)
    return float(cv2.absdiff(first, same_size).mean())


def frozen_shares(episodes: Episodes, camera: str, same: float) -> dict[int, float]:
    """Return the share of each episode's motion in which a camera sees no change."""
    ranges = episodes.joint_ranges()
    shares = {}
    for e in episodes.episodes:
        moved = steps(e, e.pairs[:-1], e.pairs[1:], ranges) > _STRIDE
        if moved.sum() >= _LEAST:
            shares[e.index] = float((e.looks[camera].strides[moved] < same).mean())
    return shares


def steps(episode: Episode, start: np.ndarray, stop: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """
    Return how far the arm goes between two rows, as a share of its joints' ranges.

    It is the second largest of the joints' steps: one joint alone may move out of sight.
    """
    moved = np.abs(episode.state[stop] - episode.state[start]) / ranges
    return np.sort(moved, axis=1)[:, -2:].min(axis=1)


def _judge_looks(
    name: str,
    episodes: Episodes,
    cameras: Iterable[str],
    value: Callable[[Look], float],
    unit: str,
    limit: Limit,
    mend: str,
) -> list[Finding]:
    """Return what a check finds that takes one number from each look of each camera."""
    return [
        judge(
            name,
            camera,
            {e.index: value(e.looks[camera]) for e in episodes.episodes},
            unit,
            limit,
            mend,
        )
        for camera in cameras
    ]

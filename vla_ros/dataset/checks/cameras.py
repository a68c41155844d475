# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of what the cameras saw: place, focus, light, contrast, frozen pictures."""

import math

import cv2
import numpy as np

from vla_ros.dataset.checks.drift import drift
from vla_ros.dataset.checks.episodes import Episode, Episodes
from vla_ros.dataset.checks.finding import Finding, Limit, judge
from vla_ros.dataset.checks.look import Look, colour_difference
from vla_ros.dataset.checks.thresholds import Thresholds

_COMPACT = 0.035  # of the picture's width: what is thinner is an edge, not an object
_MOVING = 0.01  # of a joint's range in a frame: a movement that a camera sees
_FEW = 24  # episodes, which are enough to see what an object looks like
_LEAST_STARTS = 3  # pictures, of which the median no longer shows the object
_LEAST_PAIRS = 4  # pairs of pictures, of which a share means something


def check_drift(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how far each camera has moved since the reference."""
    findings = []
    for camera in episodes.fixed_cameras():
        width = camera_width(episodes.reference_look(camera))
        findings.append(judge(
            'camera drift', camera, drifts(episodes, camera), 'px',
            Limit(high=limits.drift * width),
            'put the camera back until its picture lies on the reference, fix its mount, and '
            'record these episodes again'))
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
    return [judge('focus', camera, {e.index: e.looks[camera].blur for e in episodes.episodes},
                  'blur', Limit(high=limits.blur),
                  'focus the lens, clean it, or shorten the exposure')
            for camera in episodes.cameras]


def check_brightness(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how bright each camera's pictures are."""
    return [judge('brightness', camera, brightness(episodes, camera), 'of 255',
                  Limit(limits.brightness_low, limits.brightness_high),
                  'change the lamps or the fixed exposure, and record these episodes again')
            for camera in episodes.cameras]


def check_brightness_drift(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how much brighter or darker episodes are than the reference, or than the most."""
    findings = []
    for camera in episodes.cameras:
        values = brightness(episodes, camera)
        usual = episodes.reference[camera].brightness if camera in episodes.reference else (
            float(np.median(list(values.values()))))
        ratios = {index: max(value, 1.0) / max(usual, 1.0) for index, value in values.items()}
        findings.append(judge(
            'brightness drift', camera, ratios, 'ratio',
            Limit(1 / limits.brightness_drift, limits.brightness_drift),
            'keep sunlight out and the lamps fixed, switch automatic exposure off, and record '
            'these episodes again'))
    return findings


def brightness(episodes: Episodes, camera: str) -> dict[int, float]:
    """Return the mean grey level of each episode."""
    return {e.index: e.looks[camera].brightness for e in episodes.episodes}


def check_clipping(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of white or black pixels without detail."""
    return [judge('saturation', camera,
                  {e.index: max(e.looks[camera].bright, e.looks[camera].dark)
                   for e in episodes.episodes},
                  'share', Limit(high=limits.clipped),
                  'lower the exposure or the lamps where it is white, raise them where black')
            for camera in episodes.cameras]


def check_arm_contrast(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how much the arm stands out from the background."""
    return [judge('arm contrast', camera,
                  {e.index: e.looks[camera].contrast for e in episodes.episodes}, 'CIELAB',
                  Limit(low=limits.arm_contrast),
                  'choose a background of another colour or brightness than the arm')
            for camera in episodes.fixed_cameras()]


def check_object_contrast(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """
    Return how much the object stands out, which lies elsewhere in each episode.

    It is what differs between the first pictures of the episodes, and is thicker than the edges
    that an arm or a mug not quite in its place leaves. Fewer than three episodes can't tell.
    """
    if len(episodes.episodes) < _LEAST_STARTS:
        return []
    return [Finding('object contrast', camera, object_contrast(episodes.looks(camera)), 'CIELAB',
                    Limit(low=limits.object_contrast),
                    'choose a background of another colour or brightness than the object: no '
                    'white bag on a white table')
            for camera in episodes.fixed_cameras()]


def object_contrast(looks: list[Look]) -> float:
    """Return the CIELAB difference of the object to the background, median of the looks."""
    few = looks[::math.ceil(len(looks) / _FEW)]
    starts = np.array([look.start for look in few], np.float32)
    means = starts.mean(axis=(1, 2, 3), keepdims=True)
    starts *= np.median(means) / np.maximum(means, 1)
    empty = np.median(starts, axis=0)
    size = max(3, round(_COMPACT * empty.shape[1])) | 1
    kernel = np.ones((size, size), np.uint8)
    peaks = [cv2.erode(colour_difference(start, empty), kernel).max() for start in starts]
    return float(np.median(peaks))


def check_repeated(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of pictures that repeat the one before although the arm moves."""
    findings = []
    for camera in episodes.cameras:
        repeats = repeated(episodes, camera, limits.same_picture)
        judged = np.concatenate(list(repeats.values()))
        if len(judged) >= _LEAST_PAIRS:
            findings.append(Finding(
                'repeated frames', camera, float(judged.mean()), 'share',
                Limit(high=limits.repeated),
                'lower the frame rate or the resolution, or give the camera a USB port of its '
                'own'))
    return findings


def check_frozen(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of pictures that stand still in the worst episode of each camera."""
    findings = []
    for camera in episodes.cameras:
        shares = {index: float(repeats.mean())
                  for index, repeats in repeated(episodes, camera, limits.same_picture).items()
                  if len(repeats) >= _LEAST_PAIRS}
        if shares:
            findings.append(judge(
                'frozen camera', camera, shares, 'share', Limit(high=limits.frozen),
                'check the cable, restart the camera, and record these episodes again'))
    return findings


def repeated(episodes: Episodes, camera: str, same: float) -> dict[int, np.ndarray]:
    """Return for each episode which of the pairs taken in motion show the same picture twice."""
    ranges = episodes.joint_ranges()
    return {e.index: e.looks[camera].changes[moving(e, ranges)] < same
            for e in episodes.episodes}


def moving(episode: Episode, ranges: np.ndarray) -> np.ndarray:
    """Return during which pairs of pictures the arm moves visibly, (pairs,) bool."""
    steps = np.abs(np.diff(episode.state, axis=0))[episode.pairs] / ranges
    return steps.max(axis=1) > _MOVING

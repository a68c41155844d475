# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reduce the pictures that a camera took in one episode to what the checks compare."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

WIDTH = 320  # pixels; larger pictures are reduced, which the checks do not miss
_BRIGHT, _DARK = 250, 5  # grey levels from which a pixel counts as clipped
_BLOCK = 4  # pixels; a movement is looked for in blocks of this size
_FIRST = 2  # pictures at the beginning that show the object where it lay
_GONE = 3  # the last part of the pictures, a third, shows what was under it
_CALM = 24.0  # levels of any colour by which a pixel may vary among them; the arm varies by more
_THIN = 0.015  # of the picture's width; what is thinner is an edge, not an object
_OBJECT = 0.002  # share of the picture that an object covers where it is well seen


@dataclass(frozen=True)
class Look:
    """
    How one camera saw one episode, at most WIDTH pixels wide.

    start, background (height, width, 3) uint8: the first picture, and the median over time,
    in which nothing moves; spread (height, width) float32: by how much each pixel varies, grey
    levels; changes (pairs,): the strongest difference between two successive pictures; strides
    (pairs - 1,): that between the first pictures of successive pairs.
    """

    start: np.ndarray
    background: np.ndarray
    spread: np.ndarray
    changes: np.ndarray  # grey levels
    strides: np.ndarray  # grey levels
    brightness: float  # mean grey level, 0 to 255
    bright: float  # share of the pixels that are white and hold no detail
    dark: float  # share of the pixels that are black
    blur: float  # 0 sharp, 1 blurred
    contrast: float  # grey levels between the darkest and the brightest fiftieth
    arm_contrast: float  # CIELAB difference between the arm and the background
    object_contrast: float  # CIELAB difference between the object and what it lay on
    scale: float = 1.0  # pixels of the camera in a pixel here


def look_at(pairs: np.ndarray) -> Look:
    """
    Return the Look of pairs of successive pictures spread over an episode.

    pairs (pairs, 2, height, width, 3) uint8 RGB; raises ValueError for another shape.
    """
    if pairs.ndim != 5 or pairs.shape[1] != 2 or pairs.shape[-1] != 3:
        raise ValueError(f'pairs: got shape {pairs.shape}, expected (n, 2, height, width, 3)')
    scale = max(1.0, pairs.shape[3] / WIDTH)
    small = np.array([[reduce_size(picture, scale) for picture in pair] for pair in pairs])
    first = small[:, 0]
    background = np.median(first, axis=0).astype(np.uint8)
    grey = first.mean(axis=-1, dtype=np.float32)
    low, high = np.percentile(grey, [10, 90], axis=0)
    return Look(
        start=first[0],
        background=background,
        spread=(high - low).astype(np.float32),
        changes=np.array([strongest_change(*pair) for pair in small]),
        strides=np.array([strongest_change(*pair) for pair in pairwise(first)]),
        brightness=float(grey.mean()),
        bright=float((grey >= _BRIGHT).mean()),
        dark=float((grey <= _DARK).mean()),
        blur=float(np.median([blur(picture) for picture in grey])),
        contrast=float(np.subtract(*np.percentile(grey, [98, 2]))),
        arm_contrast=arm_contrast(first, background),
        object_contrast=object_contrast(first),
        scale=scale,
    )


def reduce_size(picture: np.ndarray, scale: float) -> np.ndarray:
    """Return a picture 1 / scale as wide and high; the same one for a scale of 1."""
    if scale <= 1.0:
        return picture
    height, width = picture.shape[:2]
    size = (round(width / scale), round(height / scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def strongest_change(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest difference of two pictures, in grey levels, averaged over a block."""
    difference = cv2.absdiff(first, second).mean(axis=-1, dtype=np.float32)
    return float(cv2.blur(difference, (_BLOCK, _BLOCK)).max())


def blur(grey: np.ndarray) -> float:
    """
    Return how blurred a picture is, from 0 to 1, without a sharp one to compare with.

    A sharp picture loses much of its variation when it is blurred once more (Crete et al.,
    "The blur effect", 2007); here with a box of 5 pixels, the worse of both directions.
    """
    losses = []
    for axis, box in ((0, (1, 5)), (1, (5, 1))):
        before = np.abs(np.diff(grey, axis=axis))
        after = np.abs(np.diff(cv2.blur(grey, box), axis=axis))
        losses.append(np.maximum(0, before - after).sum() / max(before.sum(), 1e-6))
    return float(1 - min(losses))


def arm_contrast(pictures: np.ndarray, background: np.ndarray) -> float:
    """Return how much the arm stands out: the upper 10 % of the differences, CIELAB units."""
    difference = [colour_difference(picture, background) for picture in pictures]
    return float(np.percentile(np.max(difference, axis=0), 90))


def object_contrast(pictures: np.ndarray) -> float:
    """
    Return how much the object stands out, in CIELAB units, from what was under it.

    It is what looks one way in the first pictures and another way throughout the last third:
    there was the object, and now there is what it lay on. Where it is put down does not count,
    as it is not there for so long, nor does the arm, which moves in between. The value is what
    the most different 0.2 % of the picture differ by, so a mark on the object does not do.
    """
    last = max(_FIRST, len(pictures) // _GONE)
    before, after = pictures[:_FIRST], pictures[-last:]
    difference = colour_difference(np.median(before, axis=0), np.median(after, axis=0))
    thin = max(2, round(_THIN * difference.shape[1]))
    compact = cv2.morphologyEx(
        difference * (_is_calm(before) & _is_calm(after)),
        cv2.MORPH_OPEN,
        np.ones((thin, thin), np.uint8),
    )
    return float(np.quantile(np.asarray(compact, float), 1 - _OBJECT))


def _is_calm(pictures: np.ndarray) -> np.ndarray:
    """Return which pixels (height, width) look alike in all pictures, in every colour."""
    return (pictures.max(axis=0) - pictures.min(axis=0) < _CALM).all(axis=-1)


def colour_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the difference of two RGB pictures (height, width); 2.3 is just noticeable."""
    return np.linalg.norm(_lab(first) - _lab(second), axis=-1)


def _lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)

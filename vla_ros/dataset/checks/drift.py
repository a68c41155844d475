# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far a camera has moved: two pictures of the same scene, registered to part of a pixel."""

from typing import NamedTuple

import cv2
import numpy as np

from vla_ros.dataset.checks.picture_statistics import Look

_BLURS = (4.0, 2.0, 1.0, 0.6)  # pixels; the first catches large movements, the last is exact
_STEPS = 12
_TUKEY = 4.685  # of the standard deviation: 95 % efficiency for normal errors (Huber, 1981)
_STATIC = 10.0  # grey levels a pixel may vary by in an episode and still be background


class Motion(NamedTuple):
    """Where the picture went: x, y in pixels, and a turn about its centre in rad."""

    x: float
    y: float
    turn: float


def drift(reference: Look, look: Look) -> float:
    """Return how far the picture has moved, in pixels of the camera, root mean square."""
    still = (reference.spread < _STATIC) & (look.spread < _STATIC)
    motion = register(_grey(reference.background), _grey(look.background), still)
    return displacement(motion, still.shape) * look.scale


def displacement(motion: Motion, shape: tuple[int, ...]) -> float:
    """Return the root mean square over a picture (height, width) of how far its pixels went."""
    inertia = (shape[0] ** 2 + shape[1] ** 2) / 12
    return float(np.sqrt(motion.x**2 + motion.y**2 + motion.turn**2 * inertia))


def register(reference: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> Motion:
    """
    Return the motion from one grey picture (height, width) to the other, where mask is true.

    Gauss-Newton steps on the grey levels, brightness and contrast estimated along, with Tukey's
    weights: things that were put elsewhere (an object, the arm) do not count.
    """
    values = np.array([0.0, 0.0, 0.0, 1.0, 0.0])  # x, y, turn, gain, offset
    for sigma in _BLURS:
        target, source = (
            cv2.GaussianBlur(p.astype(np.float32), (0, 0), sigma) for p in (reference, picture)
        )
        for _ in range(_STEPS):
            step = _step(target, source, mask, values)
            values += step
            if np.abs(step[:2]).max() < 0.005 * sigma**2:
                break
    return Motion(*values[:3])


def _step(
    target: np.ndarray, source: np.ndarray, mask: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Return the change of x, y, turn, gain and offset that one weighted least squares asks."""
    height, width = target.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    cos, sin = np.cos(values[2]), np.sin(values[2])
    at_x = (cos * x - sin * y + (width - 1) / 2 + values[0]).astype(np.float32)
    at_y = (sin * x + cos * y + (height - 1) / 2 + values[1]).astype(np.float32)
    moved = cv2.remap(source, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = mask & (at_x > 1) & (at_x < width - 2) & (at_y > 1) & (at_y < height - 2)
    if seen.sum() < 50:
        return np.zeros(5)
    right = cv2.Sobel(moved, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(moved, cv2.CV_32F, 0, 1, scale=1 / 8)
    turn = down * x - right * y
    error = (target - values[3] * moved - values[4])[seen]
    columns = np.stack(
        [values[3] * right, values[3] * down, values[3] * turn, moved, np.ones_like(moved)],
        axis=-1,
    )[seen].astype(float)
    weighted = columns * _tukey(error)[:, None]
    normal = weighted.T @ columns
    return np.linalg.lstsq(normal, weighted.T @ error, rcond=1e-12)[0]


def _tukey(error: np.ndarray) -> np.ndarray:
    """Return weights from 1 to 0; the half grey level is what rounding leaves."""
    scale = 1.4826 * np.median(np.abs(error)) + 0.5
    return (1 - np.minimum(1, (error / (_TUKEY * scale)) ** 2)) ** 2


def _grey(picture: np.ndarray) -> np.ndarray:
    return picture.mean(axis=-1, dtype=np.float32)

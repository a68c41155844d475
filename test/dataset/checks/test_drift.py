# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Registration of pictures: exact on known movements, blind to what was put elsewhere."""

import cv2
import numpy as np
import pytest

from vla_ros.dataset.checks.drift import displacement, register

MASK = np.ones((96, 128), bool)


def picture(seed=0):
    """Return a smooth random picture with some edges, larger than a camera's."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (136, 168)).astype(np.float32), (0, 0), 2.5)
    scene = 110 + 60 * noise / noise.std() * 0.4
    scene[40:90, 50:100] += 60
    return scene


def crop(scene, x=0.0, y=0.0, turn=0.0):
    """Return what a camera sees that was moved by x, y (pixels) and turn (rad)."""
    matrix = cv2.getRotationMatrix2D((84, 68), np.degrees(turn), 1.0)
    matrix[:, 2] += (x, y)
    return cv2.warpAffine(scene, matrix, (168, 136), flags=cv2.INTER_CUBIC)[20:116, 20:148]


@pytest.mark.parametrize(('x', 'y'), [(0, 0), (0.3, -0.2), (-1.7, 2.4), (6.0, -5.0)])
def test_shift_is_measured_to_a_tenth_of_a_pixel(x, y):
    motion = register(crop(picture()), crop(picture(), x, y), MASK)
    assert (motion.x, motion.y) == (pytest.approx(x, abs=0.1), pytest.approx(y, abs=0.1))


def test_turn_about_the_centre_counts_by_how_far_the_pixels_went():
    motion = register(crop(picture()), crop(picture(), turn=np.radians(1)), MASK)
    assert abs(motion.turn) == pytest.approx(np.radians(1), rel=0.1)
    assert displacement(motion, MASK.shape) == pytest.approx(np.radians(1) * 46.2, rel=0.1)


def test_other_light_is_no_movement():
    motion = register(crop(picture()), crop(picture()) * 0.6 + 8, MASK)
    assert displacement(motion, MASK.shape) < 0.02


def test_object_put_elsewhere_is_no_movement():
    later = crop(picture())
    later[10:26, 20:36] = 230
    later[60:80, 90:115] = 20
    assert displacement(register(crop(picture()), later, MASK), MASK.shape) < 0.1


def test_picture_without_any_detail_gives_no_movement():
    flat = np.full((96, 128), 120.0)
    assert displacement(register(flat, flat, MASK), MASK.shape) == 0

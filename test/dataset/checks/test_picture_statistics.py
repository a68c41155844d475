# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is measured in the pictures of one camera."""

import cv2
import numpy as np
import pytest

from vla_ros.dataset.checks.picture_statistics import look_at


def scene(width=128, height=96):
    """Return a grey table with edges and grain, (height, width, 3) uint8."""
    rng = np.random.default_rng(0)
    picture = rng.integers(80, 96, (height, width, 3)).astype(np.uint8)
    picture[height // 2 :, : width // 4] = (30, 90, 200)
    return picture


def episode(picture, arm=(255, 210, 30), bag=None, count=8):
    """Return pairs of pictures in which an arm sweeps, and a bag vanishes in the middle."""
    pictures = []
    for number in range(2 * count):
        view = picture.copy()
        if bag is not None and number < count:
            view[8:16, 100:110] = bag
        view[40:90, 30 + 4 * number : 36 + 4 * number] = arm
        pictures.append(view)
    return np.array(pictures).reshape(count, 2, *picture.shape)


def test_background_is_what_the_arm_uncovers():
    look = look_at(episode(scene()))
    assert np.abs(look.background.astype(int) - scene()).max() == 0


def test_object_stands_out_where_it_lay_and_the_arm_does_not_count():
    assert look_at(episode(scene(), bag=(250, 250, 245))).object_contrast > 40
    assert look_at(episode(scene(), bag=(88, 88, 88))).object_contrast < 5
    assert look_at(episode(scene())).object_contrast < 5


def test_object_that_only_stands_out_where_it_is_put_down_has_no_contrast():
    pairs = episode(scene(), bag=(88, 88, 88), count=12)
    pairs[-2:, :, 70:80, 4:14] = (250, 250, 245)  # white in a blue mug, and still at the end
    assert look_at(pairs).object_contrast < 5


def test_mark_on_an_object_that_does_not_stand_out_has_no_contrast():
    pairs = episode(scene(), bag=(88, 88, 88))
    pairs[:4, :, 8:12, 112:116] = (230, 40, 40)
    assert look_at(pairs).object_contrast < 5


def test_arm_as_bright_as_what_it_covers_at_the_end_is_not_taken_for_the_table():
    pairs = episode(scene(), bag=(88, 88, 88), count=12)
    pairs[-4:-1, :, 8:16, 100:110] = (124, 70, 70)  # the mean of each is 88
    assert look_at(pairs).object_contrast < 5


def test_noise_of_the_camera_hides_no_object():
    noise = np.random.default_rng(1).normal(0, 3, (8, 2, 96, 128, 3))
    pairs = np.clip(episode(scene(), bag=(250, 250, 245)) + noise, 0, 255).astype(np.uint8)
    assert look_at(pairs).object_contrast > 40


def test_arm_of_the_colour_of_the_table_has_no_contrast():
    assert look_at(episode(scene())).arm_contrast > 50
    assert look_at(episode(scene(), arm=(88, 88, 88))).arm_contrast < 8


def test_blur_rises_with_the_lens_out_of_focus():
    pairs = episode(scene())
    blurred = np.array([[cv2.GaussianBlur(p, (0, 0), 1.5) for p in pair] for pair in pairs])
    assert look_at(pairs).blur + 0.2 < look_at(blurred).blur


def test_repeated_picture_has_no_change():
    pairs = episode(scene())
    pairs[3, 1] = pairs[3, 0]
    changes = look_at(pairs).changes
    assert changes[3] == 0 and np.delete(changes, 3).min() > 20


def test_large_pictures_are_reduced_and_remember_their_size():
    look = look_at(episode(scene(640, 480)))
    assert look.background.shape == (240, 320, 3) and look.scale == 2


def test_pictures_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r'expected \(n, 2, height, width, 3\)'):
        look_at(np.zeros((4, 96, 128, 3), np.uint8))

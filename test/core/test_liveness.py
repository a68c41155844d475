# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A camera that shows a moved arm the same picture is frozen; nothing else is."""

import numpy as np

from vla_ros.core.liveness import MOVED, CameraWatch

REST = np.zeros(6)
FAR, NEAR = REST + [0, 0, 1.1 * MOVED, 0, 0, 0], REST + 0.9 * MOVED


def picture(level):
    return np.full((4, 6, 3), level, np.uint8)


def test_same_picture_of_a_moved_arm_is_frozen_until_it_changes():
    watch = CameraWatch()
    assert not watch.frozen({'top': picture(1), 'left': picture(1)}, REST)
    assert watch.frozen({'top': picture(1), 'left': picture(2)}, FAR) == ['top']
    assert watch.frozen({'top': picture(1), 'left': picture(2)}, FAR) == ['top']
    assert not watch.frozen({'top': picture(3), 'left': picture(2)}, FAR)


def test_same_picture_of_an_arm_that_hardly_moved_is_none():
    watch = CameraWatch()
    assert not watch.frozen({'top': picture(1)}, REST)
    assert not watch.frozen({'top': picture(1)}, NEAR)


def test_small_steps_without_a_new_picture_add_up():
    watch = CameraWatch()
    steps = [watch.frozen({'top': picture(1)}, REST + 0.25 * MOVED * step) for step in range(6)]
    assert [bool(step) for step in steps] == [False] * 5 + [True]


def test_buffer_that_a_driver_writes_over_is_not_taken_for_the_last_picture():
    watch, buffer = CameraWatch(), picture(1)
    watch.frozen({'top': buffer}, REST)
    buffer[:] = 2
    assert not watch.frozen({'top': buffer}, FAR)

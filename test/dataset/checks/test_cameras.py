# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of the cameras: clean pictures pass, and each defect is found by its check."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from vla_ros.dataset.checks import cameras
from vla_ros.dataset.checks.catalogue import run_checks
from vla_ros.dataset.checks.thresholds import Thresholds

pytest.importorskip('mujoco')

from vla_ros.sim.defects import move_camera, turn_camera, whiten_table

LIMITS = Thresholds()
PAIRS = 12


def judge(check, episodes, reference=None):
    """Return the check's verdict by scope, with the looks of another recording as reference."""
    if reference is not None:
        episodes = replace(episodes, reference=reference.episodes[0].looks)
    return {f.scope.partition(':')[0]: f.passed for f in check(episodes, LIMITS)}


def shift(camera, axis):
    return partial(move_camera, camera=camera, metres=0.005, axis=axis)


def turn(camera, axis):
    return partial(turn_camera, camera=camera, degrees=1.0, axis=axis)


def test_clean_pictures_pass_every_check(clean):
    assert not [
        f
        for f in run_checks(clean, replace(LIMITS, clusters=(2, 5, 8, 11)))
        if not f.passed and f.name != 'recovery share'
    ]


def test_camera_on_the_arm_is_not_taken_for_a_fixed_one(clean):
    assert list(clean.fixed_cameras()) == ['top', 'left']


@pytest.mark.parametrize(
    'change', [shift('top', 0), shift('top', 1), turn('top', 2), shift('left', 0), turn('left', 1)]
)
def test_camera_moved_5_mm_or_turned_1_degree_is_found(film, clean, change):
    moved = film(change)
    verdicts = judge(cameras.check_drift, moved, clean)
    assert sorted(verdicts.values()) == [False, True]  # and the other camera is not blamed


def test_camera_moved_between_two_episodes_names_those_after_it(film, clean):
    moved = film(turn('left', 1))
    both = replace(clean, episodes=[*clean.episodes[:2], *moved.episodes[2:]])
    finding = next(f for f in cameras.check_drift(both, LIMITS) if not f.passed)
    assert finding.scope == 'left: episodes 2-3' and 1.5 < finding.value < 2.5


def test_lights_turned_down_are_found_with_and_without_the_episodes_before(film, clean):
    dark = film(light=0.4)
    assert False in judge(cameras.check_brightness, dark).values()
    assert not any(judge(cameras.check_brightness_drift, dark, clean).values())
    mixed = replace(clean, episodes=[*clean.episodes[:3], *dark.episodes[3:]])
    assert not any(judge(cameras.check_brightness_drift, mixed).values())
    assert all(judge(cameras.check_drift, mixed).values())


def test_white_bag_on_a_white_table_is_found(film):
    white = film(whiten_table)
    assert not judge(cameras.check_object_contrast, white)['top']
    assert not all(judge(cameras.check_clipping, white).values())


def test_camera_out_of_focus_is_found(film):
    def defocus(camera, pictures):
        if camera != 'left':
            return pictures
        return np.array([[cv2.GaussianBlur(p, (0, 0), 1.0) for p in pair] for pair in pictures])

    verdicts = judge(cameras.check_focus, film(retouch=defocus))
    assert verdicts == {'top': True, 'left': False, 'gripper': True}


def test_frozen_camera_is_found_and_named(film):
    def freeze(camera, pictures):
        if camera == 'gripper':
            pictures[PAIRS // 4 :] = pictures[PAIRS // 4, 0]
        return pictures

    frozen = film(retouch=freeze)
    expected = {'top': True, 'left': True, 'gripper': False}
    assert judge(cameras.check_frozen, frozen) == expected
    assert judge(cameras.check_repeated, frozen) == expected


def test_tenth_of_the_pictures_repeated_is_found_although_no_episode_froze(film):
    def repeat(camera, pictures):
        pictures[[3, 8], 1] = pictures[[3, 8], 0]  # of 12, at half of which the arm moves
        return pictures

    repeated = film(retouch=repeat)
    assert not any(judge(cameras.check_repeated, repeated).values())


def test_arm_of_the_colour_of_the_table_is_found(film):
    def paint(model):
        for name in ('arm', 'servo', 'pad'):
            model.mat_rgba[model.material(name).id, :3] = (0.36, 0.27, 0.20)

    assert not all(judge(cameras.check_arm_contrast, film(paint)).values())


def test_two_cameras_that_show_the_same_are_found(clean):
    assert judge(cameras.check_distinct, clean) == {'top, gripper': True}
    same = [replace(e, looks=e.looks | {'left': e.looks['top']}) for e in clean.episodes]
    (finding,) = cameras.check_distinct(replace(clean, episodes=same), LIMITS)
    assert (finding.scope, finding.passed, finding.value) == ('top, left', False, 0.0)

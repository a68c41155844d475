# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Columns and motors keep names of their own on the way to topics and robots."""

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.feature_names import camera_name, camera_names, joint_names


@pytest.mark.parametrize(
    ('key', 'name'),
    [
        ('observation.images.top', 'top'),
        ('observation.images.left.wrist', 'left_wrist'),
        ('observation.images.right.wrist', 'right_wrist'),
        ('observation.images.cam-0/rgb', 'cam_0_rgb'),
        ('observation.image', 'image'),
        ('observation.image.top', 'top'),
        ('observation.side', 'side'),
        ('top', 'top'),
        ('observation.images.0', 'camera_0'),  # no name in a topic begins with a digit
        ('observation.images.832112070255', 'camera_832112070255'),
    ],
)
def test_camera_has_the_whole_rest_of_its_column_as_its_name(key, name):
    assert camera_name(key) == name


def test_cameras_whose_names_end_alike_stay_two():
    keys = ['observation.images.left.wrist', 'observation.images.right.wrist']
    assert list(camera_names(keys).values()) == keys


@pytest.mark.parametrize(
    'twin', ['observation.images.a_b', 'observation.images.a/b', 'observation.a.b']
)
def test_cameras_that_would_have_one_name_are_refused(twin):
    with pytest.raises(ConfigError, match='observation.images.a.b and .* both called a_b in top'):
        camera_names(['observation.images.a.b', twin])


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['pan', 'grip'], ('pan', 'grip')),
        (['pan.pos', 'grip.pos'], ('pan', 'grip')),
        (['arm.pan.pos', 'x.vel'], ('arm.pan', 'x.vel')),
        (['pan', 'pan.pos'], ('pan', 'pan.pos')),
        ([['pan', 'grip']], ('pan', 'grip')),
        ({'motors': ['pan', 'grip']}, ('pan', 'grip')),
        ({'left': ['pan'], 'right': ['grip']}, ('pan', 'grip')),
        ({'grip': 1, 'pan': 0}, ('pan', 'grip')),
        ({'grip': '1', 'pan': '0'}, ('pan', 'grip')),
        ({'1': 'grip', '0': 'pan'}, ('pan', 'grip')),
        ('motors', ()),
        ({}, ()),
        (None, ()),
        ([], ()),
        ([0, 1], ('0', '1')),
    ],
)
def test_joints_are_named_in_every_form_that_lerobot_has(names, expected):
    assert joint_names({'names': names}) == expected


def test_feature_that_does_not_say_names_has_none():
    assert joint_names({'dtype': 'float32'}) == ()


@pytest.mark.parametrize('names', [['state'], {'motors': ['a', 'b', 'c']}, 'state', None])
def test_names_that_are_not_one_for_each_number_are_none(names):
    assert joint_names({'names': names, 'shape': (2,)}) == ()
    assert joint_names({'names': ['pan', 'grip'], 'shape': [2]}) == ('pan', 'grip')


def test_two_numbers_of_one_name_are_refused():
    with pytest.raises(ConfigError, match='got pan for several numbers'):
        joint_names({'names': ['pan', 'grip', 'pan'], 'shape': (3,)})

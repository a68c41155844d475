# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""camera_info out of a calibration file."""

import math

import pytest
import yaml

from vla_ros.core.errors import ConfigError
from vla_ros.hardware.camera import Size
from vla_ros.ros.camera_info import load_camera_info, pinhole

K = [600.0, 0.0, 322.0, 0.0, 601.0, 238.0, 0.0, 0.0, 1.0]
CALIBRATION = {
    'image_width': 640,
    'image_height': 480,
    'camera_name': 'top',
    'camera_matrix': {'rows': 3, 'cols': 3, 'data': K},
    'distortion_model': 'plumb_bob',
    'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [0.1, -0.2, 0, 0, 0]},
    'rectification_matrix': {'rows': 3, 'cols': 3, 'data': [1, 0, 0, 0, 1, 0, 0, 0, 1]},
    'projection_matrix': {
        'rows': 3,
        'cols': 4,
        'data': [590, 0, 321, 0, 0, 591, 239, 0, 0, 0, 1, 0],
    },
}


def write(folder, **changes):
    content = {**CALIBRATION, **changes}
    path = folder / 'top.yaml'
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


def test_file_is_read_as_camera_calibration_wrote_it(tmp_path):
    info = load_camera_info(write(tmp_path), Size(640, 480))
    assert info.k.tolist() == K and info.p[6] == 239.0
    assert info.d.tolist() == [0.1, -0.2, 0.0, 0.0, 0.0]
    assert (info.width, info.height, info.distortion_model) == (640, 480, 'plumb_bob')


def test_calibration_of_larger_pictures_is_scaled(tmp_path):
    info = load_camera_info(write(tmp_path), Size(160, 120))
    assert info.k.tolist() == [150.0, 0, 80.5, 0, 150.25, 59.5, 0, 0, 1.0]
    assert info.p.tolist()[:3] == [147.5, 0.0, 80.25] and info.p[10] == 1.0
    assert info.r.tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert info.d.tolist() == [0.1, -0.2, 0, 0, 0]


@pytest.mark.parametrize(
    'change, complaint',
    [
        ({'image_height': 360}, 'was made for pictures of 640 x 360, which are of another shape'),
        ({'image_width': 'wide'}, 'got the size wide x 480'),
        ({'distortion_model': 'fisheye'}, "5 coefficients of the model 'fisheye', expected one"),
        ({'camera_matrix': {'data': K[:8]}}, 'camera_matrix: got 8 values, expected 9'),
        (
            {'camera_matrix': {'data': [*K[:8], math.nan]}},
            'camera_matrix: got .*numbers',
        ),
        ({'camera_matrix': K}, 'camera_matrix: got .*expected data'),
        ({'projection_matrix': None}, 'got no projection_matrix'),
        ({'skew': 0.0}, 'unknown key skew'),
    ],
)
def test_what_is_wrong_in_a_calibration_is_named(tmp_path, change, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_camera_info(write(tmp_path, **change), Size(640, 480))


def test_pinhole_without_a_field_of_view_says_that_it_is_not_calibrated():
    assert not pinhole(Size(64, 48), 0.0).k.any()
    assert pinhole(Size(64, 48), math.pi / 2).k[0] == pytest.approx(24.0)

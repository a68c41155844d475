# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures keep their colours on the way to the browser."""

import cv2
import numpy as np
import pytest

from vla_ros.core.errors import VlaError
from vla_ros.view.pictures import encode_jpeg


def decode(data):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB)


def test_red_stays_red():
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[..., 0] = 200
    shown = decode(encode_jpeg(picture, 640))
    assert shown.shape == (48, 64, 3)
    np.testing.assert_allclose(shown.mean(axis=(0, 1)), [200, 0, 0], atol=4)


def test_a_wide_picture_is_made_smaller_and_keeps_its_shape():
    assert decode(encode_jpeg(np.zeros((480, 640, 3), np.uint8), 160)).shape == (120, 160, 3)


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(VlaError, match='got 0 x 4 pixels'):
        encode_jpeg(np.zeros((4, 0, 3), np.uint8), 160)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sizes of pictures have one notation."""

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.core.picture_size import LARGEST, PictureSize, parse_size


def test_the_width_comes_first():
    assert parse_size('640x480') == PictureSize(width=640, height=480)


def test_a_size_is_written_as_it_is_read():
    assert parse_size(str(PictureSize(64, 48))) == PictureSize(64, 48)


@pytest.mark.parametrize(
    'text',
    ['', 'x', '640', '640x', 'x480', '0x480', '640x0', '-640x480', '640 x 480', '640X480', '6.4x4']
    + ['32x²', '٦٤x٤٨', '640x480x3', '640x480\n', f'{LARGEST + 1}x480', '9' * 5000 + 'x1'],
)
def test_a_text_that_is_no_size_is_named(text):
    with pytest.raises(ConfigError, match='--size: got .*expected WIDTHxHEIGHT'):
        parse_size(text)


def test_what_the_size_is_of_is_told():
    with pytest.raises(ConfigError, match="cameras: top: got '64'"):
        parse_size('64', 'cameras: top')

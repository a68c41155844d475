# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The size of pictures, as users write it everywhere: WIDTHxHEIGHT."""

import re
from typing import NamedTuple

from vla_ros.core.errors import ConfigError

NOTATION = 'WIDTHxHEIGHT'  # in the order of LeRobot's cameras and of sensor_msgs/CameraInfo
LARGEST = 2**14  # px, of a side
_SIZE = re.compile(r'([0-9]{1,5})x([0-9]{1,5})')


class PictureSize(NamedTuple):
    """Width and height of a picture in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        """Return the size as `parse_size` reads it."""
        return f'{self.width}x{self.height}'


def parse_size(text: str, what: str = '--size') -> PictureSize:
    """
    Return the size that ``WIDTHxHEIGHT`` says, in pixels.

    Raise ConfigError, beginning with ``what``, for another text and for sides that no picture has.
    """
    match = _SIZE.fullmatch(text)
    size = PictureSize(*(int(side) for side in match.groups())) if match else PictureSize(0, 0)
    if not all(0 < side <= LARGEST for side in size):
        raise ConfigError(
            f'{what}: got {text!r}, expected {NOTATION} in px, such as 640x480, each side 1 to '
            f'{LARGEST}'
        )
    return size

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The topics of cameras: plain pictures, or compressed ones as image_transport names them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from vla_ros.core.errors import ConfigError, suggest
from vla_ros.core.picture import picture_from_file
from vla_ros.ros import messages
from vla_ros.ros.params import parse_names

EVERY_CAMERA = 'all'
COMPRESSED_CAMERAS = (
    'Cameras, separated by commas, of which image_raw/compressed (JPEG or PNG) is taken in place '
    f'of image_raw; {EVERY_CAMERA}: every one.'
)


class CameraTopic(NamedTuple):
    """Where the pictures of a camera come from."""

    name: str
    msg_type: type


def camera_topics(cameras: Sequence[str], compressed: str) -> dict[str, CameraTopic]:
    """
    Return the topic of each camera's pictures, given the value of compressed_cameras.

    Raise ConfigError for one that there is not.
    """
    chosen = parse_names(compressed)
    for name in chosen:
        if name not in (*cameras, EVERY_CAMERA):
            raise ConfigError(
                f'compressed_cameras: got {name!r}, expected {EVERY_CAMERA}, or some of '
                f'{", ".join(cameras)}{suggest(name, cameras)}'
            )
    return {
        camera: CameraTopic(f'camera/{camera}/image_raw/compressed', CompressedImage)
        if {camera, EVERY_CAMERA} & set(chosen)
        else CameraTopic(f'camera/{camera}/image_raw', Image)
        for camera in cameras
    }


def read_image(msg: Image | CompressedImage, what: str) -> np.ndarray:
    """Return the picture as RGB, (H, W, 3) uint8; raise VlaError, naming ``what``, for none."""
    if isinstance(msg, CompressedImage):
        return picture_from_file(msg.data, msg.format, what)
    return messages.image_from_msg(msg, what)

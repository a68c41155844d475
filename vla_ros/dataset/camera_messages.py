# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of recorded messages, plain or compressed."""

import numpy as np

from vla_ros.core.picture import picture_from_bytes, picture_from_file
from vla_ros.dataset.bag import Message, decode
from vla_ros.dataset.streams import COMPRESSED


def read_picture(message: Message) -> np.ndarray:
    """
    Return the picture (height, width, 3) uint8 RGB of an Image or a CompressedImage.

    Raise VlaError, which names the topic, for one that is damaged or has no colours.
    """
    msg = decode(message)
    if message.msgtype == COMPRESSED:
        return picture_from_file(msg.data, msg.format, message.topic)
    size, big_endian = (msg.height, msg.width), bool(msg.is_bigendian)
    return picture_from_bytes(msg.data, msg.encoding, size, msg.step, message.topic, big_endian)

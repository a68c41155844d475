# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Camera pictures for a browser."""

import cv2
import numpy as np

from vla_ros.core.errors import VlaError

QUALITY = 85  # of JPEG, 0..100


def encode_jpeg(picture: np.ndarray, largest_width: int) -> bytes:
    """
    Return an RGB picture, (H, W, 3) uint8, as JPEG, made smaller where it is wider than that.

    Raise VlaError for a picture without pixels.
    """
    height, width = picture.shape[:2]
    if not picture.size:
        raise VlaError(f'picture: got {width} x {height} pixels, expected some')
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    if width > largest_width:
        size = (largest_width, max(1, round(height * largest_width / width)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(data)

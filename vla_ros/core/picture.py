# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures as cameras send them, made into what policies and datasets take: RGB."""

from typing import Any

import numpy as np

from vla_ros.core.errors import VlaError

CHANNELS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}


def picture_from_bytes(
    data: Any, encoding: str, size: tuple[int, int], step: int, what: str = 'image'
) -> np.ndarray:
    """
    Return a picture of ``size`` (height, width) as RGB, (height, width, 3) uint8.

    Take rgb8, bgr8 and mono8 in rows of ``step`` bytes, padded or not; the result shares the
    memory of ``data``. Raise VlaError, which names ``what``, for any other encoding and where the
    bytes do not fill the picture.
    """
    height, width = size
    if encoding not in CHANNELS:
        raise VlaError(
            f'{what}: got encoding {encoding!r}, expected one of {sorted(CHANNELS)}; '
            'set the camera driver to rgb8'
        )
    channels = CHANNELS[encoding]
    if not len(data) or step < width * channels or len(data) < height * step:
        raise VlaError(
            f'{what}: got {len(data)} bytes with step {step}, expected {width} x {height} '
            f'{encoding}; mend the camera driver'
        )
    rows = np.frombuffer(data, np.uint8, height * step).reshape(height, step)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    if encoding == 'mono8':
        return np.broadcast_to(pixels, (height, width, 3))
    return pixels if encoding == 'rgb8' else pixels[:, :, ::-1]

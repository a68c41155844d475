# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures as cameras send and recorders keep them, made into what policies and datasets take: RGB.

The names are those of sensor_msgs/image_encodings.hpp, what they mean is as in cv_bridge. OpenCV
is loaded for those formats only that NumPy cannot take apart.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.errors import VlaError


class _Pixels(NamedTuple):
    """How the pixels of a picture lie in its rows."""

    channels: int
    colours: tuple[int, int, int]  # which of the channels are red, green and blue
    size: int = 1  # bytes of a channel


class _Coded(NamedTuple):
    """A picture that OpenCV converts."""

    width: int  # bytes of a row for each pixel of it
    rows: float  # of the data, for each row of the picture
    code: str  # OpenCV's


_RGB, _BGR, _GREY = (0, 1, 2), (2, 1, 0), (0, 0, 0)
_PIXELS = {
    'rgb8': _Pixels(3, _RGB),
    'bgr8': _Pixels(3, _BGR),
    'mono8': _Pixels(1, _GREY),
    'rgba8': _Pixels(4, _RGB),
    'bgra8': _Pixels(4, _BGR),
    '8UC1': _Pixels(1, _GREY),
    '8UC3': _Pixels(3, _BGR),
    '8UC4': _Pixels(4, _BGR),
    'rgb16': _Pixels(3, _RGB, 2),
    'bgr16': _Pixels(3, _BGR, 2),
    'rgba16': _Pixels(4, _RGB, 2),
    'bgra16': _Pixels(4, _BGR, 2),
    'mono16': _Pixels(1, _GREY, 2),
}
_CODED = {
    'yuv422': _Coded(2, 1, 'COLOR_YUV2RGB_UYVY'),
    'uyvy': _Coded(2, 1, 'COLOR_YUV2RGB_UYVY'),
    'yuv422_yuy2': _Coded(2, 1, 'COLOR_YUV2RGB_YUY2'),
    'yuyv': _Coded(2, 1, 'COLOR_YUV2RGB_YUY2'),
    'nv12': _Coded(1, 1.5, 'COLOR_YUV2RGB_NV12'),
    'nv21': _Coded(1, 1.5, 'COLOR_YUV2RGB_NV21'),
    # OpenCV names the second row's second and third pixel, ROS the first row's first two
    'bayer_rggb8': _Coded(1, 1, 'COLOR_BayerBG2RGB'),
    'bayer_bggr8': _Coded(1, 1, 'COLOR_BayerRG2RGB'),
    'bayer_gbrg8': _Coded(1, 1, 'COLOR_BayerGR2RGB'),
    'bayer_grbg8': _Coded(1, 1, 'COLOR_BayerGB2RGB'),
}
ENCODINGS = (*_PIXELS, *_CODED)


def picture_from_bytes(
    data: Any,
    encoding: str,
    size: tuple[int, int],
    step: int,
    what: str = 'image',
    big_endian: bool = False,
) -> np.ndarray:
    """
    Return a picture of ``size`` (height, width) as RGB, (height, width, 3) uint8.

    Take any of ENCODINGS in rows of ``step`` bytes, padded or not; where the pixels need not be
    converted, the result shares the memory of ``data``. Raise VlaError, which names ``what``, for
    any other encoding and where the bytes do not fill the picture.
    """
    height, width = size
    if encoding in _PIXELS:
        pixels = _PIXELS[encoding]
        shape = (height, width, pixels.channels, pixels.size)
        rows = _rows(data, what, encoding, size, step, height, math.prod(shape[1:]))
        return _unpacked(rows.reshape(shape), pixels, big_endian)
    if encoding in _CODED:
        coded = _CODED[encoding]
        count = round(height * coded.rows)
        rows = _rows(data, what, encoding, size, step, count, width * coded.width)
        return _converted(rows, coded, f'{what}: {encoding}, {width} x {height}')
    raise VlaError(
        f'{what}: got encoding {encoding!r}, expected a colour or grey picture, one of '
        f'{", ".join(ENCODINGS)}; set the camera driver to one of these, or leave the camera out'
    )


def picture_from_file(data: Any, kind: str, what: str = 'image') -> np.ndarray:
    """
    Return a compressed picture (JPEG or PNG) as RGB, (height, width, 3) uint8.

    ``kind`` is the format of its CompressedImage; where image_transport wrote it, it begins with
    the encoding that the picture had, and a mosaic of colours was compressed as it is. Raise
    VlaError, which names ``what``, for a damaged picture and for one of depth.
    """
    import cv2

    encoding, compressed, _ = kind.partition(';')
    encoding = encoding.strip()
    if 'compressedDepth' in kind or (compressed and encoding not in ENCODINGS):
        raise _depth(what, kind)
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    content = np.frombuffer(data, np.uint8)
    picture = cv2.imdecode(content, flags) if len(content) else None
    if picture is None:
        raise VlaError(
            f'{what}: got {len(content)} bytes of format {kind!r} that are no picture, expected '
            'JPEG or PNG; check the camera driver and its image transport'
        )
    if picture.ndim == 3:
        return _eight_bits(picture)[:, :, ::-1]
    if picture.dtype != np.uint8 and not (compressed and encoding in _PIXELS):
        raise _depth(what, f'{kind}, grey of {picture.dtype}')
    if encoding.startswith('bayer_'):
        height, width = picture.shape
        return picture_from_bytes(picture.tobytes(), encoding, (height, width), width, what)
    return np.broadcast_to(_eight_bits(picture)[:, :, None], (*picture.shape, 3))


def _depth(what: str, kind: str) -> VlaError:
    return VlaError(
        f'{what}: got a picture of depth ({kind!r}), expected colours or grey of one of '
        f'{", ".join(ENCODINGS)}; leave it out'
    )


def _eight_bits(picture: np.ndarray) -> np.ndarray:
    """Return a picture whose channels have 8 or 16 bits with the most significant 8."""
    return picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)


def _rows(
    data: Any,
    what: str,
    encoding: str,
    size: tuple[int, int],
    step: int,
    count: int,
    width: int,
) -> np.ndarray:
    """Return ``count`` rows of ``width`` bytes, without their padding."""
    if not len(data) or step < width or len(data) < count * step:
        raise VlaError(
            f'{what}: got {len(data)} bytes with step {step}, expected {size[1]} x {size[0]} '
            f'{encoding}; mend the camera driver'
        )
    return np.frombuffer(data, np.uint8, count * step).reshape(count, step)[:, :width]


def _unpacked(values: np.ndarray, pixels: _Pixels, big_endian: bool) -> np.ndarray:
    """Return the colours of the pixels (height, width, channels, bytes)."""
    values = values[..., 0 if big_endian else -1]  # the most significant byte
    if pixels.colours == _GREY:
        return np.broadcast_to(values, (*values.shape[:2], 3))
    return values[:, :, :3] if pixels.colours == _RGB else values[:, :, 2::-1]


def _converted(rows: np.ndarray, coded: _Coded, what: str) -> np.ndarray:
    import cv2

    rows = np.ascontiguousarray(rows)
    if coded.width == 2:  # bytes of a pixel, for which OpenCV wants an axis
        rows = rows.reshape(len(rows), -1, 2)
    try:
        return cv2.cvtColor(rows, getattr(cv2, coded.code))
    except cv2.error as error:
        raise VlaError(f'{what}: OpenCV cannot convert it: {error.err}') from None

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures become RGB whatever their encoding; what is none is named."""

import cv2
import numpy as np
import pytest

from vla_ros.core.errors import VlaError
from vla_ros.core.picture import ENCODINGS, picture_from_bytes, picture_from_file

SIZE = (24, 32)  # height, width


@pytest.fixture
def picture():
    """Return a smooth picture, which survives what halves the resolution of its colours."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    return np.stack([rows * 8, columns * 6, 255 - rows * 5], axis=-1).astype(np.uint8)


def bayer(picture, pattern):
    """Return what a sensor sees behind filters in the order of ``pattern``, such as rggb."""
    raw = np.zeros(picture.shape[:2], np.uint8)
    for place, colour in enumerate(pattern):
        row, column = divmod(place, 2)
        raw[row::2, column::2] = picture[row::2, column::2, 'rgb'.index(colour)]
    return raw


def with_alpha(picture):
    return np.dstack([picture, np.full(picture.shape[:2], 9, np.uint8)])


def wide(picture, order='<'):
    return ((picture.astype(np.uint16) << 8) + 5).astype(f'{order}u2')


def grey(picture):
    return picture[..., :1]


def planar(picture, swap):
    """Return a picture as the luma and, at half the resolution, both colours in turn."""
    flat = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
    height, width = picture.shape[:2]
    u, v = flat[height:].reshape(2, height // 2, width // 2)
    pairs = np.stack([v, u] if swap else [u, v], axis=-1).reshape(height // 2, width)
    return np.concatenate([flat[:height], pairs])


EXACT = {
    'rgb8': lambda p: p,
    'bgr8': lambda p: p[..., ::-1],
    '8UC3': lambda p: p[..., ::-1],
    'rgba8': with_alpha,
    'bgra8': lambda p: with_alpha(p[..., ::-1]),
    '8UC4': lambda p: with_alpha(p[..., ::-1]),
    'rgb16': wide,
    'bgr16': lambda p: wide(p[..., ::-1]),
    'rgba16': lambda p: wide(with_alpha(p)),
    'bgra16': lambda p: wide(with_alpha(p[..., ::-1])),
}
GREY = {'mono8': grey, '8UC1': grey, 'mono16': lambda p: wide(grey(p))}
NEAR = {
    'yuv422': lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2YUV_UYVY),
    'uyvy': lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2YUV_UYVY),
    'yuv422_yuy2': lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2YUV_YUY2),
    'yuyv': lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2YUV_YUY2),
    'nv12': lambda p: planar(p, swap=False),
    'nv21': lambda p: planar(p, swap=True),
    **{
        f'bayer_{pattern}8': lambda p, pattern=pattern: bayer(p, pattern)
        for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')
    },
}


def pack(values, padding=0):
    """Return the bytes of an array in rows, and their length."""
    rows = np.ascontiguousarray(values).reshape(len(values), -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (0, padding)))
    return padded.tobytes(), padded.shape[1]


def read(values, encoding, padding=0, **more):
    data, step = pack(values, padding)
    return picture_from_bytes(data, encoding, SIZE, step, 'camera top', **more)


def test_every_encoding_has_a_case_here():
    assert {*EXACT, *GREY, *NEAR} == set(ENCODINGS)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', EXACT)
def test_pixels_become_rgb_as_they_are(picture, encoding, padding):
    read_back = read(EXACT[encoding](picture), encoding, padding)
    np.testing.assert_array_equal(read_back, picture)


@pytest.mark.parametrize('encoding', GREY)
def test_grey_pictures_are_as_bright_in_every_colour(picture, encoding):
    expected = np.repeat(picture[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(read(GREY[encoding](picture), encoding), expected)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', NEAR)
def test_colours_that_are_stored_more_coarsely_come_near(picture, encoding, padding):
    found = read(NEAR[encoding](picture), encoding, padding).astype(int)
    inner = np.s_[2:-2, 2:-2]  # a filter has fewer neighbours at the border
    assert found.shape == (*SIZE, 3)
    assert np.abs(found - picture)[inner].max() < 16


def test_sixteen_bits_are_read_in_either_order(picture):
    np.testing.assert_array_equal(read(wide(picture, '>'), 'rgb16', big_endian=True), picture)


def test_a_picture_that_needs_no_conversion_is_not_copied(picture):
    data = np.frombuffer(bytearray(picture.tobytes()), np.uint8)
    found = picture_from_bytes(data, 'bgr8', SIZE, SIZE[1] * 3)
    assert np.shares_memory(found, data)


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1', ''])
def test_what_has_no_colours_is_named(picture, encoding):
    with pytest.raises(
        VlaError, match=f"camera top: got encoding '{encoding}', expected a colour"
    ):
        read(picture, encoding)


@pytest.mark.parametrize('encoding', ['rgb8', 'yuv422', 'nv12', 'bayer_rggb8'])
def test_bytes_that_do_not_fill_the_picture_are_refused(encoding):
    with pytest.raises(VlaError, match='expected 32 x 24'):
        picture_from_bytes(b'123', encoding, SIZE, 96)


def test_a_width_that_an_encoding_cannot_have_is_refused():
    with pytest.raises(VlaError, match='cannot convert'):
        picture_from_bytes(bytes(2 * 5 * 4), 'yuv422', (4, 5), 10)


@pytest.mark.parametrize(('suffix', 'tolerance'), [('.jpg', 12), ('.png', 0)])
def test_compressed_pictures_are_read(picture, suffix, tolerance):
    data = cv2.imencode(suffix, picture[..., ::-1])[1].tobytes()
    found = picture_from_file(data, 'rgb8; jpeg compressed bgr8')
    assert np.abs(found.astype(int) - picture).max() <= tolerance


@pytest.mark.parametrize(
    ('data', 'kind', 'message'),
    [
        (b'', 'jpeg', 'got 0 bytes'),
        (b'not a picture', 'jpeg', 'no picture, expected JPEG or PNG'),
        (b'', '16UC1; compressedDepth png', 'depth'),
    ],
)
def test_compressed_pictures_that_are_none_are_named(data, kind, message):
    with pytest.raises(VlaError, match=f'camera top: .*{message}'):
        picture_from_file(data, kind, 'camera top')


@pytest.mark.parametrize('kind', ['16UC1; png compressed ', '32FC1; tiff', 'png', 'png; '])
def test_depth_in_a_plain_picture_file_is_no_grey_picture(kind):
    depth = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 50
    with pytest.raises(VlaError, match='camera top: got a picture of depth'):
        picture_from_file(cv2.imencode('.png', depth)[1].tobytes(), kind, 'camera top')


def test_grey_and_deep_picture_files_are_as_bright_as_they_were(picture):
    deep = cv2.imencode('.png', wide(picture)[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(picture_from_file(deep, 'png'), picture)
    for values, kind in (
        (picture[..., 0], 'png'),
        (wide(picture[..., 0]), 'mono16; png compressed '),
    ):
        found = picture_from_file(cv2.imencode('.png', values)[1].tobytes(), kind)
        np.testing.assert_array_equal(found, np.dstack([picture[..., 0]] * 3))


def test_a_mosaic_that_was_compressed_as_it_is_becomes_colours(picture):
    mosaic = bayer(picture, 'rggb')
    found = picture_from_file(
        cv2.imencode('.png', mosaic)[1].tobytes(), 'bayer_rggb8; png compressed '
    )
    expected = picture_from_bytes(mosaic.tobytes(), 'bayer_rggb8', SIZE, SIZE[1])
    np.testing.assert_array_equal(found, expected)

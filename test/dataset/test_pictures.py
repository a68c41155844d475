# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every picture of a video is found, whatever its codec; sizes are read in LeRobot's orders."""

import numpy as np
import pytest

av = pytest.importorskip('av')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.dataset.pictures import decode, picture_size  # noqa: E402

FPS, COUNT = 30, 90
CODECS = {
    'h264': ('libx264', {'g': '2'}),
    'h264 with few keyframes': ('libx264', {'g': '60', 'bf': '3'}),
    'hevc with open groups': ('libx265', {'x265-params': 'keyint=20:open-gop=1:log-level=none'}),
    # not libsvtav1, which gives root's calling thread real-time priority 99 for good
    'av1': ('libaom-av1', {'cpu-used': '8', 'lag-in-frames': '0'}),
}


def write_video(path, codec, options):
    """Write a video in which each picture is brighter than the one before."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, FPS, options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, 'yuv420p'
        for number in range(COUNT):
            pixels = np.full((64, 64, 3), 20 + 2 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())


def numbers(path, rows):
    """Return which picture was found for each of the rows."""
    pictures = decode(path, [row / FPS for row in rows], FPS)
    return [round((float(picture.mean()) - 20) / 2) for picture in pictures]


@pytest.fixture(scope='module', params=CODECS)
def video(request, tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'film.mp4'
    write_video(path, *CODECS[request.param])
    return path


@pytest.mark.parametrize(
    'rows',
    [
        [*range(COUNT)],
        [0, 1, 40, 41, 85, 86],
        [19, 20, 21, 59],
        [3],
        [89],
    ],
)
def test_each_picture_is_found_in_passing_and_by_seeking(video, rows):
    assert np.abs(np.array(numbers(video, rows)) - rows).max() <= 1  # what coding may change


def test_a_time_after_the_end_is_an_error(video):
    with pytest.raises(ConfigError, match=r'no picture at 99\.000 s'):
        list(decode(video, [99.0], FPS))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', r'empty \(0 bytes\)'),
        (b'no video', 'cannot be read'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:5d\nsize 9\n', 'git lfs pull'),
        (None, 'not there'),
    ],
)
def test_a_video_that_is_none_is_named_with_the_mend(tmp_path, content, message):
    path = tmp_path / 'film.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f'video {path}: .*{message}'):
        list(decode(path, [0.0], FPS))


@pytest.mark.parametrize(
    ('shape', 'names'),
    [
        ((48, 64, 3), ['height', 'width', 'channels']),
        ((3, 48, 64), ['channels', 'height', 'width']),
        ((3, 48, 64), ['channel', 'height', 'width']),
        ((3, 48, 64), None),
        ((48, 64, 3), None),
    ],
)
def test_the_size_of_pictures_is_read_in_either_order(shape, names):
    assert picture_size({'top': {'shape': shape, 'names': names}}, 'top') == (48, 64)


def test_pictures_without_colours_are_named():
    feature = {'shape': (48, 64, 1), 'names': ['height', 'width', 'channels']}
    with pytest.raises(ConfigError, match=r'camera depth: got pictures of shape \(48, 64, 1\)'):
        picture_size({'depth': feature}, 'depth')


def test_of_a_video_with_more_pictures_than_rows_the_nearest_are_taken(tmp_path):
    path = tmp_path / 'film.mp4'
    write_video(path, *CODECS['h264'])
    rows = range(0, COUNT, 6)
    found = decode(path, [row / FPS for row in rows], FPS / 6)
    shown = [round((float(picture.mean()) - 20) / 2) for picture in found]
    assert np.abs(np.array(shown) - np.array(rows)).max() <= 1  # what coding may change

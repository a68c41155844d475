# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Video devices and files; a file stands for a device, which OpenCV opens the same way."""

import cv2
import numpy as np
import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.camera import CameraSettings, Size
from vla_ros.hardware.conformance import CameraSourceConformance
from vla_ros.hardware.opencv import Device, File, resize

SIZE, FRAMES = Size(32, 24), 3


@pytest.fixture
def video(tmp_path):
    path = tmp_path / 'video.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 30.0, SIZE)
    for shade in range(FRAMES):
        writer.write(np.full((SIZE.height, SIZE.width, 3), 60 * shade + 40, np.uint8))
    writer.release()
    return str(path)


def test_device_that_went_away_is_named_and_opened_anew_at_the_next_read(video):
    device = Device(CameraSettings(device=video, size=SIZE))
    first = [device.read() for _ in range(FRAMES)][0]
    with pytest.raises(VlaError, match='video.avi: no frame came; check its cable'):
        device.read()
    assert np.array_equal(device.read(), first)
    device.close()


def test_device_that_is_not_there_is_refused_at_once():
    with pytest.raises(ConfigError, match='could not be opened, expected one of'):
        Device(CameraSettings(device='/dev/video-that-is-not-there'))


def test_file_begins_again_at_its_end(video):
    source = File(CameraSettings(file=video, fps=1000.0))
    shades = [int(source.read().mean()) for _ in range(2 * FRAMES)]
    assert shades[:FRAMES] == shades[FRAMES:] and len(set(shades)) == FRAMES
    source.close()


def test_picture_is_averaged_where_it_shrinks():
    board = np.indices((48, 64)).sum(axis=0) % 2 * 255
    small = resize(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), SIZE)
    assert small.shape == (24, 32, 3) and np.ptp(small) <= 1


class TestDevice(CameraSourceConformance):
    """A file stands for the device."""

    @pytest.fixture(autouse=True)
    def _video(self, video):
        self.video = video

    def make(self):
        return Device(CameraSettings(device=self.video, size=SIZE))


class TestFile(CameraSourceConformance):
    """A file is a source by itself."""

    @pytest.fixture(autouse=True)
    def _video(self, video):
        self.video = video

    def make(self):
        return File(CameraSettings(file=self.video, fps=1000.0, field_of_view=1.0))

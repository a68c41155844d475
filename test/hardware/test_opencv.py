# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Video devices and files; a file stands for a device, which OpenCV opens the same way."""

import time

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


class StubbornCamera:
    """A V4L2 camera as OpenCV shows it; its exposure ends at 500, and focus it has none."""

    LIMITS = {cv2.CAP_PROP_EXPOSURE: 500.0, cv2.CAP_PROP_FOCUS: 0.0}

    def __init__(self, name):
        self.told = []
        self._values = {cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*'YUYV'))}
        StubbornCamera.newest = self

    def isOpened(self):  # noqa: N802
        return True

    def set(self, key, value):
        self.told.append((key, value))
        if key != cv2.CAP_PROP_FOURCC or value == cv2.VideoWriter.fourcc(*'MJPG'):
            self._values[key] = min(float(value), self.LIMITS.get(key, np.inf))
        return True

    def get(self, key):
        if key == cv2.CAP_PROP_POS_MSEC:
            return 1e3 * (time.monotonic() - 0.04)
        return self._values.get(key, 0.0)

    def read(self):
        return True, np.zeros((SIZE.height, SIZE.width, 3), np.uint8)

    def release(self):
        pass


@pytest.fixture
def stubborn(monkeypatch):
    monkeypatch.setattr('cv2.VideoCapture', StubbornCamera)


def test_what_a_camera_adapts_is_fixed_after_its_automatic_is_switched_off(stubborn):
    device = Device(
        CameraSettings(size=SIZE, fourcc='MJPG', exposure=156, white_balance=4600, gain=0)
    )
    told = StubbornCamera.newest.told
    for automatic, key, value in (
        ((cv2.CAP_PROP_AUTO_EXPOSURE, 1), cv2.CAP_PROP_EXPOSURE, 156),
        ((cv2.CAP_PROP_AUTO_WB, 0), cv2.CAP_PROP_WB_TEMPERATURE, 4600),
    ):
        assert told.index(automatic) < told.index((key, value))
    assert (cv2.CAP_PROP_GAIN, 0) in told
    assert not {cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS} & {key for key, _ in told}
    device.close()


def test_camera_that_does_not_take_a_setting_is_refused_with_what_it_took(stubborn):
    with pytest.raises(ConfigError, match='exposure: got 500, expected 900; focus: got 0, exp'):
        Device(CameraSettings(size=SIZE, exposure=900, focus=30))
    with pytest.raises(ConfigError, match="fourcc: got 'YUYV', expected 'H264'.*--list-ctrls"):
        Device(CameraSettings(size=SIZE, fourcc='H264'))


@pytest.mark.parametrize('fourcc', ['MJPEG', 'MJP', 'MJPÄ'])
def test_format_that_is_none_is_refused_before_the_camera_is_opened(stubborn, fourcc):
    with pytest.raises(ConfigError, match=f"fourcc: got '{fourcc}', expected four letters"):
        Device(CameraSettings(size=SIZE, fourcc=fourcc))


def test_picture_is_as_old_as_its_driver_says(stubborn):
    device = Device(CameraSettings(size=SIZE))
    assert device.age == 0.0
    device.read()
    assert 0.03 < device.age < 0.5


def test_file_says_nothing_of_the_age_of_its_pictures(video):
    source = File(CameraSettings(file=video, fps=1000.0))
    source.read()
    assert source.age == 0.0

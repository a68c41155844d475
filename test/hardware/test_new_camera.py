# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A camera source of one's own: one class, and these lines."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.camera import CameraSettings, CameraSource
from vla_ros.hardware.conformance import CameraSourceConformance


class Snapshots(CameraSource):
    """A camera that some other program has write its newest picture into a file."""

    def __init__(self, settings):
        self._path, self._period = Path(settings.device), 1.0 / settings.fps
        if not self._path.is_file():
            raise ConfigError(f'snapshots: {self._path} is not there; start what writes it')

    def read(self):
        time.sleep(self._period)
        picture = cv2.imread(str(self._path))
        if picture is None:
            raise VlaError(f'snapshots: {self._path} holds no picture; look at what writes it')
        self.age = max(0.0, time.time() - self._path.stat().st_mtime)
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def close(self):
        pass


class TestSnapshots(CameraSourceConformance):
    """The promise is kept."""

    @pytest.fixture(autouse=True)
    def _picture(self, tmp_path):
        self.file = str(tmp_path / 'newest.png')
        cv2.imwrite(self.file, np.full((24, 32, 3), (0, 0, 200), np.uint8))

    def make(self):
        return Snapshots(CameraSettings(device=self.file, fps=100.0))

    def test_picture_is_what_was_written(self):
        assert (self.make().read() == (200, 0, 0)).all()

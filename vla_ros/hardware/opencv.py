# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures from a video device or a file, through OpenCV."""

import time
from pathlib import Path

import cv2
import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.camera import CameraSettings, CameraSource, Size


class Device(CameraSource):
    """A video device (V4L2 on Linux); frames come when the device has them."""

    def __init__(self, settings: CameraSettings) -> None:
        """Open the device, a number or a path; raise ConfigError where that is not possible."""
        self.field_of_view = settings.field_of_view
        self._settings, self._device = settings, settings.device
        self._capture = self._open()
        if not self._capture.isOpened():
            raise ConfigError(
                f'video device {self._device}: could not be opened, expected one of '
                f'{sorted(str(p) for p in Path("/dev").glob("video*")) or "no /dev/video*"}; '
                'plug the camera in, or set the parameter device'
            )

    def read(self) -> np.ndarray:
        """
        Wait for the next frame (H, W, 3) uint8 RGB; raise VlaError if the device is gone.

        The call after that opens the device anew.
        """
        if not self._capture.isOpened():
            self._capture = self._open()
        good, frame = self._capture.read()
        if not good:
            self._capture.release()
            raise VlaError(f'video device {self._device}: no frame came; check its cable')
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        name = int(self._device) if self._device.isdecimal() else self._device
        capture = cv2.VideoCapture(name)
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, self._settings.size.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, self._settings.size.height),
            (cv2.CAP_PROP_FPS, self._settings.fps),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
        ):
            capture.set(key, value)
        return capture


class File(CameraSource):
    """A video file, played again from its start when it ends, at the asked rate."""

    def __init__(self, settings: CameraSettings) -> None:
        """Open the file; raise ConfigError if it is missing or not a video."""
        self.field_of_view = settings.field_of_view
        path, fps = settings.file, settings.fps
        if not Path(path).is_file():
            raise ConfigError(f'video file {path!r}: not found; set the parameter file')
        self._path, self._period = path, 1.0 / fps
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise ConfigError(f'video file {path}: not a video that OpenCV can decode')
        self._due = time.monotonic()

    def read(self) -> np.ndarray:
        """Wait until the next frame is due and return it, (H, W, 3) uint8 RGB."""
        good, frame = self._capture.read()
        if not good:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            good, frame = self._capture.read()
        if not good:
            raise VlaError(f'video file {self._path}: no frame could be read')
        self._due = max(self._due + self._period, time.monotonic() - self._period)
        time.sleep(max(0.0, self._due - time.monotonic()))
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """Return the picture at ``size``, averaged where it shrinks."""
    if image.shape[:2] == (size.height, size.width):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures from a video device or a file, through OpenCV."""

import time
from pathlib import Path

import cv2
import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.camera import CameraSettings, CameraSource, Size

LONGEST_AGE = 1.0  # s; a stamp that is older is of another clock
TOLERANCE = 0.02  # share by which a camera may round what it is told
# what is fixed: its name in CameraSettings, its key, and the key that ends the automatic, with
# the value that V4L2 wants for that (1: manual exposure)
CONTROLS = (
    ('exposure', cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE, 1),
    ('white_balance', cv2.CAP_PROP_WB_TEMPERATURE, cv2.CAP_PROP_AUTO_WB, 0),
    ('focus', cv2.CAP_PROP_FOCUS, cv2.CAP_PROP_AUTOFOCUS, 0),
    ('gain', cv2.CAP_PROP_GAIN, None, 0),
)


class Device(CameraSource):
    """A video device (V4L2 on Linux); frames come when the device has them."""

    def __init__(self, settings: CameraSettings) -> None:
        """Open the device, a number or a path; raise ConfigError where that is not possible."""
        self.field_of_view = settings.field_of_view
        self._settings, self._device = settings, settings.device
        if settings.fourcc and not (settings.fourcc.isascii() and len(settings.fourcc) == 4):
            raise ConfigError(
                f'fourcc: got {settings.fourcc!r}, expected four letters, as MJPG or YUYV'
            )
        self._capture = self._open()
        if not self._capture.isOpened():
            raise ConfigError(
                f'video device {self._device}: could not be opened, expected one of '
                f'{list_devices() or "no /dev/video*"}; '
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
        self.age = self._age()
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()

    def _age(self) -> float:
        """Return the seconds since the driver stamped the frame, 0 where it stamps none."""
        age = time.monotonic() - 1e-3 * self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return age if 0.0 < age < LONGEST_AGE else 0.0

    def _open(self) -> cv2.VideoCapture:
        name = int(self._device) if self._device.isdecimal() else self._device
        capture = cv2.VideoCapture(name)
        settings = self._settings
        if settings.fourcc:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.fourcc))
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, settings.size.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, settings.size.height),
            (cv2.CAP_PROP_FPS, settings.fps),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
        ):
            capture.set(key, value)
        if capture.isOpened():
            self._fix(capture)
        return capture

    def _fix(self, capture: cv2.VideoCapture) -> None:
        """
        Fix what a camera else adapts to the light, and read it back.

        Raises ConfigError, naming every setting that the camera did not take.
        """
        refused = []
        for name, key, automatic, manual in CONTROLS:
            wanted = getattr(self._settings, name)
            if wanted < 0:
                continue
            if automatic is not None:
                capture.set(automatic, manual)
            capture.set(key, wanted)
            got = capture.get(key)
            if abs(got - wanted) > TOLERANCE * max(1.0, wanted):
                refused.append(f'{name}: got {got:g}, expected {wanted:g}')
        fourcc = self._settings.fourcc
        code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little')
        if fourcc and code != fourcc.encode():
            refused.append(f'fourcc: got {code.decode(errors="replace")!r}, expected {fourcc!r}')
        if refused:
            capture.release()
            raise ConfigError(
                f'video device {self._device}: {"; ".join(refused)}; see v4l2-ctl -d '
                f'{self._device} --list-ctrls for what it can do'
            )


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


def list_devices() -> list[str]:
    """Return the video devices, those with a name that stays the same first."""
    stable = sorted(str(path) for path in Path('/dev/v4l/by-id').glob('*'))
    return stable + sorted(str(path) for path in Path('/dev').glob('video*'))

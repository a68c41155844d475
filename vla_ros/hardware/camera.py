# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where a camera's pictures come from: the interface, and the one table of those there are.

A source is a class that keeps the promise of CameraSource (see conformance.py). One of one's own
needs no entry in SOURCES: lookup.find takes ``my_package.thermal:Camera`` as well.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vla_ros.core.defaults import TASK

# loaded when asked for: OpenCV and MuJoCo are large
SOURCES = {
    'sim': 'vla_ros.sim.camera:SimulatedCamera',
    'v4l2': 'vla_ros.hardware.opencv:Device',
    'file': 'vla_ros.hardware.opencv:File',
}


class Size(NamedTuple):
    """Size of a picture in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class CameraSettings:
    """What a source is told about the camera that is wanted."""

    camera: str = 'top'  # its name in the policy
    size: Size = Size(640, 480)
    fps: float = 30.0
    device: str = '0'  # number or path of a device
    file: str = ''  # path of a video
    field_of_view: float = 0.0  # rad, vertical; 0: not calibrated
    # of a video device; negative, or '': as the camera likes
    fourcc: str = ''  # how the pictures come over the cable, as MJPG or YUYV
    exposure: float = -1.0  # in the units of the device, V4L2's are mostly 0.1 ms
    white_balance: float = -1.0  # K
    focus: float = -1.0
    gain: float = -1.0
    task: str = TASK  # that is simulated


class CameraSource(ABC):
    """
    One camera, which hands out one picture after the other.

    It is made from CameraSettings, and then it is ready: a camera that is not there or can't do
    what is asked raises ConfigError at once, before anything moves. Whoever makes it is the only
    one who uses it, in one thread at a time.
    """

    field_of_view = 0.0  # rad, vertical; 0: not calibrated
    age = 0.0  # s that the newest picture had when it was handed out; 0: not known

    @abstractmethod
    def read(self) -> np.ndarray:
        """
        Wait for the next picture and return it, (H, W, 3) uint8 RGB, the caller's to keep.

        Raise VlaError where none came. The call after that tries to open the camera anew, so that
        a camera that was plugged in again is seen again.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the camera; closing twice is once."""


class DrawnSource(CameraSource):
    """A camera of a simulation: it draws what it was shown last, as often as it is read."""

    @abstractmethod
    def is_due(self, time: float) -> bool:
        """Say whether the state of ``time`` (s) is to be drawn, at the asked rate."""

    @abstractmethod
    def show(self, qpos: np.ndarray, values: Mapping[str, float]) -> None:
        """Take over the state of the simulation; raise VlaError where it is another scene's."""

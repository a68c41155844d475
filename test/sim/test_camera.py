# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated camera keeps the promise of every source."""

import pytest

pytest.importorskip('mujoco')

from vla_ros.hardware.camera import SOURCES, CameraSettings, Size
from vla_ros.hardware.conformance import CameraSourceConformance
from vla_ros.hardware.lookup import find


class TestSimulatedCamera(CameraSourceConformance):
    """The scene is a source of pictures."""

    def make(self):
        return find('source', 'sim', SOURCES)(CameraSettings(camera='left', size=Size(32, 24)))

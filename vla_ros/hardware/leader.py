# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A leader arm: an SO-101 whose motors are off, and that a hand moves."""

import numpy as np

from vla_ros.hardware.calibration import find_calibration
from vla_ros.hardware.so101 import So101
from vla_ros.hardware.teleoperation import Teleoperator, TeleoperatorSettings

TURN = 2.0 * np.pi  # rad
PAUSE = 0.5  # s; after a longer one a joint may be on another turn


class LeaderArm(Teleoperator):
    """
    Leads wherever it is; its gripper closes with the trigger.

    A joint that a hand turns beyond the end of its servo's turn, where that begins to count anew,
    leads on beyond, and not all the way back.
    """

    def __init__(self, settings: TeleoperatorSettings) -> None:
        """Open the arm and switch its motors off."""
        given = settings.driver
        path = find_calibration(given.calibration, 'teleoperators/so_leader')
        self._arm = So101(type(given)(given.robot, given.port, str(path), given.answer_time))
        self._arm.relax()
        self._last: np.ndarray | None = None  # rad, (joints,)

    def read(self, measured: np.ndarray, elapsed: float) -> np.ndarray | None:
        """Return where the leader is."""
        last, self._last = self._last, None
        positions = self._arm.read().positions
        if last is not None and elapsed < PAUSE:
            positions = positions + TURN * np.rint((last - positions) / TURN)
        self._last = positions
        return positions

    def close(self) -> None:
        """Let go of its port."""
        self._arm.close()

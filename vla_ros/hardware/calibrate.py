# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Calibrate an SO-101 or SO-100 as LeRobot does: the middle of each joint, then its range."""

from collections.abc import Mapping, Sequence

from vla_ros.core.errors import VlaError
from vla_ros.hardware import sts3215
from vla_ros.hardware.calibration import Calibration, JointCalibration
from vla_ros.hardware.feetech import ServoBus
from vla_ros.hardware.so101 import POSITION_MODE, configure_servo, write_calibration

FULL_TURN = 'wrist_roll'  # the joint that LeRobot lets turn all the way round
NARROWEST = 200  # ticks; a joint that was moved less was not moved


class Calibrator:
    """Calibrates the servos of one arm; their motors are off from the beginning."""

    def __init__(self, bus: ServoBus, ids: Mapping[str, int]) -> None:
        """Switch the motors of these servos, by joint, off, and allow them every position."""
        self._bus, self._ids = bus, dict(ids)
        for servo in self._ids.values():
            bus.write(servo, sts3215.TORQUE_ENABLE, 0)
            whole = [(sts3215.HOMING_OFFSET, 0), (sts3215.MIN_POSITION, 0)]
            whole += [(sts3215.MAX_POSITION, sts3215.RESOLUTION - 1)]
            configure_servo(bus, servo, [*whole, (sts3215.OPERATING_MODE, POSITION_MODE)])
        self._offsets: dict[str, int] = {}
        self.low: dict[str, int] = {}  # ticks, by joint, as far as they were seen
        self.high: dict[str, int] = {}

    def set_middle(self) -> None:
        """Take where the arm is now for the middle of every joint's range."""
        for name, servo in self._ids.items():
            here = self._bus.read(servo, sts3215.PRESENT_POSITION)
            self._offsets[name] = min(here, sts3215.RESOLUTION - 2) - sts3215.MIDDLE
            configure_servo(self._bus, servo, [(sts3215.HOMING_OFFSET, self._offsets[name])])
        self.low, self.high = {}, {}

    def watch(self) -> Mapping[str, int]:
        """Take note of where every joint is; return the ticks, by joint."""
        ticks = {
            name: self._bus.read(servo, sts3215.PRESENT_POSITION)
            for name, servo in self._ids.items()
        }
        self.low = {name: min(tick, self.low.get(name, tick)) for name, tick in ticks.items()}
        self.high = {name: max(tick, self.high.get(name, tick)) for name, tick in ticks.items()}
        return ticks

    def finish(self) -> dict[str, JointCalibration]:
        """
        Return the calibration, and write it into the servos.

        Raises VlaError, naming the joints, where one was not moved through its range.
        """
        ranges = {name: (self.low[name], self.high[name]) for name in self._ids}
        if FULL_TURN in ranges:
            ranges[FULL_TURN] = (0, sts3215.RESOLUTION - 1)
        still = [name for name, (low, high) in ranges.items() if high - low < NARROWEST]
        if still:
            raise VlaError(
                f'calibration: {", ".join(still)} was not moved through its range; begin again'
            )
        outside = [n for n, (low, high) in ranges.items() if low < 0 or high >= sts3215.RESOLUTION]
        if outside:
            raise VlaError(
                f'calibration: {", ".join(outside)} went beyond one turn: the arm was not in the '
                'middle of its ranges at first; begin again'
            )
        calibration = {
            name: JointCalibration(self._ids[name], 0, self._offsets[name], *ranges[name])
            for name in self._ids
        }
        restore(self._bus, calibration)
        return calibration


def restore(bus: ServoBus, calibration: Calibration) -> None:
    """Write a calibration into the servos; their motors are off then."""
    for joint in calibration.values():
        write_calibration(bus, joint)


def usual_ids(joint_names: Sequence[str]) -> dict[str, int]:
    """Return the ids that LeRobot gives the joints of an arm."""
    return {name: number for number, name in enumerate(joint_names, 1)}

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An SO-101 on a simulated bus, calibrated, with the calibration that belongs to it."""

from contextlib import contextmanager

import numpy as np

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.hardware.calibration import JointCalibration, save_calibration
from vla_ros.hardware.driver import Driver, DriverSettings, Reading
from vla_ros.hardware.simulated_bus import FreeArm, Servo, SimulatedBus

ROBOT = load_robot(find_config('robots', 'so101'))
OFFSETS = (12, -340, 700, -81, 5, 1023)  # ticks, as real arms have them
CALIBRATION = {
    name: JointCalibration(id, 0, offset, *((1100, 2600) if name == 'gripper' else (830, 3260)))
    for id, (name, offset) in enumerate(zip(ROBOT.joint_names, OFFSETS, strict=True), 1)
}
HOME = 2045  # tick of each joint, after its offset: the middle of most ranges


def make_bus(calibration=CALIBRATION, **given):
    """Return a bus with one servo per joint, each as it was calibrated, motors off."""
    servos, axes = {}, {}
    for joint in calibration.values():
        servos[joint.id] = Servo.calibrated(joint)
        axes[joint.id] = float(HOME + joint.homing_offset)
    return SimulatedBus(servos, FreeArm(axes), **given)


@contextmanager
def simulated_arm(folder, calibration=CALIBRATION, name='arm', answer_time=0.3, **given):
    """
    Yield a bus on ``folder``/name, and the settings of the driver that belongs to it.

    It waits longer than a real one would: the machine that tests may be late.
    """
    path = folder / f'{name}.json'
    save_calibration(path, calibration)
    bus = make_bus(calibration, link=folder / name, **given)
    try:
        yield bus, DriverSettings(ROBOT, bus.port, str(path), answer_time)
    finally:
        bus.close()


class Fickle(Driver):
    """An arm that goes at once where it is sent, and loses itself when a test says so."""

    lost = False

    def __init__(self, settings):
        self._positions = np.zeros(len(settings.robot.joint_names))

    def read(self):
        return Reading(np.full(6, np.nan) if self.lost else self._positions)

    def write(self, positions):
        self._positions = positions

    def relax(self):
        pass

    def close(self):
        pass

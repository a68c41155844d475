# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The SO-101 and SO-100 arms: STS3215 servos on one bus, with LeRobot's calibration.

Angles are those of LeRobot with use_degrees, in rad: 0 is the middle of the calibrated range. The
gripper's share of its range (LeRobot's 0 to 100) is spread over the limits of the robot file.
"""

from collections.abc import Sequence

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware import sts3215
from vla_ros.hardware.calibration import (
    Calibration,
    JointCalibration,
    find_calibration,
    load_calibration,
)
from vla_ros.hardware.driver import Driver, DriverSettings, Reading
from vla_ros.hardware.feetech import TRIES, ServoBus, find_servos
from vla_ros.hardware.sts3215 import Register

GRIPPER = 'gripper'
POSITION_MODE = 0
# LeRobot's settings of a follower: the answer at once, ramps by whoever commands, a soft
# controller, and a gripper that is spared: it presses with half of its torque and current
SETTINGS: tuple[tuple[Register, int], ...] = (
    (sts3215.RETURN_DELAY, 0),
    (sts3215.P_COEFFICIENT, 16),
    (sts3215.I_COEFFICIENT, 0),
    (sts3215.D_COEFFICIENT, 32),
)
GRIPPER_SETTINGS: tuple[tuple[Register, int], ...] = (
    (sts3215.MAX_TORQUE, 500),
    (sts3215.PROTECTION_CURRENT, 250),
    (sts3215.OVERLOAD_TORQUE, 25),
)
# where a servo keeps its calibration
CALIBRATED = (
    sts3215.HOMING_OFFSET,
    sts3215.MIN_POSITION,
    sts3215.MAX_POSITION,
    sts3215.OPERATING_MODE,
)
ACCELERATION = 254  # in steps of 100 ticks/s^2: as fast as it can
TURNED_PHASE = 0x10  # of PHASE: positions beyond one turn, which overflow


class Scale:
    """Ticks of the servos to rad and back, for arrays in the order of the joints."""

    def __init__(
        self,
        calibration: Calibration,
        joint_names: Sequence[str],
        lower: np.ndarray,
        upper: np.ndarray,
    ) -> None:
        """Take the calibrated ranges, and for the gripper the limits (joints,), rad."""
        joints = [calibration[name] for name in joint_names]
        self.low = np.array([joint.range_min for joint in joints])
        self.high = np.array([joint.range_max for joint in joints])
        self._factor = np.full(len(joints), sts3215.RADIANS_PER_TICK)
        self._zero = (self.low + self.high) / 2.0
        for index, name in enumerate(joint_names):
            if name == GRIPPER:
                span = self.high[index] - self.low[index]
                self._factor[index] = (upper[index] - lower[index]) / span
                self._zero[index] = self.low[index] - lower[index] / self._factor[index]
                if joints[index].drive_mode:
                    self._factor[index] *= -1.0
                    self._zero[index] = self.high[index] - lower[index] / self._factor[index]

    def radians(self, ticks: np.ndarray) -> np.ndarray:
        """Return the angles (joints,) of ticks (joints,)."""
        return (ticks - self._zero) * self._factor

    def ticks(self, radians: np.ndarray) -> np.ndarray:
        """Return the nearest ticks (joints,) of angles (joints,), within the ranges."""
        ticks = np.rint(radians / self._factor + self._zero).astype(np.int64)
        return np.clip(ticks, self.low, self.high)


class So101(Driver):
    """
    An SO-101 or SO-100 on its bus.

    The servos keep the calibrated ranges themselves: they were written into them when the arm was
    calibrated, and an arm with others is refused. A bus that was unplugged is opened again by the
    first reading half a second later.
    """

    def __init__(self, settings: DriverSettings) -> None:
        """Open the bus, and see that it is the arm that was calibrated; move nothing."""
        robot = settings.robot
        self._names = robot.joint_names
        path = find_calibration(settings.calibration)
        self._calibration = load_calibration(path, self._names)
        self._ids = [self._calibration[name].id for name in self._names]
        self._scale = Scale(self._calibration, self._names, robot.lower, robot.upper)
        self._powered = False  # whether the motors are known to be on
        self._checked = 0  # the opening of the port after which the servos were looked at
        try:
            self._bus = ServoBus(settings.port, settings.answer_time)
            self._look()
        except VlaError as error:
            raise ConfigError(str(error)) from None

    def read(self) -> Reading:
        """Return where the joints are and how the servos feel."""
        self._look()
        try:
            states = self._bus.read_states(self._ids)
        except VlaError:
            self._powered = False  # who is silent may be without power, and come back switched off
            raise
        current, load, volts, heat, bits = (
            _column(states, register)
            for register in (
                sts3215.PRESENT_CURRENT,
                sts3215.PRESENT_LOAD,
                sts3215.PRESENT_VOLTAGE,
                sts3215.PRESENT_TEMPERATURE,
                sts3215.STATUS,
            )
        )
        told = zip(self._names, bits, strict=True)
        return Reading(
            self._scale.radians(_column(states, sts3215.PRESENT_POSITION)),
            current=current * sts3215.AMPERES_PER_UNIT,
            load=load / sts3215.FULL_LOAD,
            temperature=heat,
            voltage=volts * sts3215.VOLTS_PER_UNIT,
            faults={name: sts3215.describe_faults(int(bit)) for name, bit in told if bit},
        )

    def write(self, positions: np.ndarray) -> None:
        """Send the joints to ``positions`` (joints,), rad; switch on what is off, in place."""
        self._look()
        if not self._powered:
            self._switch_on()
        self._bus.write_goals(self._ids, self._scale.ticks(positions).tolist())

    def relax(self) -> None:
        """Switch the motors off."""
        self._look()
        self._powered = False
        failed = []
        for servo in self._ids:  # one that is silent must not keep the others on
            try:
                self._bus.write(servo, sts3215.TORQUE_ENABLE, 0)
            except VlaError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def close(self) -> None:
        """Let go of the port; the servos hold where they are."""
        self._bus.close()

    def _look(self) -> None:
        """See that the servos are those of the calibration, once after each time it is opened."""
        if self._bus.open() == self._checked:
            return
        self._powered = False
        for name in self._names:
            check_servo(self._bus, name, self._calibration[name])
            more = GRIPPER_SETTINGS if name == GRIPPER else ()
            configure_servo(self._bus, self._calibration[name].id, (*SETTINGS, *more))
        self._checked = self._bus.opened

    def _switch_on(self) -> None:
        """Switch on every motor that is off, with where it is as its goal."""
        for servo in self._ids:
            if not self._bus.read(servo, sts3215.TORQUE_ENABLE):
                here = self._bus.read(servo, sts3215.PRESENT_POSITION)
                self._bus.write(servo, sts3215.GOAL_POSITION, here)
                self._bus.write(servo, sts3215.ACCELERATION, ACCELERATION)
                self._bus.write(servo, sts3215.TORQUE_ENABLE, 1)
        self._powered = True


def check_servo(bus: ServoBus, name: str, joint: JointCalibration) -> None:
    """Raise VlaError where the servo of a joint is not there, or is not as it was calibrated."""
    if not any(bus.answers(joint.id) for _ in range(TRIES)):
        there = find_servos(bus)
        raise VlaError(
            f'port {bus.port}: {name}: servo {joint.id} does not answer, those with the ids '
            f'{there} do; check power, cable and id'
        )
    meant = [joint.homing_offset, joint.range_min, joint.range_max, POSITION_MODE]
    kept = read_calibration(bus, joint.id)
    if kept != meant:
        bus.settle()  # in case that this was a late answer to something else
        kept = read_calibration(bus, joint.id)
    if kept != meant:
        raise VlaError(
            f'port {bus.port}: {name}: servo {joint.id} has homing offset, range and mode {kept}, '
            f"the calibration {meant}: it is another arm's, or an older one; run vla_ros "
            'calibrate, with --restore to write the file into the servos'
        )


def read_calibration(bus: ServoBus, servo: int) -> list[int]:
    """Return homing offset, range and mode as the servo keeps them."""
    memory = bus.read_block(servo, 0, sts3215.SRAM)
    return [register.decode(memory[register.place]) for register in CALIBRATED]


def configure_servo(bus: ServoBus, servo: int, settings: Sequence[tuple[Register, int]]) -> None:
    """Have the servo keep these settings; nothing is written that it keeps already."""
    memory = bus.read_block(servo, 0, sts3215.SRAM)
    differing = [(r, value) for r, value in settings if r.decode(memory[r.place]) != value]
    phase = memory[sts3215.PHASE.address]
    if phase & TURNED_PHASE:
        differing.append((sts3215.PHASE, phase & ~TURNED_PHASE))
    if not differing:
        return
    bus.write(servo, sts3215.LOCK, 0)
    for register, value in differing:
        bus.write(servo, register, value)
    bus.write(servo, sts3215.LOCK, 1)


def write_calibration(bus: ServoBus, joint: JointCalibration) -> None:
    """Switch the servo of a joint off, and write its calibration into it."""
    bus.write(joint.id, sts3215.TORQUE_ENABLE, 0)
    values = (joint.homing_offset, joint.range_min, joint.range_max, POSITION_MODE)
    configure_servo(bus, joint.id, list(zip(CALIBRATED, values, strict=True)))


def _column(states: np.ndarray, register: Register) -> np.ndarray:
    """Return one register of each servo (servos,) out of their states (servos, bytes)."""
    start = register.address - sts3215.STATE_ADDRESS
    words = states[:, start : start + register.size].astype(np.int64)
    values = words @ (256 ** np.arange(register.size))
    if not register.sign_bit:
        return values.astype(np.float64)
    sign = values >> register.sign_bit & 1
    return np.where(sign, -(values & ~(1 << register.sign_bit)), values).astype(np.float64)

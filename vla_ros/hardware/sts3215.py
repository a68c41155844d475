# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a Feetech STS3215 servo keeps where: registers, units, error bits.

Addresses are those of Feetech's memory table; LeRobot has the same
(lerobot/motors/feetech/tables.py). Words are little-endian; signed ones are a magnitude and a sign
bit.
"""

from enum import IntFlag
from typing import NamedTuple

import numpy as np

RESOLUTION = 4096  # ticks per turn
RADIANS_PER_TICK = 2.0 * np.pi / (RESOLUTION - 1)  # as LeRobot counts
MIDDLE = (RESOLUTION - 1) // 2  # tick that LeRobot homes the middle of a joint to
AMPERES_PER_UNIT = 0.0065
VOLTS_PER_UNIT = 0.1
FULL_LOAD = 1000  # load at which a servo gives all that it can
MODEL_NUMBER = 777
BAUD_RATE = 1_000_000
BROADCAST = 0xFE
LAST_ID = 0xFD  # the next one speaks to all servos at once
SRAM = 40  # registers from here on are forgotten when the power goes


class Register(NamedTuple):
    """One value in the memory of a servo."""

    address: int
    size: int  # bytes
    sign_bit: int = 0  # 0: unsigned

    @property
    def place(self) -> slice:
        """Return where the register is in the memory of a servo."""
        return slice(self.address, self.address + self.size)

    def decode(self, data: bytes | bytearray | list[int]) -> int:
        """Return the value of ``data``, the bytes of this register."""
        value = int.from_bytes(bytes(data), 'little')
        if self.sign_bit and value >> self.sign_bit & 1:
            return -(value & ~(1 << self.sign_bit))
        return value

    def encode(self, value: int) -> list[int]:
        """Return the bytes of ``value``; raise ValueError where they can't hold it."""
        bound = 1 << (self.sign_bit or 8 * self.size)
        if not (-bound if self.sign_bit else -1) < value < bound:
            raise ValueError(f'register {self.address}: got {value}, expected less than {bound}')
        word = abs(value) | (1 << self.sign_bit if value < 0 else 0)
        return list(word.to_bytes(self.size, 'little'))


MODEL = Register(3, 2)
ID = Register(5, 1)
RETURN_DELAY = Register(7, 1)
MIN_POSITION = Register(9, 2)
MAX_POSITION = Register(11, 2)
MAX_TEMPERATURE = Register(13, 1)  # degrees Celsius
MAX_TORQUE = Register(16, 2)
PHASE = Register(18, 1)
P_COEFFICIENT = Register(21, 1)
D_COEFFICIENT = Register(22, 1)
I_COEFFICIENT = Register(23, 1)
PROTECTION_CURRENT = Register(28, 2)
HOMING_OFFSET = Register(31, 2, sign_bit=11)
OPERATING_MODE = Register(33, 1)
OVERLOAD_TORQUE = Register(36, 1)
TORQUE_ENABLE = Register(40, 1)
ACCELERATION = Register(41, 1)
GOAL_POSITION = Register(42, 2, sign_bit=15)
LOCK = Register(55, 1)
PRESENT_POSITION = Register(56, 2, sign_bit=15)
PRESENT_LOAD = Register(60, 2, sign_bit=10)
PRESENT_VOLTAGE = Register(62, 1)
PRESENT_TEMPERATURE = Register(63, 1)
STATUS = Register(65, 1)
MOVING = Register(66, 1)
PRESENT_CURRENT = Register(69, 2, sign_bit=15)
# what is read at every tick: one block, from the position to the current
STATE_ADDRESS = PRESENT_POSITION.address
STATE_SIZE = PRESENT_CURRENT.address + PRESENT_CURRENT.size - STATE_ADDRESS


class Fault(IntFlag):
    """The error bits of a servo, in every answer and in its status register."""

    VOLTAGE = 1
    SENSOR = 2
    TEMPERATURE = 4
    CURRENT = 8
    OVERLOAD = 32


FAULT_NAMES = {
    Fault.VOLTAGE: 'supply voltage out of range',
    Fault.SENSOR: 'its angle sensor fails',
    Fault.TEMPERATURE: 'too hot',
    Fault.CURRENT: 'too much current',
    Fault.OVERLOAD: 'overloaded',
}


def describe_faults(bits: int) -> str:
    """Return what the error bits say, '' where they say nothing."""
    return ', '.join(text for fault, text in FAULT_NAMES.items() if bits & fault)

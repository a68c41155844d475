# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated servo bus: STS3215 servos that answer on a pseudo-terminal, faults and all.

Whatever drives a real bus drives this one, through its own library and the kernel's terminal. What
the joints do is the plant's: by default each turns towards its goal at a bounded speed.
"""

import os
import pty
import random
import select
import threading
import time
import tty
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vla_ros.hardware import sts3215
from vla_ros.hardware.calibration import JointCalibration
from vla_ros.hardware.sts3215 import BROADCAST, SRAM, Fault, Register

PING, READ, WRITE, REG_WRITE, ACTION, SYNC_READ, SYNC_WRITE = 1, 2, 3, 4, 5, 0x82, 0x83
HEADER = b'\xff\xff'
BYTE_TIME = 10.0 / sts3215.BAUD_RATE  # s on the wire, with start and stop bit
SPEED = 3400.0  # ticks/s that a servo turns at most
COMPLIANCE = 0.0025  # load per tick that a joint is off its goal
STALL_CURRENT = 2.0  # A at full load
HOLDING = 128  # a torque_enable that declares the position to be the middle
OVERLOAD_AT, OVERLOAD_AFTER = 0.8, 2.0  # load, and s of it, after which a servo gives way
IDLE = 0.01  # s, at most, between two steps of the plant
ROOM_TEMPERATURE = 25.0  # degrees Celsius


class Plant(Protocol):
    """What the servos move."""

    def turn(self, goals: Mapping[int, float | None], elapsed: float) -> Mapping[int, float]:
        """
        Return where each axis is, in ticks of its encoder, ``elapsed`` s after the last call.

        ``goals`` is where each servo drives its axis to, None where its motor is off.
        """


class FreeArm:
    """Axes that nothing holds up: each turns to its goal, and stays where it is without one."""

    def __init__(self, positions: Mapping[int, float]) -> None:
        """Begin at these encoder ticks, by servo."""
        self.positions = dict(positions)
        self.speed = SPEED  # ticks/s
        self.blocked: set[int] = set()

    def turn(self, goals: Mapping[int, float | None], elapsed: float) -> Mapping[int, float]:
        """Turn each axis towards its goal as fast as a servo does."""
        for servo, goal in goals.items():
            if goal is not None and servo not in self.blocked:
                step = goal - self.positions[servo]
                reach = self.speed * elapsed
                self.positions[servo] += min(max(step, -reach), reach)
        return self.positions


class Servo:
    """The memory of one STS3215, and what its firmware does with it."""

    def __init__(self, number: int) -> None:
        """Be as it leaves the factory, but for its id."""
        self.memory = bytearray(256)
        self.extra_faults = Fault(0)  # that a test gives it
        self.temperature = ROOM_TEMPERATURE
        self._strained = 0.0  # s
        self._saved = bytes(SRAM)
        for register, value in (
            (sts3215.MODEL, sts3215.MODEL_NUMBER),
            (sts3215.ID, number),
            (sts3215.MAX_POSITION, sts3215.RESOLUTION - 1),
            (sts3215.MAX_TEMPERATURE, 70),
            (sts3215.MAX_TORQUE, 1000),
            (sts3215.PHASE, 12),
            (sts3215.P_COEFFICIENT, 32),
            (sts3215.D_COEFFICIENT, 32),
            (sts3215.PROTECTION_CURRENT, 500),
            (sts3215.OVERLOAD_TORQUE, 20),
            (sts3215.PRESENT_VOLTAGE, 74),
        ):
            self.set(register, value)
        self._saved = bytes(self.memory[:SRAM])

    @classmethod
    def calibrated(cls, joint: JointCalibration) -> 'Servo':
        """Return the servo of a joint, as it was calibrated."""
        servo = cls(joint.id)
        servo.set(sts3215.HOMING_OFFSET, joint.homing_offset)
        servo.set(sts3215.MIN_POSITION, joint.range_min)
        servo.set(sts3215.MAX_POSITION, joint.range_max)
        servo._saved = bytes(servo.memory[:SRAM])
        return servo

    def get(self, register: Register) -> int:
        """Return the value of a register."""
        return register.decode(self.memory[register.place])

    def set(self, register: Register, value: int) -> None:
        """Change a register, read-only ones too."""
        self.memory[register.place] = bytes(register.encode(value))

    def write(self, address: int, data: bytes) -> None:
        """Take what the bus writes; without the lock the lower registers survive the power."""
        self.memory[address : address + len(data)] = data
        touched = range(address, address + len(data))
        if address < SRAM and not self.get(sts3215.LOCK):
            self._saved = bytes(self.memory[:SRAM])
        if sts3215.TORQUE_ENABLE.address in touched:
            self._strained = 0.0
            if self.get(sts3215.TORQUE_ENABLE) == HOLDING:
                self._home()

    def power_on(self) -> None:
        """Come up with what was saved, motor off, and the goal where the axis is."""
        self.memory[:SRAM] = self._saved
        self.memory[SRAM : sts3215.STATE_ADDRESS] = bytes(sts3215.STATE_ADDRESS - SRAM)
        self.set(sts3215.GOAL_POSITION, self.get(sts3215.PRESENT_POSITION))
        self._strained = 0.0

    @property
    def goal(self) -> float | None:
        """Return where the motor drives the axis to, in encoder ticks; None while it is off."""
        gives_way = self._strained > OVERLOAD_AFTER or self.faults & Fault.TEMPERATURE
        if not self.get(sts3215.TORQUE_ENABLE) or gives_way:
            return None
        low, high = self.get(sts3215.MIN_POSITION), self.get(sts3215.MAX_POSITION)
        goal = min(max(self.get(sts3215.GOAL_POSITION), low), high)
        return goal + self.get(sts3215.HOMING_OFFSET)

    @property
    def faults(self) -> Fault:
        """Return the error bits."""
        faults = self.extra_faults
        if self.temperature > self.get(sts3215.MAX_TEMPERATURE):
            faults |= Fault.TEMPERATURE
        if self._strained > OVERLOAD_AFTER:
            faults |= Fault.OVERLOAD
        return faults

    def feel(self, axis: float, elapsed: float) -> None:
        """Take note that the axis is at ``axis`` ticks of the encoder."""
        position = round(axis) - self.get(sts3215.HOMING_OFFSET)
        goal = self.goal
        most = self.get(sts3215.MAX_TORQUE) / sts3215.FULL_LOAD
        load = 0.0 if goal is None else min(max(COMPLIANCE * (goal - axis), -most), most)
        self._strained += (
            elapsed if abs(load) > OVERLOAD_AT else -self._strained * (goal is not None)
        )
        self.set(sts3215.PRESENT_POSITION, position)
        self.set(sts3215.PRESENT_LOAD, round(load * sts3215.FULL_LOAD))
        amperes = load * STALL_CURRENT
        self.set(sts3215.PRESENT_CURRENT, round(amperes / sts3215.AMPERES_PER_UNIT))
        self.set(sts3215.PRESENT_TEMPERATURE, round(self.temperature))
        self.set(sts3215.STATUS, int(self.faults))

    def _home(self) -> None:
        """Declare the position to be the middle."""
        axis = self.get(sts3215.PRESENT_POSITION) + self.get(sts3215.HOMING_OFFSET)
        self.set(sts3215.HOMING_OFFSET, axis - sts3215.RESOLUTION // 2)
        self.set(sts3215.TORQUE_ENABLE, 0)


@dataclass
class Weather:
    """What goes wrong on the wire."""

    lost: float = 0.0  # share of the answers
    broken: float = 0.0  # share of the answers, with a byte that was flipped
    delay: float = 0.0002  # s until a servo answers
    silent: frozenset[int] = frozenset()  # servos that hear and don't answer


class SimulatedBus:
    """
    Servos on one pseudo-terminal, until ``close``.

    ``port`` is the path to open. With a ``link`` it is a link that stays when the terminal behind
    it is another one after unplug and plug_in, as below /dev/serial/by-id.
    """

    def __init__(
        self,
        servos: Mapping[int, Servo],
        plant: Plant | None = None,
        link: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Plug the bus in."""
        self.servos = dict(servos)
        self.weather = Weather()
        self.plant = plant or FreeArm(dict.fromkeys(servos, float(sts3215.RESOLUTION // 2)))
        self.lock = threading.Lock()  # of the servos, for whoever looks at them from outside
        self._link = link
        self._random = random.Random(seed)
        self._felt = time.monotonic()
        self._thread: threading.Thread | None = None
        self._feel()
        for servo in self.servos.values():
            servo.power_on()
        self.plug_in()

    @property
    def port(self) -> str:
        """Return the path that a driver opens."""
        return str(self._link or self._terminal)

    @property
    def plugged(self) -> bool:
        """Whether the terminal is there."""
        return self._thread is not None

    def stay(self) -> None:
        """Have every servo hold where its axis is."""
        with self.lock:
            self._feel()
            for servo in self.servos.values():
                servo.set(sts3215.GOAL_POSITION, servo.get(sts3215.PRESENT_POSITION))

    def plug_in(self) -> None:
        """Make the terminal and answer on it."""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self._terminal = os.ttyname(slave)
        self._slave = slave  # kept open: without one, reading the master fails
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._terminal)
        self._running = True
        self._thread = threading.Thread(target=self._serve, daemon=True, name='simulated bus')
        self._thread.start()

    def unplug(self) -> None:
        """Take the terminal away, as pulling the cable does; the servos keep their power."""
        if self._thread is None:
            return
        self._running = False
        self._thread.join()
        self._thread = None
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)

    def cut_power(self) -> None:
        """Switch the servos off and on again."""
        with self.lock:
            for servo in self.servos.values():
                servo.power_on()

    def close(self) -> None:
        """Unplug for good."""
        self.unplug()

    def _serve(self) -> None:
        """Answer packet by packet; between them the plant goes on."""
        received = bytearray()
        while self._running:
            ready, _, _ = select.select([self._master], [], [], IDLE)
            if ready:
                received += os.read(self._master, 4096)
            for packet in split_packets(received):
                with self.lock:
                    self._feel()
                    answers = self._obey(packet)
                self._send(answers)
            with self.lock:
                self._feel()

    def _feel(self) -> None:
        """Let the plant go on until now, and every servo feel where its axis is."""
        now = time.monotonic()
        elapsed, self._felt = now - self._felt, now
        goals = {number: servo.goal for number, servo in self.servos.items()}
        for number, axis in self.plant.turn(goals, elapsed).items():
            self.servos[number].feel(axis, elapsed)

    def _obey(self, packet: bytes) -> list[bytes]:
        """Return the answers to one packet: id, length, instruction, parameters."""
        number, instruction, given = packet[0], packet[2], packet[3:]
        if instruction == SYNC_READ:
            address, size = given[0], given[1]
            return [self._read(servo, address, size) for servo in self._named(given[2:])]
        if instruction == SYNC_WRITE:
            address, size = given[0], given[1]
            for start in range(2, len(given), size + 1):
                for servo in self._named(given[start : start + 1]):
                    servo.write(address, given[start + 1 : start + 1 + size])
            return []
        addressed = list(self.servos.values()) if number == BROADCAST else self._named([number])
        answers = [self._answer(servo, instruction, given) for servo in addressed]
        return answers if number != BROADCAST or instruction == PING else []

    def _answer(self, servo: Servo, instruction: int, given: bytes) -> bytes:
        if instruction == READ:
            return self._read(servo, given[0], given[1])
        before = servo.get(sts3215.ID)
        if instruction == WRITE:
            servo.write(given[0], given[1:])
        return status(before, servo.faults)

    def _read(self, servo: Servo, address: int, size: int) -> bytes:
        number = servo.get(sts3215.ID)
        return status(number, servo.faults, bytes(servo.memory[address : address + size]))

    def _named(self, numbers: bytes | list[int]) -> list[Servo]:
        """Return the servos that have these ids, in that order."""
        known = {servo.get(sts3215.ID): servo for servo in self.servos.values()}
        return [known[number] for number in numbers if number in known]

    def _send(self, answers: list[bytes]) -> None:
        """Answer one after the other, after the time on the wire, as the weather lets it."""
        wire = bytearray()
        for answer in answers:
            if answer[2] in self.weather.silent or self._random.random() < self.weather.lost:
                continue
            data = bytearray(answer)
            if self._random.random() < self.weather.broken:
                data[self._random.randrange(len(data))] ^= 0xFF
            wire += data
        time.sleep(self.weather.delay * len(answers) + BYTE_TIME * len(wire))
        os.write(self._master, wire)


def split_packets(received: bytearray) -> Iterator[bytes]:
    """Yield the whole and sound packets in ``received``, without header and sum; take them out."""
    while True:
        start = received.find(HEADER)
        if start < 0 or len(received) < start + 4:
            return
        del received[:start]
        size = received[3]
        if len(received) < 4 + size:
            return
        packet = bytes(received[2 : 4 + size])
        if checksum(packet[:-1]) == packet[-1] and size >= 2:
            del received[: 4 + size]
            yield packet[:-1]
        else:
            del received[:1]


def status(number: int, faults: int, data: bytes = b'') -> bytes:
    """Return the packet with which servo ``number`` answers."""
    body = bytes([number, len(data) + 2, faults]) + data
    return HEADER + body + bytes([checksum(body)])


def checksum(body: bytes) -> int:
    """Return the last byte of the packet with this id, length, instruction and data."""
    return ~sum(body) & 0xFF

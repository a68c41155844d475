# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bus of Feetech servos on a serial port, through Feetech's own library.

Of that library (feetech-servo-sdk, which LeRobot uses too) the packets are taken as they are. Its
port is not: it waits in a busy loop, waits 34 ms for an answer that does not come, and takes an
answer that comes too late for that of the next question, so that positions are old from then on.
"""

import select
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import scservo_sdk
import serial

from vla_ros.core.errors import VlaError
from vla_ros.hardware import sts3215
from vla_ros.hardware.sts3215 import STATE_ADDRESS, STATE_SIZE, Register

ANSWER_TIME = 0.01  # s that a servo has to answer, besides the time on the wire
READ_TIME = 0.002  # s that one read of the port waits at most
REOPEN_AFTER = 0.5  # s until a port that is gone is tried again
TRIES = 3  # LeRobot's: a packet that gets lost is asked for twice more
USUAL_IDS = range(21)  # that are looked for; nobody waits for all 254
PORTS = ('/dev/serial/by-id/*', '/dev/ttyACM*', '/dev/ttyUSB*')
# what pyserial raises where the device is gone: its own error, or those of the system calls
GONE = (serial.SerialException, OSError, termios.error)


class _Port(scservo_sdk.PortHandler):
    """The library's port, which sleeps until bytes come, and forgets what came too late."""

    answer_time = ANSWER_TIME

    def setupPort(self, cflag_baud: int) -> bool:  # noqa: N802
        """Open the port for this process alone."""
        super().setupPort(cflag_baud)
        self.ser.timeout = READ_TIME
        self.ser.exclusive = True
        return True

    def clearPort(self) -> None:  # noqa: N802
        """Forget what was received, before a question is sent."""
        self.ser.reset_input_buffer()

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: N802
        """Wait no longer than a servo takes for an answer of that many bytes."""
        wire_time = self.tx_time_per_byte * packet_length
        self.setPacketTimeoutMillis(1e3 * self.answer_time + wire_time)


class ServoBus:
    """
    One port; every call raises VlaError, naming the servo, where it is not answered.

    A port that went away (the cable was pulled) is opened anew by a call half a second later.
    """

    def __init__(self, port: str, answer_time: float = ANSWER_TIME) -> None:
        """
        Open the port; raise VlaError, listing those there are, where that is not possible.

        A servo that has not answered after ``answer_time`` (s) is asked again.
        """
        self.port = port
        self.opened = 0  # times; whoever sees it change knows that the servos may be others
        self._packets = scservo_sdk.PacketHandler(0)
        self._handler = _Port(port)
        self._handler.answer_time = answer_time
        self._gone_at = -REOPEN_AFTER  # s, monotonic
        self.open()

    def open(self) -> int:
        """Open the port if it is not; return how often it was opened so far."""
        if self._handler.is_open:
            return self.opened
        if time.monotonic() - self._gone_at < REOPEN_AFTER:
            raise VlaError(f'port {self.port}: is gone; plug the bus in again')
        self._gone_at = time.monotonic()
        try:
            self._handler.openPort()
        except GONE as error:
            raise VlaError(
                f'port {self.port!r}: cannot be opened ({error}), expected one of '
                f'{list_ports() or "none: no bus is plugged in"}; see vla_ros find-ports'
            ) from None
        self.opened += 1
        return self.opened

    def close(self) -> None:
        """Close the port."""
        with suppress(*GONE):  # of a device that is not there there is nothing to close
            if self._handler.is_open:
                self._handler.closePort()
        self._handler.is_open = False

    def answers(self, servo: int) -> bool:
        """Say whether there is a servo of this id; it is asked once."""
        with self._port() as port:
            data, result, _ = self._packets.readTxRx(port, servo, *sts3215.MODEL[:2])
        return bool(result == scservo_sdk.COMM_SUCCESS and len(data) == sts3215.MODEL.size)

    def read(self, servo: int, register: Register) -> int:
        """Return the value of a register of one servo."""
        return register.decode(self.read_block(servo, register.address, register.size))

    def read_block(self, servo: int, address: int, size: int) -> list[int]:
        """Return the bytes of one servo from ``address`` on."""
        for _ in self._tries():
            with self._port() as port:
                data, result, _ = self._packets.readTxRx(port, servo, address, size)
            if result == scservo_sdk.COMM_SUCCESS and len(data) == size:
                return list(data)
        raise self._silence(servo)

    def write(self, servo: int, register: Register, value: int) -> None:
        """Set a register of one servo, and wait until the servo has said that it did."""
        data = register.encode(value)
        for _ in self._tries():
            with self._port() as port:
                result, _ = self._packets.writeTxRx(port, servo, register.address, len(data), data)
            if result == scservo_sdk.COMM_SUCCESS:
                return
        raise self._silence(servo)

    def read_states(self, servos: Sequence[int]) -> np.ndarray:
        """Return the registers from position to current of each servo, (servos, 15) uint8."""
        missing = list(servos)
        for _ in self._tries():
            with self._port() as port:
                reader = scservo_sdk.GroupSyncRead(port, self._packets, STATE_ADDRESS, STATE_SIZE)
                for servo in servos:
                    reader.addParam(servo)
                reader.txRxPacket()
            missing = [s for s in servos if len(reader.data_dict[s]) != STATE_SIZE]
            if not missing:
                return np.array([reader.data_dict[s] for s in servos], np.uint8)
        raise self._silence(missing[0])

    def write_goals(self, servos: Sequence[int], ticks: Sequence[int]) -> None:
        """Send each servo to a position in ticks, all at once; none of them answers."""
        register = sts3215.GOAL_POSITION
        with self._port() as port:
            writer = scservo_sdk.GroupSyncWrite(
                port, self._packets, register.address, register.size
            )
            for servo, value in zip(servos, ticks, strict=True):
                writer.addParam(servo, register.encode(int(value)))
            writer.txPacket()

    def settle(self) -> None:
        """Forget answers that come too late, until none comes any more."""
        with self._port() as port:
            while select.select([port.ser], [], [], port.answer_time / 2.0)[0]:
                port.ser.reset_input_buffer()

    def _tries(self) -> Iterator[int]:
        """Count the tries; before each but the first, wait until the last is over for sure."""
        for attempt in range(TRIES):
            if attempt:
                self.settle()
            yield attempt

    def _silence(self, servo: int) -> VlaError:
        return VlaError(f'port {self.port}: servo {servo} does not answer; check its cable')

    @contextmanager
    def _port(self) -> Iterator[_Port]:
        """Lend the port for one question; what fails below says that it is gone."""
        self.open()
        self._handler.is_using = False  # of a question that failed halfway
        try:
            yield self._handler
        except GONE as error:
            self._gone_at = time.monotonic()
            self.close()
            raise VlaError(f'port {self.port}: is gone ({error}); plug the bus in again') from None


def find_servos(bus: ServoBus) -> list[int]:
    """Return the USUAL_IDS that answer on a bus."""
    return [servo for servo in USUAL_IDS if bus.answers(servo)]


def list_ports() -> list[str]:
    """Return the serial ports that a bus may be on, stable names first."""
    return [str(path) for pattern in PORTS for path in sorted(Path('/').glob(pattern[1:]))]

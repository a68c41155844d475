# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bounds of messages that are looked at before a message is made of their bytes.

A process that must not be kept waiting can't afford to take whatever comes: a few thousand
elements of a nested field keep Python busy for a tenth of a second, with every other thread
waiting for it. So it subscribes to the raw bytes and lets ``bounded`` open them.
"""

import struct
from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message

from vla_ros.core.chunk import MOST_ROWS
from vla_ros.core.errors import VlaError
from vla_ros.core.robot import MOST_JOINTS
from vla_ros.core.trajectory import MOST_POINTS

LARGEST = 2**14  # bytes of a message without long fields; joint states of 256 joints have less
MOST_TIMINGS = 64  # of a chunk: one for each stage

Check = Callable[[bytes], None]


def bounded(
    msg_type: type, callback: Callable[..., None], check: Check | None = None
) -> Callable[..., None]:
    """
    Return the callback of a raw subscription that hands sound messages on to ``callback``.

    ``check`` raises VlaError for bytes that are not to be opened; without it they may be LARGEST.
    What is no message of ``msg_type`` raises VlaError too.
    """

    def on_bytes(data: bytes, *known: Any) -> None:
        try:
            (check or _check_size)(data)
            msg: Any = deserialize_message(data, msg_type)
        except (RuntimeError, struct.error, IndexError):  # RMWError, which rclpy hides
            raise VlaError(
                f'{msg_type.__name__}: got {len(data)} bytes that are none; '
                'run the same version of vla_ros in every node'
            ) from None
        callback(msg, *known)

    return on_bytes


def check_chunk(data: bytes) -> None:
    """Raise VlaError for the bytes of an ActionChunk with more in it than a chunk can have."""
    fields = _Fields(data)
    fields.skip(8, 4)  # header.stamp
    fields.skip(fields.count(), 1)  # header.frame_id
    fields.skip(8, 8)  # sequence
    fields.skip(8, 4)  # start
    fields.skip(8, 8)  # step
    names = fields.count()
    _check('joints', names, MOST_JOINTS)
    for _ in range(names):
        fields.skip(fields.count(), 1)
    values = fields.count()
    _check(f'values for {names} joints', values, MOST_ROWS * names)
    fields.skip(4 * values, 4)
    _check('timings', fields.count(), MOST_TIMINGS)


def check_trajectory(data: bytes) -> None:
    """Raise VlaError for the bytes of a JointTrajectory with more in it than is read in time."""
    fields = _Fields(data)
    fields.skip(8, 4)  # header.stamp
    fields.skip(fields.count(), 1)  # header.frame_id
    names = fields.count()
    _check('joints', names, MOST_JOINTS, 'trajectory')
    for _ in range(names):
        fields.skip(fields.count(), 1)
    _check('points', fields.count(), MOST_POINTS, 'trajectory')
    size, most = len(data), LARGEST + MOST_POINTS * 4 * 8 * names  # four values of each joint
    _check('bytes', size, most, 'trajectory')


def _check(what: str, got: int, most: int, message: str = 'action chunk') -> None:
    if got > most:
        raise VlaError(f'{message}: got {got} {what}, expected at most {most}')


def _check_size(data: bytes) -> None:
    if len(data) > LARGEST:
        raise VlaError(f'got a message of {len(data)} bytes, expected at most {LARGEST}')


class _Fields:
    """Walks over the fields of a message in CDR, which is what ROS 2 puts on the wire."""

    def __init__(self, data: bytes) -> None:
        """Begin behind the four bytes that say how the message is encoded."""
        self._data, self._at = memoryview(data)[4:], 0
        self._count = struct.Struct('<I' if data[1] & 1 else '>I')

    def skip(self, size: int, alignment: int) -> None:
        """Go on behind a field of ``size`` bytes that begins at a multiple of ``alignment``."""
        self._at += -self._at % alignment + size

    def count(self) -> int:
        """Return the length that a text or a sequence begins with."""
        self.skip(4, 4)
        count: int = self._count.unpack_from(self._data, self._at - 4)[0]
        return count

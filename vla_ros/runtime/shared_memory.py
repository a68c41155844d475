# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Arrays in shared memory: a writer fills slots, and a message says where a reader finds them.

A segment is a file in /dev/shm with SLOTS slots for arrays of one name; its writer holds a lock on
it as long as it lives, so that what a killed one left behind is known and removed. A slot begins
with its generation, odd while it is being written, and the writer goes round the slots. Nothing
waits for a reader: one that is so slow that its slot is written again is told so and gets an
error, never an array that is half old and half new. The checksum holds that promise on
processors that reorder memory accesses, too. Who makes an array may do so in its slot, which it
borrows: then nothing is copied at all.
"""

import fcntl
import mmap
import os
import re
import secrets
import stat
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import VlaError

SHARED_MEMORY = Path('/dev/shm')
PREFIX = 'vla_ros_'
SEGMENT = re.compile(PREFIX + '[0-9a-f]{16}')
SLOTS = 4  # one is read, one waits in the reader's queue, one is on its way, one is written
MOST_AXES = 8
DTYPES = frozenset(  # NumPy's names of what tensors are made of: numbers, and no objects
    ('bool', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64')
    + ('float16', 'float32', 'float64')
)
HEADER = 64  # bytes before the elements: the generation, and the elements start a cache line


class Place(NamedTuple):
    """Where an array lies; all that a reader has to know besides its type and shape."""

    segment: str  # file in /dev/shm
    host: str  # boot id of the host
    offset: int  # bytes, of the slot in the file
    generation: int  # of the slot, as long as the array lies there
    checksum: int  # sum of the slot's 64-bit words, modulo 2**64


class SharedWriter:
    """Puts arrays where other processes of this host find them; one owner thread."""

    def __init__(self, folder: Path = SHARED_MEMORY) -> None:
        """Remove what dead writers left in ``folder``; take nothing before the first array."""
        self._folder = folder
        self._segments: dict[str, _Segment] = {}
        self._loans: dict[str, np.ndarray] = {}
        remove_stale_slots(folder)

    def loan(self, name: str, dtype: str, shape: Sequence[int]) -> np.ndarray:
        """
        Return the next slot of ``name`` as an array, to be filled and then given to ``put``.

        One that is never put is lent again. Raise VlaError where the shared memory is full.
        """
        size = prod(shape) * np.dtype(dtype).itemsize
        segment = self._segments.get(name)
        if segment is None or segment.capacity < size:
            self._drop(name)
            segment = self._segments[name] = _Segment(self._folder, size)
        self._loans[name] = segment.open(size).view(dtype).reshape(tuple(shape))
        return self._loans[name]

    def put(self, name: str, values: np.ndarray) -> Place:
        """
        Return the place of an array: of ``loan``, or copied into the next slot of ``name``.

        Raise VlaError where the shared memory is full.
        """
        if self._loans.get(name) is not values:
            self.loan(name, values.dtype.name, values.shape)[...] = values
        del self._loans[name]
        return self._segments[name].commit()

    def close(self) -> None:
        """Remove every segment; arrays that a reader holds stay valid."""
        for name in list(self._segments):
            self._drop(name)

    def _drop(self, name: str) -> None:
        segment = self._segments.pop(name, None)
        self._loans.pop(name, None)
        if segment is not None:
            segment.close()


class SharedReader:
    """Finds the arrays that writers of this host have put into shared memory."""

    def __init__(self, folder: Path = SHARED_MEMORY) -> None:
        """Look in ``folder``."""
        self._folder = folder
        self._mapped: dict[str, tuple[str, np.ndarray]] = {}  # the newest segment of each name

    def view(self, name: str, place: Place, dtype: str, shape: Sequence[int]) -> np.ndarray:
        """
        Return the array at ``place`` without a copy, read-only.

        It is whole where ``verify`` says so after its use. Raise VlaError where it is out of
        reach, makes no sense or is overwritten already.
        """
        element = _element(name, dtype, shape)
        memory = self._open(name, place)
        end = place.offset + HEADER + prod(shape) * element.itemsize
        if place.offset % HEADER or end > len(memory):
            raise VlaError(
                f'tensor {name}: got bytes {place.offset} to {end} of {len(memory)} in '
                f'{place.segment}, expected a slot; run the same version of vla_ros in every node'
            )
        self._check_generation(name, place, memory)
        return memory[place.offset + HEADER : end].view(element).reshape(tuple(shape))

    def verify(self, name: str, place: Place, values: np.ndarray) -> None:
        """Raise VlaError where ``values``, of ``view``, were overwritten until now."""
        memory = self._open(name, place)
        start = place.offset + HEADER
        found = _checksum(memory[start : start + _padded(values.nbytes)])
        self._check_generation(name, place, memory)
        if found != place.checksum:
            raise _overwritten(name)

    def _open(self, name: str, place: Place) -> np.ndarray:
        """Return the bytes of the segment; the last one of ``name`` stays open."""
        segment, memory = self._mapped.get(name, ('', None))
        if memory is None or segment != place.segment:
            memory = self._map(name, place)
            self._mapped[name] = place.segment, memory
        return memory

    def _map(self, name: str, place: Place) -> np.ndarray:
        if place.host != host_id():
            raise VlaError(
                f'tensor {name}: lies in the shared memory of another host; set '
                'shared_memory:=never for the node that publishes it'
            )
        if not SEGMENT.fullmatch(place.segment):
            raise VlaError(
                f'tensor {name}: got segment {place.segment!r}, expected one of vla_ros; '
                'run the same version of vla_ros in every node'
            )
        path = self._folder / place.segment
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError as error:
            raise VlaError(
                f'tensor {name}: {path}: {error.strerror}; if its writer lives, let both nodes '
                'share /dev/shm and the user, or set shared_memory:=never for the writer'
            ) from None
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size < HEADER:
            os.close(descriptor)  # a pipe would have kept who opens it waiting, but for O_NONBLOCK
            raise VlaError(
                f'tensor {name}: {path}: got no file with slots, expected one of vla_ros; '
                'run the same version of vla_ros in every node'
            )
        return _map(descriptor, mmap.PROT_READ)

    def _check_generation(self, name: str, place: Place, memory: np.ndarray) -> None:
        if _generation(memory, place.offset)[0] != place.generation:
            raise _overwritten(name)


def _element(name: str, dtype: str, shape: Sequence[int]) -> np.dtype:
    """Return the type of a tensor's elements; raise VlaError for what no array of numbers is."""
    if dtype not in DTYPES or len(shape) > MOST_AXES:
        raise VlaError(
            f'tensor {name}: got {len(shape)} axes of {dtype[:40]!r}, expected at most '
            f'{MOST_AXES} of {", ".join(sorted(DTYPES))}; run the same version of vla_ros in '
            'every node'
        )
    return np.dtype(dtype)


@lru_cache
def host_id() -> str:
    """Return what tells this host, since it was started, from every other."""
    return Path('/proc/sys/kernel/random/boot_id').read_text().strip()


def remove_stale_slots(folder: Path = SHARED_MEMORY) -> tuple[int, int]:
    """Remove the segments in ``folder`` whose writer has died; return their number and bytes."""
    found = [_remove_stale(path) for path in folder.glob(f'{PREFIX}*')]
    sizes = [size for size in found if size is not None]
    return len(sizes), sum(sizes)


class _Segment:
    """A file with slots for arrays of up to ``capacity`` bytes, and the lock on it."""

    def __init__(self, folder: Path, capacity: int) -> None:
        """Make the file; raise VlaError where there is no room for it."""
        self._stride = HEADER + -(-capacity // HEADER) * HEADER
        self.capacity = self._stride - HEADER
        self._path, self._lock = _create(folder)
        try:  # the kernel answers here, and not with SIGBUS when a slot is written
            os.posix_fallocate(self._lock, 0, SLOTS * self._stride)
        except OSError as error:
            self.close()
            raise VlaError(
                f'{folder}: no room for {SLOTS * self._stride / 1e6:.1f} MB of tensors '
                f'({error.strerror}); they go into the messages; make /dev/shm larger'
            ) from None
        self._memory = _map(os.dup(self._lock), mmap.PROT_READ | mmap.PROT_WRITE)
        self._written = 0
        self._size = 0  # bytes of the array that is being written

    def open(self, size: int) -> np.ndarray:
        """Return ``size`` bytes of the slot that was written longest ago; it counts as torn."""
        offset, self._size = self._offset, size
        _generation(self._memory, offset)[0] = 2 * self._written + 1
        return self._memory[offset + HEADER : offset + HEADER + size]

    def commit(self) -> Place:
        """Declare the slot that is open whole, and return its place."""
        offset = self._offset
        self._written += 1
        slot = self._memory[offset + HEADER : offset + HEADER + _padded(self._size)]
        slot[self._size :] = 0
        _generation(self._memory, offset)[0] = 2 * self._written
        return Place(self._path.name, host_id(), offset, 2 * self._written, _checksum(slot))

    @property
    def _offset(self) -> int:
        return self._written % SLOTS * self._stride

    def close(self) -> None:
        """Remove the file and give the lock back."""
        self._path.unlink(missing_ok=True)
        os.close(self._lock)


def _create(folder: Path) -> tuple[Path, int]:
    """Return a new file and its descriptor, which holds the lock on it."""
    while True:
        path = folder / f'{PREFIX}{secrets.token_hex(8)}'
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # taken for stale in the moment before it was locked


def _remove_stale(path: Path) -> int | None:
    """Remove a segment nobody holds the lock of; return its bytes, None for any other."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
        return os.fstat(descriptor).st_blocks * 512
    except BlockingIOError:
        return None
    finally:
        os.close(descriptor)


def _map(descriptor: int, protection: int) -> np.ndarray:
    """Return the bytes of an open file, which is closed; they live as long as the array."""
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    try:
        return np.frombuffer(mmap.mmap(descriptor, 0, flags, protection), np.uint8)
    finally:
        os.close(descriptor)


def _generation(memory: np.ndarray, offset: int) -> np.ndarray:
    """Return the one word that counts how often the slot at ``offset`` was written."""
    return memory[offset : offset + 8].view(np.uint64)


def _padded(size: int) -> int:
    """Return ``size`` (bytes), rounded up to whole 64-bit words."""
    return -(-size // 8) * 8


def _checksum(slot: np.ndarray) -> int:
    return int(np.add.reduce(slot.view(np.uint64)))


def _overwritten(name: str) -> VlaError:
    return VlaError(
        f'tensor {name}: overwritten before it was read to the end: {SLOTS} newer ones have come '
        'since; make the node that reads it faster, or ask less often'
    )

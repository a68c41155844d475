# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tensors between nodes: through shared memory on one host, inside the message everywhere else.

The message is the same. Where an array is small, where a reader is on another host and where the
shared memory is full, its bytes are in the message.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import TypeVar

import numpy as np
import rclpy
from rclpy.publisher import Publisher

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.msg import Features, Tensor
from vla_ros.ros import messages
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.runtime.session import TensorSpec
from vla_ros.runtime.shared_memory import Place, SharedReader, SharedWriter

T = TypeVar('T')

CHOICES = ('auto', 'always', 'never')
SMALLEST = 1 << 16  # bytes; a smaller array travels in the message as fast
RETRY = 5.0  # s after which a full shared memory is tried again
LOOK_PERIOD = 1.0  # s between two looks at where the readers are
HOST_OF_GID = slice(0, 4)  # the vendor and the host in a Fast DDS identifier
FAST_DDS = ('rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp')


class TensorSender:
    """
    Publishes Features with their tensors.

    ``choice`` is auto (shared memory while every reader is on this host, as Fast DDS tells),
    always or never. Raise ConfigError for another.
    """

    def __init__(self, node: VlaNode, publisher: Publisher, choice: str) -> None:
        if choice not in CHOICES:
            raise ConfigError(f'shared_memory: got {choice!r}, expected one of {list(CHOICES)}')
        self._node, self._publisher, self._choice = node, publisher, choice
        self._memory = SharedWriter()
        self._full_until = self._look_due = 0.0  # s, of time.monotonic
        self._readers, self._are_here = 0, False

    def loan(self, name: str, spec: TensorSpec) -> np.ndarray | None:
        """
        Return an array for a tensor that will be published, where that saves its copy.

        It lies in shared memory, is filled by the caller, and holds until the next loan.
        """
        if not spec.static or not self._shares():
            return None
        shape = [int(size) for size in spec.shape]
        if prod(shape) * np.dtype(spec.dtype).itemsize < SMALLEST:
            return None
        return self._try(lambda: self._memory.loan(name, spec.dtype, shape))

    def loans(self, specs: Mapping[str, TensorSpec]) -> dict[str, np.ndarray]:
        """Return an array for each tensor where that saves its copy, see ``loan``."""
        slots = {name: self.loan(name, spec) for name, spec in specs.items()}
        return {name: slot for name, slot in slots.items() if slot is not None}

    def publish(self, msg: Features, tensors: Mapping[str, np.ndarray]) -> None:
        """Publish ``msg`` with ``tensors``; a shared memory that is full is reported."""
        shared = self._shares()
        msg.tensors = [self._tensor(name, values, shared) for name, values in tensors.items()]
        self._publisher.publish(msg)

    def close(self) -> None:
        """Give the shared memory back."""
        self._memory.close()

    def _tensor(self, name: str, values: np.ndarray, shared: bool) -> Tensor:
        if shared and values.nbytes >= SMALLEST:
            place = self._try(lambda: self._memory.put(name, values))
            if place is not None:
                return place_to_msg(name, values, place)
        return messages.tensor_to_msg(name, values)

    def _try(self, use: Callable[[], T]) -> T | None:
        """Return what ``use`` gets of the shared memory, None while that is full."""
        if time.monotonic() < self._full_until:
            return None
        try:
            return use()
        except VlaError as error:
            self._full_until = time.monotonic() + RETRY
            self._node.report('shared memory', str(error))
            return None

    def _shares(self) -> bool:
        """Say whether shared memory reaches every reader."""
        if self._choice != 'auto':
            return self._choice == 'always'
        readers, now = self._publisher.get_subscription_count(), time.monotonic()
        if readers != self._readers or now >= self._look_due:
            self._readers, self._look_due = readers, now + LOOK_PERIOD
            self._are_here = readers_are_here(self._node, self._publisher.topic_name)
        return self._are_here


class TensorReceiver:
    """Opens the tensors of messages, wherever their bytes are."""

    def __init__(self) -> None:
        self._memory = SharedReader()

    @contextmanager
    def open(
        self, msgs: Iterable[Tensor], names: Sequence[str]
    ) -> Iterator[dict[str, np.ndarray]]:
        """
        Give the arrays called ``names`` by name, without a copy, for a while.

        Raise VlaError where one is missing or out of reach, and at the end where one was
        overwritten meanwhile: what was made of them is of no use then.
        """
        found = messages.tensors_by_name(msgs, names)
        arrays = [self._view(msg) for msg in found]
        yield dict(zip(names, arrays, strict=True))
        for msg, values in zip(found, arrays, strict=True):
            if msg.segment:
                self._memory.verify(msg.name, place_of(msg), values)

    def _view(self, msg: Tensor) -> np.ndarray:
        if not msg.segment:
            return messages.tensor_from_msg(msg)
        return self._memory.view(msg.name, place_of(msg), msg.dtype, msg.shape)


def place_to_msg(name: str, values: np.ndarray, place: Place) -> Tensor:
    """Return the message that says where an array lies."""
    dtype, shape = values.dtype.name, list(values.shape)
    return Tensor(name=name, dtype=dtype, shape=shape, **place._asdict())


def place_of(msg: Tensor) -> Place:
    """Return where the message says that its array lies."""
    return Place(msg.segment, msg.host, msg.offset, msg.generation, msg.checksum)


def readers_are_here(node: VlaNode, topic: str) -> bool:
    """Say whether every reader of ``topic`` is known to be on the host of its writers."""
    if rclpy.get_rmw_implementation_identifier() not in FAST_DDS:
        return False
    readers = node.get_subscriptions_info_by_topic(topic)
    writers = node.get_publishers_info_by_topic(topic)
    return len({bytes(end.endpoint_gid)[HOST_OF_GID] for end in readers + writers}) <= 1

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node tells on /diagnostics: its faults, its traffic, its memory and where it runs."""

import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import QoSMessageLostInfo
from rclpy.node import Node
from rclpy.publisher import Publisher

REPORT_PERIOD = 5.0  # s between two lines of the log about one kind of fault
SCHEDULERS = {os.SCHED_OTHER: 'usual', os.SCHED_FIFO: 'FIFO', os.SCHED_RR: 'round robin'}


class MeasuredPublisher(Publisher):
    """A publisher that counts, and tells how old its newest message was when it left."""

    count = 0
    latency: float | None = None  # s, from the stamp of the header
    now: Callable[[], float] = time.time  # the node's clock, s

    def publish(self, msg: Any) -> None:
        """Publish ``msg``."""
        super().publish(msg)
        self.count += 1
        header = getattr(msg, 'header', None)
        if header is not None:
            self.latency = self.now() - header.stamp.sec - 1e-9 * header.stamp.nanosec


class Traffic:
    """Rates, latencies and losses of a node's topics since the last look."""

    def __init__(self) -> None:
        """Begin with no topic."""
        self.publishers: list[MeasuredPublisher] = []
        self.received: Counter[str] = Counter()  # messages, by topic
        self.dropped: Counter[str] = Counter()  # messages that were lost on the way
        self.late: Counter[str] = Counter()  # deadlines that were missed, by topic
        self._seen: dict[str, int] = {}
        self._looked = 0.0  # s

    def note_loss(self, topic: str) -> Callable[[QoSMessageLostInfo], None]:
        """Return the callback for messages of ``topic`` that were lost."""

        def on_loss(info: QoSMessageLostInfo) -> None:
            self.dropped[topic] = info.total_count

        return on_loss

    def values(self, now: float) -> dict[str, str]:
        """Return the figures since the last call; ``now`` in s."""
        elapsed, self._looked = now - self._looked, now
        counts = {f'rate: {p.topic_name}': p.count for p in self.publishers}
        counts |= {f'received: {topic}': count for topic, count in self.received.items()}
        rates = {key: count - self._seen.get(key, 0) for key, count in counts.items()}
        self._seen = counts
        return {
            **{key: f'{max(0, new) / elapsed:.1f} Hz' for key, new in rates.items()},
            **{
                f'latency: {p.topic_name}': f'{p.latency:.4f} s'
                for p in self.publishers
                if p.latency is not None
            },
            **{f'dropped: {topic}': str(count) for topic, count in self.dropped.items()},
            **{f'late: {topic}': str(count) for topic, count in self.late.items()},
        }


class Diagnostics:
    """Counts a node's faults, says them in the log, and publishes how the node is."""

    def __init__(self, node: Node) -> None:
        """Advertise /diagnostics."""
        self.traffic = Traffic()
        self._node = node
        self.faults: Counter[str] = Counter()
        self._said: dict[str, float] = {}
        self._new_fault = ''
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._looked, self._used = time.monotonic(), time.process_time()  # s
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def report(self, kind: str, message: str) -> None:
        """Count a fault of this kind and log it, at most once in REPORT_PERIOD for each kind."""
        self.faults[kind] += 1
        self._new_fault = message
        now = self._steady.now().nanoseconds * 1e-9
        if now - self._said.get(kind, -REPORT_PERIOD) >= REPORT_PERIOD:
            self._said[kind] = now
            self._node.get_logger().error(f'{message} (fault {self.faults[kind]} of {kind})')

    def warn(self, message: str) -> None:
        """Log what an operator should mend although the node goes on, and show it once."""
        self._new_fault = message
        self._node.get_logger().warning(message)

    def publish(self, state: str, values: Mapping[str, str]) -> None:
        """Publish the node's state and ``values`` with all that is known about every node."""
        known = {
            'state': state,
            **values,
            **describe_process(),
            'cpu': f'{100 * self._share():.0f} %',
            **self.traffic.values(self._steady.now().nanoseconds * 1e-9),
            **{f'faults: {kind}': str(count) for kind, count in self.faults.items()},
        }
        status = DiagnosticStatus(
            name=self._node.get_fully_qualified_name(),
            level=DiagnosticStatus.WARN if self._new_fault else DiagnosticStatus.OK,
            message=self._new_fault or state,
            hardware_id=socket.gethostname(),
            values=[KeyValue(key=key, value=value) for key, value in known.items()],
        )
        self._new_fault = ''
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def _share(self) -> float:
        """Return the CPU time of this process since the last call as a fraction of one core."""
        looked, used = self._looked, self._used
        self._looked, self._used = time.monotonic(), time.process_time()
        return (self._used - used) / max(self._looked - looked, 1e-3)


def describe_process() -> dict[str, str]:
    """Return the memory of this process and where the kernel really runs it."""
    return {
        'memory': f'{resident_memory() / 2**20:.0f} MiB',
        'cores': list_ranges(sorted(os.sched_getaffinity(0))),
        'scheduler': SCHEDULERS.get(os.sched_getscheduler(0), 'other'),
        'nice': str(os.getpriority(os.PRIO_PROCESS, 0)),
    }


def resident_memory() -> int:
    """Return the memory that this process holds in bytes."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()


def list_ranges(numbers: Iterable[int]) -> str:
    """Return ascending numbers as the kernel writes them: 0-2,5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ','.join(f'{a}' if a == b else f'{a}-{b}' for a, b in ranges)

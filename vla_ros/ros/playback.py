# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bag on its way to the nodes of a policy, and their answers on the way back.

An answer that is about another observation than planned, or does not come, is asked for again:
the planned observation is shown anew, and the rest of the bag is put off by as long.
"""

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rclpy.publisher import Publisher

from vla_ros.core.errors import VlaError
from vla_ros.dataset.align import gather
from vla_ros.dataset.bag import Message, header_time
from vla_ros.dataset.replay.bag_samples import Track
from vla_ros.dataset.replay.drive import Ask
from vla_ros.dataset.replay.fast import Answered
from vla_ros.msg import ActionChunk, QueueStatus
from vla_ros.ros import messages

TRIES = 10  # for one answer
SETTLE = 0.005  # s from the last sample to the request, so that it does not overtake it
SAME = 2e-6  # s; stamps that differ by less are the same: a float knows them to 0.24 us
LATE = 0.25  # s; what is later than that is not caught up
REPLAYED = 'a recording is replayed: no arm moves'


class Answers:
    """The chunks that came, noted by one thread and awaited by another."""

    def __init__(self) -> None:
        """Begin with none."""
        self._arrived = threading.Condition()
        self._chunks: list[tuple[ActionChunk, float]] = []

    def note(self, msg: ActionChunk) -> None:
        """Take note of a chunk, now."""
        with self._arrived:
            self._chunks.append((msg, time.monotonic()))
            self._arrived.notify()

    def wait(self, request: int, stamp: float, timeout: float) -> tuple[ActionChunk, float] | None:
        """
        Return the chunk of the observation of ``stamp`` (s), and when it came (s).

        None where it does not come, or ``request`` was answered about another observation. An
        answer to an earlier request is as good where the observation is the right one.
        """
        found: list[tuple[ActionChunk, float]] = []

        def is_over() -> bool:
            found.extend(item for item in self._chunks if _is_of(item[0], stamp))
            over = bool(found) or any(msg.sequence == request for msg, _ in self._chunks)
            self._chunks.clear()
            return over

        with self._arrived:
            self._arrived.wait_for(is_over, timeout)
        return found[0] if found else None


def _is_of(msg: ActionChunk, stamp: float) -> bool:
    return abs(messages.seconds(msg.header.stamp) - stamp) < SAME


class Request(NamedTuple):
    """A request on its way."""

    ask: Ask
    number: int
    begun: float  # s, by the monotonic clock
    stamp: float  # s, that the planned observation has


@dataclass(frozen=True)
class Graph:
    """What connects a playback to ROS."""

    outputs: Mapping[str, Publisher]  # topic of the bag: where it goes
    statuses: Publisher
    answers: Answers
    now: Callable[[], float]  # s, by the clock that the nodes go by
    running: Callable[[], bool]  # False: the playback is to end at once
    timeout: float  # s after which a chunk is asked for again


class Playback:
    """Plays one bag in real time."""

    def __init__(self, track: Track, graph: Graph, joints: Sequence[str], first: int) -> None:
        """Take what to play where; requests are numbered on from ``first``."""
        self.repeated = 0  # requests that had to be made again
        self.last = first  # number of the newest request
        self._track, self._graph, self._joints = track, graph, joints
        self._answers: list[Answered] = []
        self._open: Request | None = None
        self._published = 0.0  # s, by the monotonic clock
        self._put_off(0.0)

    def play(self, asks: Sequence[Ask]) -> list[Answered]:
        """Return the answers in the order of ``asks``; fewer where the playback is ended."""
        due = deque(asks)
        self._put_off(self._track.events[0].now)
        for now, message in self._messages():
            while due and due[0].time < now:
                self._ask(due.popleft())
            self._wait_until(now)
            if not self._graph.running():
                return self._answers
            self._publish(message)
        for ask in due:
            self._ask(ask)
        self._collect()
        return self._answers

    def _messages(self) -> Iterator[tuple[float, Message]]:
        """Yield what is to be published and the recorded time (s) at which it is due."""
        now = self._track.events[0].now
        text = self._track.streams.instruction
        for message in self._track.episode.messages(list(self._graph.outputs)):
            if message.topic != text:
                now = max(now, header_time(message.data))
            yield now, message

    def _ask(self, ask: Ask) -> None:
        """Ask for a chunk, as soon as the one before is there."""
        self._collect()
        self._wait_until(ask.time)
        if self._graph.running():
            self._send(ask)

    def _send(self, ask: Ask) -> None:
        time.sleep(max(0.0, self._published + SETTLE - time.monotonic()))
        self.last += 1
        self._open = Request(ask, self.last, time.monotonic(), ask.start + self._shift)
        status = QueueStatus(
            mode=QueueStatus.HOLDING, reason=REPLAYED, request=True, request_id=self.last
        )
        status.header.stamp = messages.stamp(self._graph.now())
        self._graph.statuses.publish(status)

    def _collect(self) -> None:
        """Wait for the open answer; ask again where it is not the one that was planned."""
        for _ in range(TRIES):
            if self._open is None or not self._graph.running():
                return
            wanted = self._open
            answer = self._graph.answers.wait(wanted.number, wanted.stamp, self._graph.timeout)
            if answer:
                self._answers.append(self._read(*answer, wanted))
                self._open = None
            elif self._graph.running():
                self.repeated += 1
                self._show(wanted.ask)
                self._send(wanted.ask)
        if self._open is not None:
            raise VlaError(
                f'{self._track.episode.path.name}: got no chunk in {TRIES} tries of '
                f'{self._graph.timeout:.1f} s, expected one; see what the nodes of the policy '
                'say, or raise timeout'
            )

    def _show(self, ask: Ask) -> None:
        """Publish the planned observation anew, as the newest one."""
        self._put_off(ask.start)
        chosen = {topic: [number] for topic, number in ask.samples.items()}
        for observation in gather(self._track.episode, chosen):
            for message in observation.values():
                self._publish(message)

    def _read(self, msg: ActionChunk, arrived: float, request: Request) -> Answered:
        chunk = messages.chunk_from_msg(msg, self._joints).values.astype(np.float32)
        times = {
            timing.stage: messages.seconds(timing.end) - messages.seconds(timing.start)
            for timing in msg.timings
        }
        return Answered(chunk, {**times, 'total': arrived - request.begun})

    def _publish(self, message: Message) -> None:
        """Publish a message as it was recorded, with the stamp that it has now."""
        data = message.data
        if message.topic != self._track.streams.instruction:
            data = restamp(data, header_time(data) + self._shift)
        self._graph.outputs[message.topic].publish(data)
        self._published = time.monotonic()

    def _put_off(self, recorded: float) -> None:
        """Let the recorded time (s) be now."""
        self._begun = time.monotonic() - recorded
        self._shift = self._graph.now() - recorded

    def _wait_until(self, recorded: float) -> None:
        delay = self._begun + recorded - time.monotonic()
        if delay < -LATE:
            self._put_off(recorded)
        while delay > 0 and self._graph.running():
            time.sleep(min(delay, 0.1))
            delay = self._begun + recorded - time.monotonic()


def restamp(data: bytes, stamp: float) -> bytes:
    """Return a serialized message that begins with a header, with another stamp (s)."""
    order = '<' if data[1] else '>'  # CDR's second byte: 1 for little endian
    changed = bytearray(data)
    struct.pack_into(f'{order}iI', changed, 4, *divmod(round(stamp * 1e9), 10**9))
    return bytes(changed)

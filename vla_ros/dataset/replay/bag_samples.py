# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a bag holds for a replay: which samples came when, and how the joints moved.

Time is that of the messages' stamps: it stands at the latest stamp that has come so far. Pictures
stay in the bag; a sample is known by its topic and its number there.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import JointStates
from vla_ros.dataset.bag import Episode, Message, decode, header_time
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.joint_messages import command_time, read_command
from vla_ros.dataset.streams import Streams, find_streams
from vla_ros.policy.spec import CameraSpec, PolicySpec

_START = 1  # of EpisodeEvent; any other event ends an episode


class Event(NamedTuple):
    """A sample that came."""

    now: float  # s, the latest stamp that had come by then
    topic: str
    stamp: float  # s
    number: int  # among the messages of its topic


class Span(NamedTuple):
    """An episode in a bag."""

    begin: float  # s
    end: float  # s
    cluster: str  # '' where it is not known


@dataclass(frozen=True)
class Motion:
    """Joint positions over time, which a moment between two of them is interpolated from."""

    times: np.ndarray  # (samples,) s, ascending
    positions: np.ndarray  # (samples, joints), rad

    def at(self, times: np.ndarray) -> np.ndarray:
        """Return the positions (times, joints); the first and the last one hold beyond them."""
        columns = [np.interp(times, self.times, column) for column in self.positions.T]
        return np.stack(columns, axis=-1)

    def before(self, time: float) -> np.ndarray:
        """Return the newest positions (joints,) that are not newer than ``time`` (s)."""
        return self.positions[max(0, bisect_right(self.times, time) - 1)]


@dataclass(frozen=True)
class Track:
    """One bag, read without its pictures; joints are in the order of the policy's names."""

    episode: Episode
    streams: Streams
    events: Sequence[Event]  # of the policy's sources, in the order in which they came
    states: np.ndarray  # (messages, joints) rad, by their number
    measured: Motion
    commanded: Motion
    texts: Sequence[tuple[float, str]]  # s, instruction
    spans: Sequence[Span]

    def text(self, time: float) -> str:
        """Return the instruction in force at ``time`` (s); '' before the first."""
        return next((text for since, text in reversed(self.texts) if since <= time), '')


def read_track(episode: Episode, spec: PolicySpec) -> Track:
    """Read a bag; raise VlaError where it is not what the policy takes, or holds nothing of it."""
    reader = _Reader(episode, check_bag(episode, spec), spec)
    for message in episode.messages(reader.topics):
        reader.read(message)
    return reader.track()


def check_bag(episode: Episode, spec: PolicySpec) -> Streams:
    """Return a bag's topics; raise VlaError where it does not begin as the policy takes it."""
    streams = find_streams(episode)
    _check_cameras(episode, streams, spec.cameras)
    return streams


def _check_cameras(episode: Episode, streams: Streams, cameras: Sequence[CameraSpec]) -> None:
    """Raise VlaError unless the bag has the policy's cameras with the policy's picture size."""
    missing = [camera.name for camera in cameras if camera.name not in streams.cameras]
    if missing:
        raise VlaError(
            f'{episode.path.name}: got cameras {", ".join(streams.cameras)}, expected also '
            f'{", ".join(missing)}; record camera/<name>/image_raw of every camera of the policy'
        )
    for camera in cameras:
        topic = streams.cameras[camera.name]
        first = next(episode.messages([topic]), None)
        height, width = (0, 0) if first is None else read_picture(first).shape[:2]
        if first and (height, width) != (camera.height, camera.width):
            raise VlaError(
                f'{episode.path.name}: {topic}: got {width} x {height} pixels, '
                f'expected {camera.width} x {camera.height}, which the policy was trained on; '
                'record with that size, or take a policy for this one'
            )


class _Reader:
    """Takes messages in the order in which they came."""

    def __init__(self, episode: Episode, streams: Streams, spec: PolicySpec) -> None:
        self._episode, self._streams, self._joints = episode, streams, spec.joint_names
        self._sources = (
            streams.state,
            *(streams.cameras[camera.name] for camera in spec.cameras),
        )
        extras = (streams.action, streams.instruction, streams.episode)
        self.topics = [*self._sources, *(topic for topic in extras if topic)]
        self._known = JointStates(spec.joint_names)
        self._told: dict[str, None] = {}  # joints of which states were heard, in order
        self._now = -inf
        self._seen: Counter[str] = Counter()
        self._events: list[Event] = []
        self._positions: dict[str, list[np.ndarray]] = {streams.state: [], streams.action: []}
        self._stamps: dict[str, list[float]] = {streams.state: [], streams.action: []}
        self._texts: list[tuple[float, str]] = []
        self._marks: list[tuple[float, int, str]] = []  # s, event, cluster

    def read(self, message: Message) -> None:
        """Take note of a message."""
        topic = message.topic
        if topic == self._streams.instruction:
            self._texts.append((self._now, decode(message).data.strip()))
            return
        if topic == self._streams.action:
            what = f'{self._episode.path.name}: {topic}'
            self._positions[topic].append(read_command(what, message, self._joints))
            self._stamps[topic].append(command_time(message))
            return
        stamp = header_time(message.data, topic)
        if topic == self._streams.state:
            self._take_state(message, stamp)
        elif topic in self._sources:
            self._now = max(self._now, stamp)
            self._events.append(Event(self._now, topic, stamp, self._seen[topic]))
            self._seen[topic] += 1
        else:
            event = decode(message)
            self._marks.append((stamp, event.event, event.cluster))

    def _take_state(self, message: Message, stamp: float) -> None:
        """Put the joints together, which may come in parts, as the nodes do."""
        topic, msg = message.topic, decode(message)
        self._told |= dict.fromkeys(msg.name)
        known = self._known
        try:
            ours = known.take(msg.name, msg.position, stamp)
        except VlaError as error:
            raise VlaError(f'{self._episode.path.name}: {topic}: {error}') from None
        if not ours or known.positions is None:
            return
        self._now = max(self._now, stamp)
        self._events.append(Event(self._now, topic, known.time, self._seen[topic]))
        self._seen[topic] += 1
        self._positions[topic].append(known.positions)
        self._stamps[topic].append(known.time)

    def track(self) -> Track:
        """Return what was read."""
        self._check_joints()
        empty = [topic for topic in self._sources if not self._seen[topic]]
        if empty or not self._positions[self._streams.action]:
            raise VlaError(
                f'{self._episode.path.name}: got no message on '
                f'{", ".join(empty) or self._streams.action}, expected a stream; record it anew'
            )
        commanded = self._motion(self._streams.action)
        spans = tuple(self._spans(commanded.times[0], commanded.times[-1]))
        if not spans:
            raise VlaError(
                f'{self._episode.path.name}: got no time at which all of '
                f'{", ".join(self.topics)} were recorded, expected one; record it anew'
            )
        return Track(
            self._episode,
            self._streams,
            self._events,
            np.array(self._positions[self._streams.state]),
            self._motion(self._streams.state),
            commanded,
            self._texts,
            spans,
        )

    def _check_joints(self) -> None:
        missing = [name for name in self._joints if name not in self._told]
        if self._told and missing:
            raise VlaError(
                f'{self._episode.path.name}: {self._streams.state}: got positions of '
                f'{", ".join(self._told)}, expected finite ones of {", ".join(self._joints)}; '
                "record with the policy's joint names, or take a policy for this robot"
            )

    def _motion(self, topic: str) -> Motion:
        times = np.array(self._stamps[topic])
        order = np.argsort(times, kind='stable')
        return Motion(times[order], np.array(self._positions[topic])[order])

    def _spans(self, begin: float, end: float) -> Iterator[Span]:
        """Yield the parts of the bag in which an episode runs; the whole bag without events."""
        firsts = {event.topic: event.stamp for event in reversed(self._events)}
        lasts = {event.topic: event.stamp for event in self._events}
        begin, end = max(begin, *firsts.values()), min(end, *lasts.values())
        cluster = self._episode.info.cluster
        runs = [Span(begin, end, str(cluster) if cluster else '')]
        if any(event == _START for _, event, _ in self._marks):
            runs = list(_runs(self._marks, end))
        for run in runs:
            clipped = Span(max(run.begin, begin), min(run.end, end), run.cluster)
            if clipped.begin < clipped.end:
                yield clipped


def _runs(marks: Sequence[tuple[float, int, str]], end: float) -> Iterator[Span]:
    """Yield from each START to the next event, or to the end of the bag."""
    for (time, event, cluster), after in zip(marks, [*marks[1:], None], strict=True):
        if event == _START:
            yield Span(time, after[0] if after else end, cluster)

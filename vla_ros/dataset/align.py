# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Frames out of streams: which samples of an episode belong together, as the live nodes see it.

``Observations``, which the vision encoder node asks, chooses the samples of a dataset's frames,
too: a frame is the observation that the node would have had at the frame's time.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.core.observation import Observations, Sample
from vla_ros.dataset.bag import Episode, Message, decode, header_time
from vla_ros.dataset.joint_messages import command_time
from vla_ros.dataset.streams import Streams

FEWEST_FRAMES = 2  # of an episode that shows a motion


@dataclass(frozen=True)
class Alignment:
    """Which samples make which frames."""

    times: np.ndarray  # (frames,) s
    chosen: Mapping[str, np.ndarray]  # topic: (frames,) index of its sample
    skew: float  # s, largest distance of a sample from its frame
    tasks: Sequence[str] = ()  # (frames,) what was to be done; none where nobody said

    @property
    def instructed(self) -> bool:
        """Say whether it is known what was to be done."""
        return bool(self.tasks)


def align(episode: Episode, streams: Streams, fps: int, max_skew: float) -> Alignment:
    """
    Choose each frame's samples, from the first to the last time that every source has reached.

    Raise VlaError where that is too short, and for a frame that has no sample of a source within
    ``max_skew`` (s).
    """
    stamps, texts = _read_stamps(episode, streams)
    begin = max(source.min() for source in stamps.values())
    end = min(source.max() for source in stamps.values())
    count = int((end - begin) * fps + 1e-3) + 1
    if count < FEWEST_FRAMES:
        raise VlaError(
            f'{episode.path.name}: got {", ".join(_spans(stamps))}, expected all of them together '
            f'for {FEWEST_FRAMES} frames at {fps} Hz; record the episode longer, with one clock'
        )
    times = begin + np.arange(count) / fps
    chosen: dict[str, list[int]] = {topic: [] for topic in stamps}
    skew = 0.0
    for time, samples in zip(times, _observe(stamps, times, max_skew), strict=True):
        for topic, sample in samples.items():
            distance = abs(sample.time - time)
            if distance > max_skew:
                raise VlaError(
                    f'{episode.path.name}: {topic}: got no sample within {max_skew:.3f} s of '
                    f'{time - times[0]:.2f} s (the nearest is {distance:.3f} s away), expected '
                    'one for every frame; record the episode anew, or allow more skew'
                )
            skew = max(skew, distance)
            chosen[topic].append(sample.value)
    numbers = {topic: np.array(chosen[topic]) for topic in chosen}
    return Alignment(times, numbers, skew, tuple(_in_force(texts, times)))


def _spans(stamps: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield from when to when each topic was measured, counted from the first of all (s)."""
    first = min(float(times.min()) for times in stamps.values())
    for topic, times in stamps.items():
        yield f'{topic} from {times.min() - first:.2f} to {times.max() - first:.2f} s'


def _in_force(texts: Sequence[tuple[float, str]], times: np.ndarray) -> Iterator[str]:
    """Yield the text that was the last one to come by each of ``times``; at first the first."""
    if not texts:
        return
    since = np.array([time for time, _ in texts])
    for number in np.searchsorted(since, times, side='right'):
        yield texts[max(0, number - 1)][1]


def gather(
    episode: Episode, chosen: Mapping[str, Sequence[int] | np.ndarray]
) -> Iterator[dict[str, Message]]:
    """
    Yield for each frame its message of every topic, given their numbers in frame order.

    The bag is read once, and no more of it is in memory than the frames on their way need.
    """
    wanted: dict[tuple[str, int], list[int]] = defaultdict(list)
    for topic, numbers in chosen.items():
        for frame, number in enumerate(numbers):
            wanted[topic, int(number)].append(frame)
    pending: dict[int, dict[str, Message]] = defaultdict(dict)
    seen: Counter[str] = Counter()
    due = 0
    for message in episode.messages(list(chosen)):
        for frame in wanted.get((message.topic, seen[message.topic]), ()):
            pending[frame][message.topic] = message
        seen[message.topic] += 1
        while len(pending[due]) == len(chosen):
            yield pending.pop(due)
            due += 1


def nearest(source: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return for each of ``times`` the index of the nearest element; of two, the older one."""
    order = np.argsort(source, kind='stable')
    ascending = source[order]
    right = np.searchsorted(ascending, times).clip(0, len(source) - 1)
    left = (right - 1).clip(0)
    older = np.abs(times - ascending[left]) <= np.abs(ascending[right] - times)
    return order[np.where(older, left, right)]


def _read_stamps(
    episode: Episode, streams: Streams
) -> tuple[dict[str, np.ndarray], list[tuple[float, str]]]:
    """
    Return the stamps (s) of each topic's messages, in their order, and the instructions.

    A label has no header: it counts from when it was received, as does a command without a stamp,
    which means now. Nor has an instruction one: it counts from the latest stamp that had come
    before it, whatever clock the recorder had. Raise VlaError for a topic without messages or
    without stamps.
    """
    stamps: dict[str, list[float]] = {topic: [] for topic in streams.topics}
    texts: list[tuple[float, str]] = []
    now = -inf
    for message in episode.messages((*streams.topics, streams.instruction)):
        if message.topic == streams.instruction:
            text = str(decode(message).data).strip()
            texts += [(now, text)] if text else []
            continue
        if message.topic in streams.labels.values():
            stamps[message.topic].append(message.time * 1e-9)
            continue
        is_command = message.topic == streams.action
        stamp = command_time(message) if is_command else header_time(message.data, message.topic)
        stamps[message.topic].append(stamp)
        now = max(now, stamp)
    empty = [topic for topic in streams.topics if not stamps[topic]]
    if empty:
        raise VlaError(
            f'{episode.path.name}: got no message on {", ".join(empty)}, expected a stream; '
            'record the episode anew'
        )
    unstamped = [
        topic for topic in streams.topics if len(stamps[topic]) > 1 and not any(stamps[topic])
    ]
    if unstamped:
        raise VlaError(
            f'{episode.path.name}: got no time in the headers of {", ".join(unstamped)}, expected '
            'when each was measured; let its driver set header.stamp, and record the episode anew'
        )
    return {topic: np.array(times) for topic, times in stamps.items()}, texts


def _observe(
    stamps: Mapping[str, np.ndarray], times: np.ndarray, max_skew: float
) -> Iterator[dict[str, Sample]]:
    """Yield for each of ``times`` the samples, whose values are their numbers in ``stamps``."""
    observations = Observations(tuple(stamps), max_skew, inf)
    due = deque(times.tolist())
    order = sorted((t, topic, i) for topic in stamps for i, t in enumerate(stamps[topic].tolist()))
    for stamp, topic, number in order:
        observations.add(topic, stamp, number)
        while due and observations.reached >= due[0]:
            yield observations.nearest(due.popleft())
    for time in due:  # rounding may put the last one a moment after its samples
        yield observations.nearest(time)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recorded episodes to a LeRobotDataset v3.

A bag holds streams, each at its own rate; a dataset holds frames at one rate. Each frame takes, as
the live nodes do, the sample of every source that was measured nearest to the frame's time.
"""

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.dataset import lerobot
from vla_ros.dataset.bag import Episode, Message, decode, header_time
from vla_ros.dataset.lerobot import DatasetSpec, DatasetWriter, Frame
from vla_ros.policy.picture import picture_from_bytes

INFO = 'vla_ros_episodes.json'  # in the dataset's folder meta
STATE, ACTION, INSTRUCTION = 'joint_states', 'joint_commands', 'instruction'
_CAMERA = re.compile(r'(?:.*/)?camera/([^/]+)/image_raw')


@dataclass(frozen=True)
class Streams:
    """The topics of an episode that make frames, in whatever namespace they are."""

    state: str
    action: str
    instruction: str  # '' where none was recorded
    cameras: Mapping[str, str]  # name of the camera: topic

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that every frame has a sample of."""
        return (self.state, self.action, *self.cameras.values())


@dataclass(frozen=True)
class Alignment:
    """Which samples make which frames."""

    times: np.ndarray  # (frames,) s
    chosen: Mapping[str, np.ndarray]  # topic: (frames,) index of its sample
    skew: float  # s, largest distance of a sample from its frame


def convert(
    episodes: Sequence[Episode],
    root: Path,
    fps: int = 30,
    max_skew: float = 0.05,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """
    Write the episodes as a new LeRobotDataset v3 with ``fps`` frames per second to ``root``.

    No frame may hold a sample that was measured more than ``max_skew`` (s) from its time.
    ``root`` appears when everything is done. Raise ConfigError if it exists, and VlaError for an
    episode that misses something or differs from the first one.
    """
    lerobot.check_new(root)
    if not episodes:
        raise VlaError('episodes: got none, expected at least one; check the folder')
    lerobot.quiet()
    work = root.with_name(root.name + '.converting')
    shutil.rmtree(work, ignore_errors=True)
    spec = describe(episodes[0], fps)
    writer = DatasetWriter(work, spec)
    infos = []
    for number, episode in enumerate(episodes):
        streams = find_streams(episode)
        alignment = align(episode, streams, fps, max_skew)
        writer.write(
            make_frames(episode, streams, alignment, spec), read_instruction(episode, streams)
        )
        infos.append(_info(episode, alignment))
        on_progress(number + 1, len(episodes))
    writer.close()
    (work / 'meta' / INFO).write_text(json.dumps(infos, indent=1))
    work.rename(root)


def find_streams(episode: Episode) -> Streams:
    """Return the topics of the episode; raise VlaError naming those that are missing."""
    topics = list(episode.topics())
    found = {
        name: next((t for t in topics if t.rpartition('/')[2] == name), '')
        for name in (STATE, ACTION, INSTRUCTION)
    }
    cameras = {match[1]: topic for topic in sorted(topics) if (match := _CAMERA.fullmatch(topic))}
    missing = [name for name in (STATE, ACTION) if not found[name]]
    if missing or not cameras:
        raise VlaError(
            f'{episode.path.name}: got topics {sorted(topics)}, expected also '
            f'{", ".join(missing) or "camera/<name>/image_raw"}; record the episode anew'
        )
    return Streams(found[STATE], found[ACTION], found[INSTRUCTION], cameras)


def describe(episode: Episode, fps: int) -> DatasetSpec:
    """Return what every frame of a dataset with this episode holds."""
    streams = find_streams(episode)
    image = decode(_first(episode, next(iter(streams.cameras.values()))))
    joints = decode(_first(episode, streams.state)).name
    return DatasetSpec(
        fps,
        tuple(joints),
        tuple(streams.cameras),
        image.height,
        image.width,
        episode.info.robot or 'unknown',
    )


def align(episode: Episode, streams: Streams, fps: int, max_skew: float) -> Alignment:
    """
    Choose each frame's samples, from the first to the last time that every source has reached.

    Raise VlaError for a frame that has no sample of a source within ``max_skew`` (s).
    """
    stamps: dict[str, list[float]] = defaultdict(list)
    for message in episode.messages(streams.topics):
        stamps[message.topic].append(header_time(message.data))
    sources = {topic: np.array(stamps[topic]) for topic in streams.topics}
    begin = max(source.min() for source in sources.values())
    end = min(source.max() for source in sources.values())
    times = begin + np.arange(max(0, int((end - begin) * fps + 1e-3)) + 1) / fps
    chosen = {topic: nearest(source, times) for topic, source in sources.items()}
    skew = 0.0
    for topic, source in sources.items():
        distance = np.abs(source[chosen[topic]] - times)
        if distance.max() > max_skew:
            raise VlaError(
                f'{episode.path.name}: {topic}: got no sample within {max_skew:.3f} s of '
                f'{times[distance.argmax()] - times[0]:.2f} s (the nearest is '
                f'{distance.max():.3f} s away), expected one for every frame; record the episode '
                'anew, or allow more skew'
            )
        skew = max(skew, float(distance.max()))
    return Alignment(times, chosen, skew)


def nearest(source: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return for each of ``times`` the index of the nearest element; of two, the older one."""
    order = np.argsort(source, kind='stable')
    ascending = source[order]
    right = np.searchsorted(ascending, times).clip(0, len(source) - 1)
    left = (right - 1).clip(0)
    older = np.abs(times - ascending[left]) <= np.abs(ascending[right] - times)
    return order[np.where(older, left, right)]


def make_frames(
    episode: Episode, streams: Streams, alignment: Alignment, spec: DatasetSpec
) -> Iterator[Frame]:
    """Yield the frames in order; no more of the episode is in memory than they need."""
    wanted: dict[tuple[str, int], list[int]] = defaultdict(list)
    for topic, indexes in alignment.chosen.items():
        for frame, index in enumerate(indexes):
            wanted[topic, int(index)].append(frame)
    readers = _readers(episode, streams, spec)
    pending: dict[int, dict[str, np.ndarray]] = defaultdict(dict)
    seen: Counter[str] = Counter()
    due = 0
    for message in episode.messages(streams.topics):
        frames = wanted.get((message.topic, seen[message.topic]), ())
        seen[message.topic] += 1
        if frames:
            value = readers[message.topic](message)
            for frame in frames:
                pending[frame][message.topic] = value
        while len(pending[due]) == len(readers):
            yield _frame(pending.pop(due), streams)
            due += 1


def read_instruction(episode: Episode, streams: Streams) -> str:
    """Return the last instruction of the episode; raise VlaError where there is none."""
    texts = [decode(message).data for message in episode.messages([streams.instruction])]
    if not streams.instruction or not texts:
        raise VlaError(
            f'{episode.path.name}: got no instruction, expected one; set it in the recorder and '
            'record the episode anew'
        )
    return str(texts[-1])


def _readers(
    episode: Episode, streams: Streams, spec: DatasetSpec
) -> dict[str, Callable[[Message], np.ndarray]]:
    """Return for each topic what makes a message a value of the dataset; refuses others."""
    if tuple(streams.cameras) != spec.cameras:
        raise VlaError(
            f'{episode.path.name}: got cameras {", ".join(streams.cameras)}, expected '
            f'{", ".join(spec.cameras)} as in the first episode; convert them apart'
        )

    def positions(message: Message) -> np.ndarray:
        msg = decode(message)
        joint_names, values = (
            (msg.name, msg.position)
            if message.topic == streams.state
            else (msg.joint_names, msg.points[-1].positions if msg.points else ())
        )
        found = dict(zip(joint_names, values, strict=False))
        vector = np.array([found.get(name, np.nan) for name in spec.joint_names])
        if not np.isfinite(vector).all():
            raise VlaError(
                f'{episode.path.name}: {message.topic}: got {found}, expected finite positions '
                f'of {", ".join(spec.joint_names)}; record the episode anew'
            )
        return vector

    def picture(message: Message) -> np.ndarray:
        msg = decode(message)
        if (msg.height, msg.width) != (spec.height, spec.width):
            raise VlaError(
                f'{episode.path.name}: {message.topic}: got {msg.width} x {msg.height} pixels, '
                f'expected {spec.width} x {spec.height} as everywhere; record with one size'
            )
        return np.ascontiguousarray(
            picture_from_bytes(
                msg.data, msg.encoding, (msg.height, msg.width), msg.step, message.topic
            )
        )

    return {
        streams.state: positions,
        streams.action: positions,
        **dict.fromkeys(streams.cameras.values(), picture),
    }


def _frame(values: Mapping[str, np.ndarray], streams: Streams) -> Frame:
    images = {name: values[topic] for name, topic in streams.cameras.items()}
    return Frame(values[streams.state], values[streams.action], images)


def _first(episode: Episode, topic: str) -> Message:
    return next(episode.messages([topic]))


def _info(episode: Episode, alignment: Alignment) -> dict[str, Any]:
    """Return what the dataset remembers of the recording."""
    info = episode.info
    return {
        'cluster': info.cluster,
        'recovery': info.recovery,
        'seed': info.seed,
        'frames': len(alignment.times),
        'recording': episode.path.name,
        'skew': round(alignment.skew, 4),
    }

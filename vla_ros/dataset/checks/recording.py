# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Read what the checks look at from recorded episodes (MCAP bags), before they are converted.

The times are those of the cameras, so that frames which never came are seen as gaps.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import numpy as np

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.joint_states import JointStates
from vla_ros.dataset import bag
from vla_ros.dataset.align import nearest
from vla_ros.dataset.bags import open_bags
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.checks import skew
from vla_ros.dataset.checks.episodes import Episode, Episodes, Facts, Progress, spread_pairs
from vla_ros.dataset.checks.picture_statistics import look_at
from vla_ros.dataset.streams import ANY_TOPIC, Streams, TopicChoice, find_streams

_KEYS = ('observation.state', 'action')


def read_recording(
    root: Path,
    pairs: int = 12,
    most: int | None = None,
    on_progress: Progress = lambda done, total: None,
    choice: TopicChoice = ANY_TOPIC,
) -> Episodes:
    """Read (``most`` of) the episodes below ``root``; raise VlaError for one that is unusable."""
    recorded = open_bags(root, choice)[:most]
    episodes = []
    watched = skew.choose(len(recorded))
    joints: tuple[str, ...] = ()
    for index, episode in enumerate(recorded):
        streams = find_streams(episode)
        tracks = _read_tracks(episode, streams)
        joints = joints or tracks.joints
        if tracks.joints != joints:
            raise ConfigError(
                f'{episode.path}: got joints {", ".join(tracks.joints)}, expected '
                f'{", ".join(joints)} as before; check that recording apart'
            )
        episodes.append(_make_episode(index, episode, streams, tracks, pairs, index in watched))
        on_progress(index + 1, len(recorded))
    pictures = tuple(f'observation.images.{camera}' for camera in episodes[0].looks)
    rate = _nominal_rate(episodes)
    return Episodes(episodes, rate, (*_KEYS, *pictures), joints, joints, pictures=pictures)


class _Tracks:
    """The times of every camera, and the joints over time, of one episode."""

    def __init__(self) -> None:
        self.joints: tuple[str, ...] = ()
        self.positions: list[np.ndarray] = []
        self.times: dict[str, list[float]] = defaultdict(list)  # topic: s

    def joints_at(self, topic: str, times: np.ndarray) -> np.ndarray:
        """Return the joints (times, joints) measured nearest to each time."""
        return np.array(self.positions)[nearest(np.array(self.times[topic]), times)]


def _read_tracks(episode: bag.Episode, streams: Streams) -> _Tracks:
    """Read all stamps and joint positions, and no picture."""
    tracks, told = _Tracks(), []
    for message in episode.messages((streams.state, *streams.cameras.values())):
        stamp = bag.header_time(message.data)
        if message.topic == streams.state:
            told.append((stamp, bag.decode(message)))
        else:
            tracks.times[message.topic].append(stamp)
    tracks.joints = _joints(episode, streams, [name for _, msg in told for name in msg.name])
    known = JointStates(tracks.joints)
    for stamp, msg in told:  # which may come in parts, as the nodes take them
        try:
            ours = known.take(msg.name, msg.position, stamp)
        except VlaError as error:
            raise VlaError(f'{episode.path}: {streams.state}: {error}') from None
        if ours and known.positions is not None:
            tracks.times[streams.state].append(known.time)
            tracks.positions.append(known.positions)
    short = [
        topic
        for topic in (streams.state, *streams.cameras.values())
        if len(tracks.times[topic]) < 2
    ]
    if short:
        raise VlaError(
            f'{episode.path}: got less than 2 messages of {", ".join(short)}, '
            'expected a stream; record the episode anew'
        )
    unstamped = [topic for topic, times in tracks.times.items() if len(set(times)) < 2]
    if unstamped:
        raise VlaError(
            f'{episode.path}: got the same time in all headers of {", ".join(unstamped)}, '
            'expected when each was measured; let its driver set header.stamp, and record the '
            'episode anew'
        )
    return tracks


def _joints(episode: bag.Episode, streams: Streams, told: Iterable[str]) -> tuple[str, ...]:
    """Return the joints that are commanded, where ``told`` names them all; else what it names."""
    names = dict.fromkeys(told)
    first = next(episode.messages([streams.action]), None)
    commanded = [] if first is None else bag.decode(first).joint_names
    return tuple(commanded) if commanded and names.keys() >= set(commanded) else tuple(names)


def _make_episode(
    index: int,
    episode: bag.Episode,
    streams: Streams,
    tracks: _Tracks,
    pairs: int,
    watched: bool,
) -> Episode:
    """Return the episode at the times of the camera that gave the fewest pictures."""
    slowest = min(streams.cameras.values(), key=lambda topic: len(tracks.times[topic]))
    time = np.unique(tracks.times[slowest])  # what comes twice is taken once, as by the nodes
    state = tracks.joints_at(streams.state, time)
    stamps = np.array(tracks.times[streams.state])
    apart = float(np.abs(stamps[nearest(stamps, time)] - time).max())
    rows = spread_pairs(len(time), pairs)
    wanted = np.stack([rows, rows + 1], axis=1).ravel()
    looks, changes, lost = {}, {}, {}
    for camera, topic in streams.cameras.items():
        taken = np.array(tracks.times[topic])
        chosen = nearest(taken, time[wanted])
        pictures = dict(_read_pictures(episode, topic, {int(number) for number in chosen}))
        shown = np.array([pictures[int(number)] for number in chosen])
        looks[camera] = look_at(shown.reshape(len(rows), 2, *shown.shape[1:]))
        lost[camera] = lost_share(taken, episode.info.missing.get(topic, 0))
        if watched:
            part = skew.stretch(len(taken))
            film = (picture for _, picture in _read_pictures(episode, topic, part))
            changes[camera] = skew.changes(film, taken[part.start : part.stop] - time[0])
    info = episode.info
    facts = Facts(
        info.cluster or None,
        info.recovery if info.cluster else None,
        info.rotation,
        dict(info.calibration),
        apart,
        lost,
        info.dropped,
    )
    return Episode(index, time - time[0], state, state, rows, looks, facts, changes)


def lost_share(stamps: np.ndarray, missing: int) -> float:
    """Return the share of a camera's frames that left gaps, or that the recorder missed."""
    gaps = np.diff(np.unique(stamps))
    absent = max(missing, int(np.maximum(np.round(gaps / np.median(gaps)) - 1, 0).sum()))
    return absent / (absent + len(stamps))


def _read_pictures(
    episode: bag.Episode, topic: str, wanted: Container[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the pictures of a topic with their numbers, those that are wanted."""
    for number, message in enumerate(episode.messages([topic])):
        if number in wanted:
            yield number, np.array(read_picture(message))


def _nominal_rate(episodes: list[Episode]) -> float:
    """Return the rate, whole Hz, at which most frames follow each other."""
    return float(round(1 / np.median(np.concatenate([np.diff(e.time) for e in episodes]))))

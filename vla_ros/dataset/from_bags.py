# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recorded episodes to a LeRobotDataset v3.

A bag holds streams, each at its own rate; a dataset holds frames at one rate. Each frame takes, as
the live nodes do, the sample of every source that was measured nearest to the frame's time.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.chunk import SHORTEST_STEP
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset import lerobot
from vla_ros.dataset.align import Alignment, align, gather
from vla_ros.dataset.bag import CALIBRATION, Episode, Message, decode, hash_file
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.joint_messages import read_command, read_states
from vla_ros.dataset.lerobot import DatasetSpec, DatasetWriter, Frame
from vla_ros.dataset.plan import is_held_out
from vla_ros.dataset.shards import INFO, SHARD, join, new_shard, working, write_infos
from vla_ros.dataset.streams import LABELS, Streams, find_streams

Progress = Callable[[int, int], None]  # done, total


@dataclass(frozen=True)
class Aligned:
    """Episodes that become one dataset, with what their frames are made of."""

    episodes: Sequence[tuple[Episode, Streams, Alignment]]
    spec: DatasetSpec
    instruction: str  # the task of those in whose recording nobody said it


def convert(
    episodes: Sequence[Episode],
    root: Path,
    fps: int = 30,
    max_skew: float = 0.05,
    split: str = 'train',
    on_progress: Progress = lambda done, total: None,
    instruction: str = '',
) -> None:
    """Write the episodes as a new LeRobotDataset v3 to ``root``; see `prepare` and `write`."""
    lerobot.check_new(root)
    write(prepare(episodes, fps, max_skew, instruction), root, split, on_progress)


def prepare(
    episodes: Sequence[Episode], fps: int = 30, max_skew: float = 0.05, instruction: str = ''
) -> Aligned:
    """
    Choose what makes ``fps`` frames per second of the episodes, and write nothing yet.

    No frame may hold a sample that was measured more than ``max_skew`` (s) from its time. Raise
    VlaError naming every episode that misses something, such as an instruction where none is
    given here, or the first one that differs from the others.
    """
    if not episodes:
        raise VlaError('episodes: got none, expected at least one; check the folder')
    if not 1 <= fps <= 1 / SHORTEST_STEP:
        raise ConfigError(f'fps: got {fps}, expected 1 to {1 / SHORTEST_STEP:g}')
    if not max_skew > 0:
        raise ConfigError(f'max_skew: got {max_skew} s, expected above 0')
    for episode in episodes:
        _check_calibration(episode)
    aligned = _align_all(episodes, fps, max_skew, bool(instruction))
    spec = describe(episodes[0], fps)
    for episode in episodes:
        check_alike(episode, spec)
    return Aligned(aligned, spec, instruction)


def write(
    aligned: Aligned,
    root: Path,
    split: str = 'train',
    on_progress: Progress = lambda done, total: None,
) -> None:
    """
    Write a new LeRobotDataset v3 to ``root``, which appears when everything is done.

    A run that was interrupted goes on with the episodes that are missing, and those that have
    changed. ``split`` is what the dataset's metadata call all of its episodes. Raise ConfigError
    if ``root`` exists, and VlaError for an episode whose messages turn out to be damaged.
    """
    lerobot.check_new(root)
    lerobot.quiet()
    episodes = [episode for episode, _, _ in aligned.episodes]

    def finish(whole: Path) -> None:
        _copy_calibration(episodes, whole / 'meta' / CALIBRATION)
        _name_split(whole, split, len(episodes))

    with working(root, 'vla_ros convert') as work:
        parts = [
            replace(aligned, episodes=aligned.episodes[begin : begin + SHARD])
            for begin in range(0, len(episodes), SHARD)
        ]
        shards = [work / f'shard_{number:04d}_{_key(p)}' for number, p in enumerate(parts)]
        for stale in {*work.glob('shard_*')} - {*shards}:
            shutil.rmtree(stale)
        for number, (part, shard) in enumerate(zip(parts, shards, strict=True)):
            told = partial(_tell, on_progress, SHARD * number, len(episodes))
            if shard.exists():
                told(len(part.episodes))
                continue
            with new_shard(shard) as unfinished:
                _write_frames(unfinished, part, told)
        join(shards, root, finish)


def _tell(on_progress: Progress, before: int, total: int, done: int) -> None:
    on_progress(before + done, total)


def _key(part: Aligned) -> str:
    """Return a name for all that a shard is made of: files, samples and settings."""
    digest = hashlib.sha256(repr((part.spec, part.instruction)).encode())
    for episode, streams, alignment in part.episodes:
        files = sorted(episode.path.rglob('*')) or [episode.path]
        stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        chosen = sorted(alignment.chosen.items())
        facts = (str(episode.path.resolve()), stats, episode.info, streams, alignment.tasks)
        digest.update(repr(facts).encode())
        for topic, array in (('', alignment.times), *chosen):
            digest.update(topic.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _write_frames(root: Path, aligned: Aligned, on_episode: Callable[[int], None]) -> None:
    """Write the frames, and what the dataset remembers of the recordings."""
    infos, spec = [], aligned.spec
    with closing(DatasetWriter(root, spec)) as writer:
        for number, (episode, streams, alignment) in enumerate(aligned.episodes, 1):
            frames = make_frames(episode, streams, alignment, spec)
            writer.write(frames, aligned.instruction)
            infos.append(_info(episode, alignment))
            on_episode(number)
    write_infos(root, infos)


def _align_all(
    episodes: Sequence[Episode], fps: int, max_skew: float, instructed: bool
) -> list[tuple[Episode, Streams, Alignment]]:
    """Return what the frames of every episode are made of; raise VlaError naming all that fail."""
    aligned, objections = [], []
    for episode in episodes:
        try:
            streams = find_streams(episode)
            alignment = align(episode, streams, fps, max_skew)
            if not instructed and not alignment.instructed:
                raise VlaError(
                    f'{episode.path.name}: got no instruction, expected one; give it with '
                    '--instruction "what was to be done"'
                )
            aligned.append((episode, streams, alignment))
        except VlaError as error:
            objections.append(str(error))
    if objections:
        raise VlaError(
            '\n'.join(objections)
            + f'\n{len(objections)} of {len(episodes)} episodes cannot be converted, and nothing '
            'was written; where that cannot be mended remove their folders, and vla_ros record '
            'asks for these starts again'
        )
    return aligned


def set_apart(episodes: Sequence[Episode], held_out: int) -> tuple[list[Episode], list[Episode]]:
    """Return the episodes to train on, and those of the cluster that is held out; 0: none is."""
    parts: tuple[list[Episode], list[Episode]] = [], []
    for episode in episodes:
        parts[is_held_out(episode.info.cluster, held_out)].append(episode)
    return parts


def describe(episode: Episode, fps: int) -> DatasetSpec:
    """Return what every frame of a dataset with this episode holds."""
    streams = find_streams(episode)
    joints = decode(_first(episode, streams.action)).joint_names  # states may hold more of them
    if not joints:
        raise VlaError(
            f'{episode.path.name}: {streams.action}: got no joints in the first message, expected '
            'a position for each; mend the node that publishes it, and record the episode anew'
        )
    return DatasetSpec(
        fps,
        tuple(joints),
        {name: _size(episode, topic) for name, topic in streams.cameras.items()},
        episode.info.robot or 'unknown',
        tuple(streams.labels),
    )


def check_alike(episode: Episode, spec: DatasetSpec) -> None:
    """Raise VlaError where an episode does not begin as one of a dataset of ``spec`` has to."""
    streams, name = find_streams(episode), episode.path.name
    if set(streams.cameras) != set(spec.cameras):
        raise VlaError(
            f'{name}: got cameras {", ".join(streams.cameras)}, expected '
            f'{", ".join(spec.cameras)} as in the first episode; convert them apart'
        )
    for label in LABELS:
        if (label in streams.labels) != (label in spec.labels):
            got, expected = ('no', 'one') if label in spec.labels else ('the', 'none')
            raise VlaError(
                f'{name}: got {got} label {label}, expected {expected} as in the first '
                'episode; convert them apart'
            )
    for camera, topic in streams.cameras.items():
        _check_size(name, topic, _size(episode, topic), spec.cameras[camera])


def _size(episode: Episode, topic: str) -> tuple[int, int]:
    """Return height and width of the first picture of a topic."""
    height, width = read_picture(_first(episode, topic)).shape[:2]
    return height, width


def _check_size(
    episode: str, topic: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    if size != expected:
        raise VlaError(
            f'{episode}: {topic}: got {size[1]} x {size[0]} pixels, expected {expected[1]} x '
            f'{expected[0]} as in the first picture of that camera; record with one size'
        )


def make_frames(
    episode: Episode, streams: Streams, alignment: Alignment, spec: DatasetSpec
) -> Iterator[Frame]:
    """Yield the frames in order; no more of the episode is in memory than they need."""
    check_alike(episode, spec)
    readers = _readers(episode, streams, spec)
    tasks = alignment.tasks or [''] * len(alignment.times)
    told = episode.messages([streams.state])
    states = read_states(f'{episode.path.name}: {streams.state}', told, spec.joint_names)
    states = states[alignment.chosen[streams.state]]
    others = {t: rows for t, rows in alignment.chosen.items() if t != streams.state}
    for messages, state, task in zip(gather(episode, others), states, tasks, strict=True):
        values = {topic: readers[topic](message) for topic, message in messages.items()}
        images = {name: values[topic] for name, topic in streams.cameras.items()}
        labels = {name: values[topic] for name, topic in streams.labels.items()}
        yield Frame(state, values[streams.action], images, labels, task)


def _readers(
    episode: Episode, streams: Streams, spec: DatasetSpec
) -> dict[str, Callable[[Message], Any]]:
    """Return for each topic what makes a message a value of the dataset; refuses others."""
    what = f'{episode.path.name}: {streams.action}'

    def positions(message: Message) -> np.ndarray:
        return read_command(what, message, spec.joint_names)

    sizes = {topic: spec.cameras[name] for name, topic in streams.cameras.items()}

    def picture(message: Message) -> np.ndarray:
        pixels = read_picture(message)
        topic = message.topic
        _check_size(episode.path.name, topic, pixels.shape[:2], sizes[topic])
        return np.ascontiguousarray(pixels)

    return {
        streams.action: positions,
        **dict.fromkeys(streams.cameras.values(), picture),
        **dict.fromkeys(streams.labels.values(), lambda message: int(decode(message).data)),
    }


def _first(episode: Episode, topic: str) -> Message:
    return next(episode.messages([topic]))


def _info(episode: Episode, alignment: Alignment) -> dict[str, Any]:
    """Return what the dataset remembers of the recording."""
    return {
        **asdict(episode.info),
        'cluster': episode.info.cluster or None,
        'recovery': episode.info.recovery if episode.info.cluster else None,
        'frames': len(alignment.times),
        'recording': episode.path.name,
        'skew': round(alignment.skew, 4),
    }


def read_infos(root: Path, count: int) -> list[dict[str, Any]]:
    """
    Return what the dataset in ``root`` remembers of the recording of each of its episodes.

    That is nothing where nobody wrote it down. Raise ConfigError where the file is damaged, or
    does not know of ``count`` episodes.
    """
    path = root / 'meta' / INFO
    if not path.is_file():
        return [{}] * count
    try:
        entries = [dict(entry) for entry in json.loads(path.read_text(encoding='utf-8'))]
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f'{path}: got no list of facts ({lerobot.first_line(error)}); copy it again, or '
            'remove it'
        ) from None
    if len(entries) != count:
        raise ConfigError(
            f'{path}: got {len(entries)} entries, expected one for each of the {count} episodes; '
            'copy it again, or remove it'
        )
    return entries


def _check_calibration(episode: Episode) -> None:
    """Raise VlaError where a calibration file is not there that the episode was recorded with."""
    for name in episode.info.calibration:
        if not (episode.path / CALIBRATION / name).is_file():
            raise VlaError(
                f'{episode.path.name}: got no {CALIBRATION}/{name}, expected the file that '
                'the episode was recorded with; copy the whole recording again'
            )


def _copy_calibration(episodes: Sequence[Episode], folder: Path) -> None:
    """Copy every calibration file once; what differs from the first one, under its hash."""
    for episode in episodes:
        for name, digest in episode.info.calibration.items():
            source = episode.path / CALIBRATION / name
            target = calibration_file(folder, name, digest)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)


def calibration_file(folder: Path, name: str, digest: str) -> Path:
    """Return where in a dataset's ``folder`` lies the calibration file with that SHA-256."""
    first = folder / name
    if not first.exists() or hash_file(first) == digest:
        return first
    return folder / digest[:12] / name


def _name_split(root: Path, split: str, episodes: int) -> None:
    path = root / 'meta' / 'info.json'
    info = json.loads(path.read_text(encoding='utf-8'))
    path.write_text(json.dumps({**info, 'splits': {split: f'0:{episodes}'}}, indent=4))

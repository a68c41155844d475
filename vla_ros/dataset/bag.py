# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recorded episodes: one rosbag2 folder (MCAP) for each, written and read without ROS.

``<root>/episode_0007`` is a whole episode. One that is still written, or whose writer died, lies
in ``<root>/.partial`` and moves up in one step when it is kept, so none is ever half there. Where
an episode comes from stands in the bag's own metadata (custom_data), beside copies of the
calibration files that it was recorded with.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import struct
from binascii import crc32
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import lock_file
from vla_ros.dataset.streams import ANY_TOPIC, TopicChoice

PREFIX = 'episode_'
PARTIAL = '.partial'
CALIBRATION = 'calibration'
LATCHED = ('instruction', 'episode')  # whoever joins a replay late gets the last ones, too
_KEY = 'vla_ros'  # in custom_data
_MAGIC = b'\x89MCAP0\r\n'
_STAMPED = 4 + 8  # bytes: CDR's first four, then the stamp
_CHECKSUM = 9 + 24  # bytes from the beginning of a chunk's record to its checksum
_FOOTER, _DATA_END = 0x02, 0x0F  # MCAP's record types
# of a file without index: end of the data, footer, magic
_ENDING = struct.pack('<BQI', _DATA_END, 4, 0) + struct.pack('<BQQQI', _FOOTER, 20, 0, 0, 0)
_ENDING += _MAGIC
# what rosbags raises for a bag that is damaged
BROKEN: tuple[type[Exception], ...] = (ReaderError, OSError, struct.error, sqlite3.Error)
BROKEN += (LookupError, ValueError, TypeError, AttributeError, AssertionError)
_FOREVER = QosTime(9223372036, 854775807)
_LATCHED_QOS = Qos(
    QosHistory.KEEP_LAST,
    10,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    avoid_ros_namespace_conventions=False,
)


@dataclass(frozen=True)
class EpisodeInfo:
    """Where an episode comes from and what its recording lost."""

    cluster: int
    seed: int = 0  # that the start was drawn from
    recovery: str = ''  # the mishap that is mended; empty: plain start
    robot: str = ''
    notes: str = ''  # of the operator
    outcome: str = ''  # what the end event said
    calibration: Mapping[str, str] = field(default_factory=dict)  # file name: SHA-256
    dropped: int = 0  # messages that came faster than they could be written
    missing: Mapping[str, int] = field(default_factory=dict)  # topic: frames that never came
    rotation: float | None = None  # rad, yaw of the object at the start, where it is known
    goal: str = ''  # what was to be done, where the task has several goals


class Message(NamedTuple):
    """One recorded message."""

    topic: str
    msgtype: str
    time: int  # ns, when it was received
    data: bytes  # as it came off the wire


class _CheckedStorage(McapWriter):
    """Notes the checksum of every chunk, with which a reader finds out that it was damaged."""

    def close_chunk(self) -> None:
        """Write the chunk, then its checksum into it."""
        start, checksum = self.bio.tell(), crc32(self.chunk.bio.getbuffer())
        super().close_chunk()
        end = self.bio.tell()
        self.bio.seek(start + _CHECKSUM)
        self.bio.write(struct.pack('<I', checksum))
        self.bio.seek(end)


class _CheckedWriter(Writer):
    """Writes MCAP with checksums, which rosbags leaves out."""

    STORAGE_PLUGINS = {**Writer.STORAGE_PLUGINS, StoragePlugin.MCAP: _CheckedStorage}


class EpisodeWriter:
    """Writes one episode; it appears among the others when it is kept."""

    def __init__(self, root: Path, calibration: Sequence[Path] = ()) -> None:
        """Begin a bag below ``root``; copy the calibration files into it."""
        self.name = f'{PREFIX}{_next_number(root):04d}'
        self.messages = 0
        self.size = 0  # bytes
        self._root = root
        self._folder = root / PARTIAL / self.name
        self._writer = _CheckedWriter(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._connections: dict[str, Connection] = {}
        self._hashes = _copy_all(calibration, self._folder / CALIBRATION)

    def write(self, message: Message) -> None:
        """Append a message; its bytes are stored as they are."""
        connection = self._connections.get(message.topic) or self._connect(message)
        self._writer.write(connection, message.time, message.data)
        self.messages += 1
        self.size += len(message.data)

    def _connect(self, message: Message) -> Connection:
        """Note the topic of its first message."""
        latched = message.topic.rpartition('/')[2] in LATCHED
        connection = self._writer.add_connection(
            message.topic,
            message.msgtype,
            typestore=typestore(),
            offered_qos_profiles=[_LATCHED_QOS] if latched else [],
        )
        self._connections[message.topic] = connection
        return connection

    def keep(self, info: EpisodeInfo) -> 'Episode':
        """Finish the bag, say where it comes from, and return the whole episode."""
        info = replace(info, calibration=self._hashes)
        self._writer.set_custom_data(_KEY, json.dumps(asdict(info)))
        self._writer.close()
        for file in self._folder.iterdir():
            _sync(file)
        folder = self._root / self.name
        self._folder.rename(folder)
        _sync(self._root)
        return Episode(folder, info)

    def discard(self) -> None:
        """Throw the bag away."""
        with suppress(OSError):  # of a full disk, for what was still to be written
            self._writer.abort()
        shutil.rmtree(self._folder)


@dataclass(frozen=True)
class Episode:
    """A whole episode on disk."""

    path: Path
    info: EpisodeInfo
    choice: TopicChoice = ANY_TOPIC  # which of its topics are meant

    def messages(self, topics: Collection[str] = ()) -> Iterator[Message]:
        """Yield the messages of ``topics`` (none: of all) in the order of their times."""
        with reading(self.path), Reader(self.path) as reader:
            chosen = [c for c in reader.connections if not topics or c.topic in topics]
            for connection, time, data in reader.messages(chosen) if chosen else ():
                yield Message(connection.topic, connection.msgtype, time, bytes(data))

    def topics(self) -> dict[str, str]:
        """Return the message type of every topic that has a message."""
        with reading(self.path), Reader(self.path) as reader:
            return {str(c.topic): c.msgtype for c in reader.connections if c.msgcount}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise VlaError with the mend where a bag turns out to be damaged within the context."""
    try:
        yield
    except BROKEN as error:
        raise VlaError(
            f'bag {path}: cannot be read ({str(error) or type(error).__name__}), expected one '
            'that was finished and is whole; run "ros2 bag reindex" on its folder, copy it again, '
            'or record it anew'
        ) from None


def list_episodes(root: Path) -> list[Episode]:
    """Return the whole episodes below ``root`` in the order in which they were begun."""
    folders = sorted(root.glob(f'{PREFIX}*/metadata.yaml'))
    return [Episode(path.parent, read_info(path)) for path in folders]


def list_unfinished(root: Path) -> list[Path]:
    """Return the folders of the episodes that are being written, or whose writer died."""
    return sorted((root / PARTIAL).glob(f'{PREFIX}*'))


def salvage(folder: Path) -> int:
    """
    Make what a dead writer left in ``folder`` readable; return the bytes of its messages.

    Cuts the last, torn record off and writes MCAP's ending, with which every reader opens the
    file. It stays among the unfinished ones. Nothing must be writing it any more.
    """
    kept = 0
    for path in folder.glob('*.mcap'):
        with path.open('r+b') as file:
            end = _end_of_data(file)
            if end > len(_MAGIC):
                file.truncate(end)
                file.seek(end)
                file.write(_ENDING)
                kept += end
    return kept


def claim(root: Path) -> IO[str]:
    """
    Make ``root`` a folder of recordings and return a file that locks it until it is closed.

    Raise ConfigError where the folder can't be written, where it is part of a LeRobotDataset, and
    where another process records into it.
    """
    for folder in (root, *root.resolve().parents):
        if (folder / 'meta' / 'info.json').is_file():
            raise ConfigError(
                f'recordings folder {root}: {folder} is a LeRobotDataset; choose another'
            )
    try:
        (root / PARTIAL).mkdir(parents=True, exist_ok=True)
        lock = (root / PARTIAL / 'lock').open('w')
    except OSError as error:
        raise ConfigError(f'recordings folder {root}: {error.strerror}; choose another') from None
    lock_file(
        lock,
        f'recordings folder {root}: another recorder writes to it; stop that one, or choose '
        'another folder',
    )
    return lock


def count_gaps(missing: Mapping[str, int]) -> dict[str, int]:
    """Return the frames that never came by the camera's name, given them by topic; no zeros."""
    return {
        topic.removesuffix('/image_raw').rpartition('/')[2]: frames
        for topic, frames in missing.items()
        if frames
    }


def remove(episode: Path) -> None:
    """Throw a whole episode away; it is gone in one step."""
    doomed = episode.parent / PARTIAL / episode.name
    episode.rename(doomed)
    shutil.rmtree(doomed)


# an empty text at the end: what EpisodeEvent has come to say since, the goal
_ADDED = {'vla_ros/msg/EpisodeEvent': b'\x01\x00\x00\x00\x00'}


def decode(message: Message) -> Any:
    """
    Return the message as an object with the fields of its type; numbers are NumPy arrays.

    A message of an older bag may end before the fields that were added since; they are empty.
    Raise VlaError where its bytes are damaged.
    """
    try:
        try:
            return typestore().deserialize_cdr(message.data, message.msgtype)
        except (SerdeError, IndexError, struct.error):
            if message.msgtype not in _ADDED:
                raise
            whole = message.data + bytes(-len(message.data) % 4) + _ADDED[message.msgtype]
            return typestore().deserialize_cdr(whole, message.msgtype)
    except (SerdeError, ValueError, KeyError, IndexError, struct.error) as error:
        raise VlaError(
            f'{message.topic}: got a damaged {message.msgtype} ({str(error) or "too short"}); '
            'copy the bag again, or record it anew'
        ) from None


def header_time(data: bytes, what: str = 'message') -> float:
    """
    Return the stamp (s) of a serialized message that begins with a header.

    Raise VlaError, which names ``what``, for one that is too short.
    """
    if len(data) < _STAMPED:
        raise VlaError(
            f'{what}: got a damaged message of {len(data)} bytes, expected a header; copy the bag '
            'again, or record it anew'
        )
    order = '<' if data[1] else '>'  # CDR's second byte: 1 for little endian
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', data, 4)
    return float(seconds) + 1e-9 * float(nanoseconds)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a small file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def typestore() -> Typestore:
    """Return the definitions of ROS 2's messages and of this package's."""
    store = get_typestore(Stores.ROS2_KILTED)
    share = find_config('', 'fastdds.xml').parents[1]  # of the package, or the checkout
    for path in sorted((share / 'msg').glob('*.msg')):
        store.register(
            get_types_from_msg(path.read_text(encoding='utf-8'), f'vla_ros/msg/{path.stem}')
        )
    return store


def read_info(metadata: Path) -> EpisodeInfo:
    """Return what the bag's metadata say; raise VlaError where they are another program's."""
    try:
        return EpisodeInfo(**json.loads(read_custom(metadata)))
    except (TypeError, ValueError) as error:
        raise VlaError(
            f'{metadata}: got no facts about the episode ({error!r}), expected those that the '
            'recorder writes; move the folder away'
        ) from None


def read_custom(metadata: Path) -> str:
    """Return this package's facts in the metadata of a bag; nothing where there are none."""
    try:
        content = yaml.safe_load(metadata.read_text(encoding='utf-8'))
        return str(content['rosbag2_bagfile_information']['custom_data'][_KEY])
    except (KeyError, TypeError, yaml.YAMLError):
        return ''


def _next_number(root: Path) -> int:
    taken = [path.name for folder in (root, root / PARTIAL) for path in folder.glob(f'{PREFIX}*')]
    numbers = [name.removeprefix(PREFIX) for name in taken]
    return 1 + max((int(text) for text in numbers if text.isdecimal()), default=-1)


def _copy_all(files: Sequence[Path], folder: Path) -> dict[str, str]:
    """Copy the files into ``folder`` and return their hashes."""
    hashes = {}
    for file in files:
        folder.mkdir(exist_ok=True)
        shutil.copy2(file, folder / file.name)
        hashes[file.name] = hash_file(folder / file.name)
    return hashes


def _end_of_data(file: IO[bytes]) -> int:
    """Return where the last whole record before the index ends; 0: this is no MCAP file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        return 0
    end = len(_MAGIC)
    while len(head := file.read(9)) == 9:
        kind, length = struct.unpack('<BQ', head)
        if kind in (_FOOTER, _DATA_END) or end + 9 + length > size:
            break
        end = file.seek(end + 9 + length)
    return end


def _sync(path: Path) -> None:
    """Have the disk hold what was written."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

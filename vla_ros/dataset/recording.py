# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One episode on its way to the disk: a bounded queue and the thread that empties it."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from vla_ros.core.errors import VlaError
from vla_ros.dataset.bag import (
    Episode,
    EpisodeInfo,
    EpisodeWriter,
    Message,
    count_gaps,
    header_time,
)

LATE = 1.0  # s behind the others, from which a camera's frames are missing and not on their way
GAP_MEND = 'look at the cable and the rate of that camera, and at the load of the computer'


class Recording:
    """
    Takes messages without ever waiting for the disk, and counts those that are lost.

    A message that would have more than ``limit`` bytes wait is dropped. Frames that a topic's
    rate and the stamps of the others promise are counted as missing where they don't come; one of
    slack at either end of the episode. One thread calls the methods.
    """

    def __init__(
        self,
        root: Path,
        info: EpisodeInfo,
        limit: int,
        rates: Mapping[str, float],
        calibration: Sequence[Path] = (),
    ) -> None:
        """Begin an episode; ``rates`` holds the frames per second of topics with a header."""
        self.dropped = 0
        self.missing: Counter[str] = Counter()
        self._info = info
        self._accepted = 0  # bytes
        self._limit = limit
        self._rates = rates
        self._spans: dict[str, tuple[float, float]] = {}  # s, stamps of first and last frames
        self._failure = ''
        self._whole = False  # whether all that came was written
        self._queue: SimpleQueue[Message | None] = SimpleQueue()
        with _told(str(root)):
            self._writer = EpisodeWriter(root, calibration)
        self._thread = threading.Thread(target=self._run, name='bag', daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Return the name of the episode's folder."""
        return self._writer.name

    @property
    def messages(self) -> int:
        """Return the number of messages that are on the disk."""
        return self._writer.messages

    @property
    def size(self) -> int:
        """Return the bytes of those messages."""
        return self._writer.size

    @property
    def gaps(self) -> dict[str, int]:
        """Return how many frames of each camera are missing by now, of those that miss any."""
        return count_gaps(self.missing + self._count_ends(LATE))

    def write(self, message: Message) -> None:
        """Have a message written, or count it as dropped where too many wait already."""
        rate = self._rates.get(message.topic)
        if rate:
            self._count_gap(message, rate)
        if self._accepted + len(message.data) - self._writer.size <= self._limit:
            self._accepted += len(message.data)
            self._queue.put(message)
        else:
            self.dropped += 1

    def keep(self, outcome: str) -> Episode:
        """
        Finish the episode, which ended with ``outcome``; blocks until it is on the disk.

        Raises VlaError where it could not be written; it is discarded then.
        """
        self._finish()
        if not self._whole:
            self._writer.discard()
            raise VlaError(self._failure or f'{self.name}: the writer crashed; see the log')
        self.missing.update(self._count_ends())
        self._spans.clear()
        info = replace(
            self._info, outcome=outcome, dropped=self.dropped, missing=dict(self.missing)
        )
        with _told(self.name):
            return self._writer.keep(info)

    def discard(self) -> None:
        """Throw the episode away."""
        self._finish()
        self._writer.discard()

    def _count_gap(self, message: Message, rate: float) -> None:
        """Count the frames between this one and the one before."""
        time = header_time(message.data)
        first, last = self._spans.get(message.topic, (time, time))
        self._spans[message.topic] = first, max(last, time)
        self.missing[message.topic] += max(0, round((time - last) * rate) - 1)

    def _count_ends(self, longer: float = 0.0) -> Counter[str]:
        """
        Return the frames before a topic's first one and after its last one.

        Only ends ``longer`` than that (s) count.
        """
        ends: Counter[str] = Counter()
        if not self._spans:
            return ends
        begin = min(first for first, _ in self._spans.values())
        end = max(last for _, last in self._spans.values())
        for topic, rate in self._rates.items():
            first, last = self._spans.get(topic, (end, end))
            for gap in (first - begin, end - last):
                ends[topic] += max(0, int(gap * rate + 1e-3) - 1) * (gap > longer)
        return ends

    def _finish(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            if self._failure:
                continue
            try:
                self._writer.write(message)
            except OSError as error:
                self._failure = _describe(self.name, error)
        self._whole = not self._failure


def describe(recording: Recording) -> str:
    """Return what was written and lost so far."""
    gaps = recording.gaps
    return (
        f'{recording.messages} messages, {recording.size / 1e6:.1f} MB, '
        f'{recording.dropped} dropped, {sum(gaps.values())} frames missing'
        + (f' ({name_gaps(gaps)})' if gaps else '')
    )


def name_gaps(gaps: Mapping[str, int]) -> str:
    """Return ``left 3, top 12`` for the frames that are missing of these cameras."""
    return ', '.join(f'{camera} {frames}' for camera, frames in sorted(gaps.items()))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Raise VlaError for what the system refuses within the context."""
    try:
        yield
    except OSError as error:
        raise VlaError(_describe(what, error)) from None


def _describe(what: str, error: OSError) -> str:
    return (
        f'{what}: cannot be written: {error.strerror}; free the disk, or record to another '
        'folder, and record the episode anew'
    )

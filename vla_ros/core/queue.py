# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queue of actions: what the newest chunks say for each moment from now on."""

from enum import Enum

import numpy as np

from vla_ros.core.blending import Aggregate
from vla_ros.core.chunk import ActionChunk

FAR_FUTURE = 5.0  # s; a chunk that begins later than this was stamped by a wrong clock


class PushResult(Enum):
    """What became of a chunk."""

    ACCEPTED = 'accepted'
    STALE = 'answers an older request than a chunk that is queued already'
    EXPIRED = 'ended before it arrived'
    FUTURE = 'begins too far in the future: the clocks differ'


class ActionQueue:
    """
    Holds one timeline of rows bound to time; each chunk is merged into it when it arrives.

    Where the timeline has rows for the times of the new chunk, the aggregate function decides;
    rows that are late are dropped, and the tail of the old chunk is kept where the new one ends
    earlier. One thread owns a queue: it takes no lock, and it is told the time.
    """

    def __init__(self, aggregate: Aggregate) -> None:
        """Merge with ``aggregate``."""
        self._aggregate = aggregate
        self._timeline: ActionChunk | None = None
        self._chunk_size = 1
        self._last_sequence = -1

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """Merge a chunk that arrived at ``now`` (s), or say why not; all or nothing."""
        if chunk.sequence <= self._last_sequence:
            return PushResult.STALE
        if chunk.end + chunk.step <= now:
            return PushResult.EXPIRED
        if chunk.start > now + FAR_FUTURE:
            return PushResult.FUTURE
        old = self._timeline
        self._timeline = chunk if old is None or self.remaining(now) <= 0 else (
            self._merge(old, chunk, now))
        self._chunk_size = len(chunk.values)
        self._last_sequence = chunk.sequence
        return PushResult.ACCEPTED

    def sample(self, now: float) -> np.ndarray | None:
        """
        Return the positions (joints,) for ``now``, interpolated between rows.

        The last row holds for one step; after that, and without a chunk, there is None. Before
        the first row there is the first row.
        """
        if self._timeline is None or self.remaining(now) <= 0:
            return None
        return self._timeline.at(now)

    def remaining(self, now: float) -> float:
        """Return the seconds of motion left, 0 when there is none."""
        timeline = self._timeline
        return 0.0 if timeline is None else max(0.0, timeline.end + timeline.step - now)

    def fill(self, now: float) -> float:
        """Return the queued rows as a fraction of the newest chunk's length, 0 without one."""
        if self._timeline is None:
            return 0.0
        return self.remaining(now) / (self._timeline.step * self._chunk_size)

    def clear(self) -> None:
        """Forget the timeline; chunks that answer older requests stay unwelcome."""
        self._timeline = None

    def _merge(self, old: ActionChunk, new: ActionChunk, now: float) -> ActionChunk:
        """Return one timeline on the grid of the new chunk, from the row before ``now`` on."""
        first = max(0, int((now - new.start) / new.step))
        tail = max(0, int((old.end - new.end) / new.step + 1e-6))
        times = new.start + new.step * np.arange(first, len(new.values) + tail)
        rows = np.empty((len(times), len(new.joint_names)))
        fresh = len(new.values) - first
        before = np.array([old.at(time) for time in times])
        overlap = times[:fresh] <= old.end + 1e-9
        rows[:fresh] = new.values[first:]
        rows[:fresh][overlap] = self._aggregate(before[:fresh][overlap], rows[:fresh][overlap])
        rows[fresh:] = before[fresh:]
        return ActionChunk(rows, float(times[0]), new.step, new.sequence, new.joint_names)

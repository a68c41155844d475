# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queue of actions: what the newest chunks say for each moment from now on."""

from enum import Enum
from math import ceil, floor

import numpy as np

from vla_ros.core.blending import Aggregate
from vla_ros.core.chunk import ActionChunk

FAR_FUTURE = 1.0  # s; a chunk that begins later than this was stamped by a wrong clock
RESOLUTION = 1e-6  # s; seconds since 1970 as a float are known to 0.24 us


class PushResult(Enum):
    """What became of a chunk."""

    ACCEPTED = 'accepted'
    STALE = 'answers a request that is out of date'
    EXPIRED = 'ended before it arrived'
    FUTURE = 'begins too far in the future: the clocks differ'


class ActionQueue:
    """
    Holds one timeline of rows bound to time; each chunk is merged into it when it arrives.

    Where the timeline has rows for the times of the new chunk, the aggregate function decides.
    Rows that are late are dropped; rows before the first and after the last one of the new chunk
    are kept. One thread owns a queue: it takes no lock, and it is told the time.
    """

    def __init__(self, aggregate: Aggregate) -> None:
        """Merge with ``aggregate``."""
        self._aggregate = aggregate
        self._timeline: ActionChunk | None = None
        self._newest: ActionChunk | None = None
        self._last_sequence = -1

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """Merge a chunk that arrived at ``now`` (s), or say why not; all or nothing."""
        if chunk.sequence <= self._last_sequence:
            return PushResult.STALE
        if chunk.start + chunk.duration <= now + RESOLUTION:
            return PushResult.EXPIRED
        if chunk.start > now + FAR_FUTURE:
            return PushResult.FUTURE
        if self._timeline is None or not self.remaining(now):
            self._timeline = chunk
        else:
            self._timeline = self._merge(self._timeline, chunk, now)
        self._newest, self._last_sequence = chunk, chunk.sequence
        return PushResult.ACCEPTED

    def sample(self, now: float) -> np.ndarray | None:
        """
        Return the positions (joints,) for ``now``, interpolated between rows.

        The last row holds for one step; after that, and without a chunk, there is None. Before
        the first row there is the first row.
        """
        if self._timeline is None or not self.remaining(now):
            return None
        return self._timeline.at(now)

    def remaining(self, now: float) -> float:
        """Return the seconds of motion left, 0 when there is none."""
        if self._timeline is None:
            return 0.0
        left = self._timeline.start + self._timeline.duration - now
        return left if left > RESOLUTION else 0.0

    @property
    def end(self) -> float:
        """Return the time of the last row (s), minus infinity without a chunk."""
        return float('-inf') if self._timeline is None else self._timeline.end

    def fill(self, now: float) -> float:
        """Return what is queued as a share of the newest chunk, 0 to 1; 0 without a chunk."""
        return min(1.0, self.remaining(now) / self._newest.duration) if self._newest else 0.0

    def clear(self) -> None:
        """Forget the timeline; chunks that answer older requests stay unwelcome."""
        self._timeline = None

    def _merge(self, old: ActionChunk, new: ActionChunk, now: float) -> ActionChunk:
        """Return one timeline on the grid of the new chunk, from the row before ``now`` on."""
        slack = RESOLUTION / new.step
        first = floor((now - new.start) / new.step + slack)
        if now < old.start:  # neither has begun
            first = max(first, min(0, ceil((old.start - new.start) / new.step - slack)))
        last = max(len(new.values) - 1, floor((old.end - new.start) / new.step + slack))
        index = np.arange(first, last + 1)
        times = new.start + new.step * index
        rows = old.at(times)
        fresh = (index >= 0) & (index < len(new.values))
        known = (times >= old.start - RESOLUTION) & (times <= old.end + RESOLUTION)
        both = fresh & known
        merged = self._aggregate(rows[both], new.values[index[both]], times[both] - now)
        rows[fresh] = new.values[index[fresh]]
        rows[both] = merged
        return ActionChunk(rows, float(times[0]), new.step, new.sequence, new.joint_names)

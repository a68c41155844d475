# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queue of actions: what the newest chunks say for each moment from now on."""

from dataclasses import replace
from enum import Enum

import numpy as np

from vla_ros.core.blending import ENSEMBLE_CHUNKS, RESOLUTION, Aggregate
from vla_ros.core.chunk import ActionChunk

FAR_FUTURE = 1.0  # s; a chunk that begins later than this was stamped by a wrong clock


class PushResult(Enum):
    """What became of a chunk."""

    ACCEPTED = 'accepted'
    STALE = 'answers a request that is out of date'
    EXPIRED = 'ended before it arrived'
    FUTURE = 'begins too far in the future: the clocks differ'
    UNKNOWN = 'answers no request that was ever made'
    JUMP = 'jumps further than the joints can move'
    BEYOND = 'leaves the range of the joints: units?'
    MEASURED = 'was asked for to measure the latency; it is not played'


class ActionQueue:
    """
    Holds one timeline of rows bound to time; each chunk is merged into it when it arrives.

    Where the timeline has rows for the times of the new chunk, the aggregate function decides.
    Rows that are late are dropped; rows before the first and after the last one of the new chunk
    are kept. One thread owns a queue: it takes no lock, and it is told the time.
    """

    def __init__(self, aggregate: Aggregate) -> None:
        """Merge with ``aggregate``."""
        self.aggregate = aggregate
        self._timeline: ActionChunk | None = None
        self._chunks: list[ActionChunk] = []  # those that have rows left, the newest last
        self._newest: ActionChunk | None = None
        self._last_sequence = -1

    def check(self, chunk: ActionChunk, now: float) -> PushResult:
        """Say whether ``push`` would take the chunk."""
        if chunk.sequence <= self._last_sequence:
            return PushResult.STALE
        if chunk.start + chunk.duration <= now + RESOLUTION:
            return PushResult.EXPIRED
        if chunk.start > now + FAR_FUTURE:
            return PushResult.FUTURE
        return PushResult.ACCEPTED

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """Merge a chunk that arrived at ``now`` (s), or say why not; all or nothing."""
        result = self.check(chunk, now)
        if result is not PushResult.ACCEPTED:
            return result
        self._chunks = [old for old in self._chunks if old.start + old.duration > now]
        self._chunks = [*self._chunks[1 - ENSEMBLE_CHUNKS :], chunk]
        if self._timeline is None or not self.remaining(now):
            self._timeline = chunk
        else:
            self._timeline = self.aggregate(self._timeline, self._chunks, now)
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
        self._chunks = []

    def rest(self, now: float, look_back: float = 0.0) -> ActionChunk | None:
        """
        Return what is queued from ``look_back`` seconds before ``now`` (s) on; None if nothing is.

        This is what a policy continues that makes its chunk fit to the one before. Rows are known
        back to the moment that the newest chunk came.
        """
        if self._timeline is None or not self.remaining(now):
            return None
        line = self._timeline
        first = max(0, min(int((now - look_back - line.start) / line.step), len(line.values) - 1))
        return replace(line, values=line.values[first:], start=line.start + first * line.step)

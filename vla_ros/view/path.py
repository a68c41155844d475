# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is queued as the path of the tool, and where each piece of it comes from.

A chunk that is taken skips the rows that are late, goes on with what was queued before where it
has no row itself, and is blended with it where both have one.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from vla_ros.core.blending import RESOLUTION
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.kinematics import RobotModel

KEPT = 4  # newest chunks, any of which the queue may be about to tell of


class Origin(IntEnum):
    """Where a row of the queue comes from."""

    OLD = 0  # only what was queued before has a row for its time
    NEW = 1  # only the new chunk has
    BLENDED = 2  # both have
    SKIPPED = 3  # a row of the new chunk that was late: it is not queued


@dataclass(frozen=True)
class QueuedPath:
    """The rows of the queue at the moment that a chunk was taken, and those that were skipped."""

    times: np.ndarray  # (rows,) s
    positions: np.ndarray  # (rows, joints) rad or m
    origins: np.ndarray  # (rows,) of Origin
    sequence: int  # of the chunk

    def points(self, model: RobotModel, frame: str) -> np.ndarray:
        """Return where ``frame`` is at each row, (rows, 3), m in the root frame."""
        return model.pose(frame, self.positions)[:, :3, 3]


def trace(
    queued: ActionChunk, new: ActionChunk | None, before: ActionChunk | None, now: float
) -> QueuedPath:
    """
    Return the path of what is ``queued`` since ``now`` (s), when the chunk ``new`` was taken.

    ``before`` is what was queued until then; without it the arm may have stood still, and the
    chunk was delayed by as long. Where the new chunk is not known, all rows count as new.
    """
    times = queued.start + queued.step * np.arange(len(queued.values))
    if new is None:
        return QueuedPath(times, queued.values, np.full(len(times), Origin.NEW), queued.sequence)
    delay = 0.0 if before else _delay(queued, new)
    has_new = _covers(new.start + delay, new.end + delay, times)
    has_old = np.zeros(len(times), bool)
    if before is not None:
        has_old = _covers(before.start, before.end, times)
    origins = np.where(has_new, np.where(has_old, Origin.BLENDED, Origin.NEW), Origin.OLD)
    late = new.start + delay + new.step * np.arange(len(new.values))
    skipped = late + new.step <= min(now, times[0] + RESOLUTION)
    return QueuedPath(
        np.concatenate([late[skipped], times]),
        np.concatenate([new.values[skipped], queued.values]),
        np.concatenate([np.full(int(skipped.sum()), Origin.SKIPPED), origins]),
        queued.sequence,
    )


class PlanWatch:
    """Follows the plan of one queue: its chunks, and what the queue says it made of them."""

    def __init__(self) -> None:
        """Begin with an empty queue."""
        self._chunks: dict[int, ActionChunk] = {}  # the newest ones, by sequence
        self._queued: ActionChunk | None = None  # as it was last told

    def add(self, chunk: ActionChunk) -> None:
        """Take note of a chunk that a policy has published."""
        self._chunks = {**dict(list(self._chunks.items())[1 - KEPT :]), chunk.sequence: chunk}

    def queue(self, queued: ActionChunk, now: float) -> QueuedPath:
        """Return the path of what is queued since the last chunk was taken, at ``now`` (s)."""
        before, self._queued = self._queued, queued
        return trace(queued, self._chunks.get(queued.sequence), before, now)

    def clear(self) -> bool:
        """Take note that nothing is queued; return whether something was."""
        before, self._queued = self._queued, None
        return before is not None


def _delay(queued: ActionChunk, new: ActionChunk) -> float:
    """Return by how much (s) a chunk was delayed of which ``queued`` is what was not late."""
    skipped = len(new.values) - len(queued.values)
    return max(0.0, queued.start - new.step * skipped - new.start)


def _covers(start: float, end: float, times: np.ndarray) -> np.ndarray:
    covered: np.ndarray = (times >= start - RESOLUTION) & (times <= end + RESOLUTION)
    return covered

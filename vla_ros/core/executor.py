# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Executor: turns chunks into commands, one control tick at a time, and asks for the next chunk.

A caller, a node or a simulation, does this at its control rate::

    executor.push(chunk, now)                # whenever a chunk has arrived
    tick = executor.tick(now, measured)      # command tick.positions
    if tick.request is not None: ...         # ask the policy; its chunk carries that sequence

Time is an argument everywhere, so that the same object runs on a robot and in lockstep with a
simulation.

Row i of a chunk belongs to the time of its observation + i steps: rows whose time went by while
the chunk was computed are skipped, which is all the compensation that a latency needs. Where the
robot stood still meanwhile because it had nothing to play, the plan's time stood still with it:
the chunk is delayed by as long, so that no row is lost and nothing jumps. In asynchronous mode
the next chunk is asked for while the queue holds at most chunk_size_threshold of a chunk. In
synchronous mode it is asked for when the queue is empty; the robot always stands still then, so
each chunk is played from the moment that it arrives.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from vla_ros.core.blending import aggregate_function
from vla_ros.core.budget import Budget
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.limits import LONGEST_TICK, within_limits
from vla_ros.core.queue import ActionQueue, PushResult
from vla_ros.core.refill import Refill
from vla_ros.core.robot import RobotSpec
from vla_ros.core.timing import LatencyEstimator

MODES = ('async', 'sync')


class Mode(IntEnum):
    """What the executor is doing; the numbers are those of QueueStatus.msg."""

    HOLDING = 0
    RUNNING = 1
    STARVED = 2
    WAITING = 3
    ESTOP = 4


@dataclass(frozen=True)
class ExecutorConfig:
    """How chunks are asked for and blended; names are LeRobot's."""

    mode: str = 'async'
    chunk_size_threshold: float = 0.2  # fill of the queue at which the next chunk is asked for
    aggregate_fn_name: str = 'weighted_average'
    request_timeout: float = 5.0  # s after which a request counts as lost and is repeated

    def __post_init__(self) -> None:
        """Check every value."""
        if self.mode not in MODES:
            raise ConfigError(f'mode: got {self.mode!r}, expected one of {", ".join(MODES)}')
        if not 0.0 <= self.chunk_size_threshold <= 1.0:
            raise ConfigError(
                f'chunk_size_threshold: got {self.chunk_size_threshold}, expected 0 to 1'
            )
        if not self.request_timeout > 0:
            raise ConfigError(f'request_timeout: got {self.request_timeout} s, expected above 0')
        aggregate_function(self.aggregate_fn_name)

    @property
    def threshold(self) -> float:
        """Return the fill of the queue at which the next chunk is asked for in this mode."""
        return self.chunk_size_threshold if self.mode == 'async' else 0.0


@dataclass(frozen=True)
class Tick:
    """The result of one control tick."""

    positions: np.ndarray  # (joints,) rad, to command
    mode: Mode
    request: int | None  # sequence of the chunk to ask for now, None most of the time


@dataclass
class Counters:
    """What happened since the start, for status and diagnostics; idle since the last reset."""

    starved: int = 0  # times that the queue ran dry
    limited: int = 0  # commands that were clamped
    accepted: int = 0  # chunks
    rejected: int = 0  # chunks
    lost: int = 0  # requests that nobody answered
    idle: float = 0.0  # s STARVED or WAITING, from the first motion on
    latency: float = 0.0  # s from observation to push, of the newest chunk accepted
    margin: float = 0.0  # s of motion that was left when it was accepted


class Executor:
    """
    Plays the queue within the robot's limits, and holds whenever it has nothing to play.

    Off at first; the first command is the measured position, so that enabling moves nothing. A
    clock that steps back counts as a reset.
    """

    def __init__(self, robot: RobotSpec, config: ExecutorConfig) -> None:
        """Start disabled, with an empty queue."""
        self.counters = Counters()
        self.queue = ActionQueue(aggregate_function(config.aggregate_fn_name))
        self._robot, self._config = robot, config
        self._refill = Refill(config.threshold, config.request_timeout)
        self._latencies = LatencyEstimator()
        self._newest: ActionChunk | None = None
        self._enabled = False
        self._last: np.ndarray | None = None  # command; None: begin at the measured position
        self._last_time = float('-inf')
        self._since = float('-inf')  # chunks of older observations are stale
        self._still_since: float | None = None  # s; None while there are rows to come
        self._mode = Mode.HOLDING
        self._moved = False  # since the last reset

    @property
    def enabled(self) -> bool:
        """Whether commands come from chunks."""
        return self._enabled

    @property
    def mode(self) -> Mode:
        """Return what the last tick did."""
        return self._mode

    @property
    def request(self) -> int | None:
        """Return the sequence of the chunk that is asked for, None while none is."""
        return self._refill.open

    @property
    def last_request(self) -> int:
        """Return the sequence of the newest request, 0 before the first."""
        return self._refill.newest

    def budget(self, percent: float = 95.0) -> Budget | None:
        """Return the budget at that percentile of the latency; None before it is known."""
        latency = self._latencies.percentile(percent)
        if latency is None or self._newest is None:
            return None
        return Budget(
            latency, 1.0 / self._newest.step, len(self._newest.values), self._config.threshold
        )

    def enable(self) -> None:
        """Play chunks from the next tick on, which commands the measured position."""
        if not self._enabled:
            self.hold()
        self._enabled = True

    def disable(self) -> None:
        """Hold, and forget what is queued and what was asked for."""
        self._enabled = False
        self.hold()

    def hold(self) -> None:
        """
        Hold for now, and forget what is queued and what was asked for.

        For a robot whose state is not known. The next tick goes on from the measured position.
        """
        self.queue.clear()
        self._refill.forget()
        self._last = self._still_since = None
        self._mode = Mode.HOLDING

    def reset(self, now: float) -> None:
        """Begin a new episode at ``now`` (s): whatever was seen before it is forgotten."""
        self.hold()
        self._since = now
        self.counters.idle = 0.0
        self._moved = False

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """
        Queue a chunk whose start is the time of its observation.

        Raises VlaError where its joints are not the robot's, in the robot's order.
        """
        if chunk.joint_names != self._robot.joint_names:
            self.reject(chunk.sequence)
            raise VlaError(
                f'chunk {chunk.sequence}: got joints {", ".join(chunk.joint_names)}, expected '
                f'{", ".join(self._robot.joint_names)}'
            )
        welcome = (
            self._enabled and chunk.start >= self._since and self._refill.welcomes(chunk.sequence)
        )
        left = self.queue.remaining(now)
        result = PushResult.STALE
        if welcome:
            result = self.queue.push(self._delayed(chunk, now), now)
        if result is PushResult.ACCEPTED:
            self._accept(chunk, now - chunk.start, left)
        else:
            self.reject(chunk.sequence)
        return result

    def reject(self, sequence: int) -> None:
        """Count a chunk that is of no use; if it answers the open request, ask again."""
        self.counters.rejected += 1
        self._refill.answered(sequence)

    def tick(self, now: float, measured: np.ndarray) -> Tick:
        """
        Return the command for ``now`` (s), given the measured positions (joints,), rad.

        Raises VlaError for a measured position, where it is the one to begin at, that is no
        number.
        """
        if now < self._last_time:
            self.reset(now)
        if self._last is None or not self._enabled:
            self._last, self._last_time = self._checked(measured), now
        elapsed, self._last_time = now - self._last_time, now
        target = self.queue.sample(now) if self._enabled else None
        self._change_mode(target is not None)
        if target is not None:
            self._last = self._play(target, self._last, elapsed)
        elif self._enabled and self._moved:
            self.counters.idle += elapsed
        self._note_stillness(now, elapsed)
        return Tick(self._last.copy(), self._mode, self._ask(now))

    def _accept(self, chunk: ActionChunk, latency: float, left: float) -> None:
        self.counters.accepted += 1
        self.counters.latency, self.counters.margin = latency, left
        self._latencies.add(latency)
        self._newest = chunk
        self._refill.answered(chunk.sequence)
        if self._config.mode == 'sync':
            self._refill.forget()  # one chunk for each time that the robot waits

    def _delayed(self, chunk: ActionChunk, now: float) -> ActionChunk:
        """Return the chunk, delayed by as long as the robot stood still since its observation."""
        if self._still_since is None:
            return chunk
        stood = max(0.0, now - max(chunk.start, self._still_since))
        return replace(chunk, start=chunk.start + stood)

    def _checked(self, measured: np.ndarray) -> np.ndarray:
        if measured.shape != self._robot.lower.shape or not np.isfinite(measured).all():
            raise VlaError(
                f'measured positions: got {measured}, expected a number for each of '
                f'{", ".join(self._robot.joint_names)}; mend the robot driver'
            )
        return measured.astype(np.float64)

    def _change_mode(self, playing: bool) -> None:
        if not self._enabled:
            self._mode = Mode.HOLDING
        elif playing:
            self._mode = Mode.RUNNING
        elif self._mode is Mode.RUNNING and self._config.mode == 'async':
            self._mode = Mode.STARVED
            self.counters.starved += 1
        elif self._mode is not Mode.STARVED:
            self._mode = Mode.WAITING

    def _play(self, target: np.ndarray, last: np.ndarray, elapsed: float) -> np.ndarray:
        positions = within_limits(self._robot, target, last, elapsed)
        self.counters.limited += bool(np.max(np.abs(positions - target)) > 1e-6)
        self._moved = True
        return positions

    def _note_stillness(self, now: float, elapsed: float) -> None:
        """Note since when the robot stands still: the time of the last row, which it holds."""
        if now <= self.queue.end:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = max(self.queue.end, now - min(elapsed, LONGEST_TICK))

    def _ask(self, now: float) -> int | None:
        if not self._enabled:
            return None
        request = self._refill.ask(now, self.queue.fill(now))
        self.counters.lost = self._refill.lost
        return request

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Executor: turns chunks into commands, one control tick at a time, and asks for the next chunk.

A caller, a node or a simulation, does this at its control rate::

    tick = executor.tick(now, measured)      # command tick.positions
    if tick.request is not None: ...         # ask the policy; its chunk carries that sequence
    executor.push(chunk, now)                # whenever a chunk arrives

Time is an argument everywhere, so that the same object runs on a robot and in lockstep with a
simulation.

In asynchronous mode row i of a chunk belongs to the time of its observation + i steps, and the
next chunk is asked for while the queue holds at most chunk_size_threshold of a chunk. In
synchronous mode it is asked for when the queue is empty; the robot stands still meanwhile, so the
chunk is played from its first row, whenever it arrives.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from vla_ros.core.blending import aggregate_function
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import ConfigError
from vla_ros.core.queue import ActionQueue, PushResult
from vla_ros.core.robot import RobotSpec

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
                f'chunk_size_threshold: got {self.chunk_size_threshold}, expected 0 to 1')
        if not self.request_timeout > 0:
            raise ConfigError(f'request_timeout: got {self.request_timeout} s, expected above 0')
        aggregate_function(self.aggregate_fn_name)


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
        self._enabled = False
        self._request = 0
        self._asked_at: float | None = None  # of the request that is not answered yet
        self._last: np.ndarray | None = None
        self._last_time = float('-inf')
        self._since = float('-inf')  # chunks of older observations are stale
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
        return None if self._asked_at is None else self._request

    @property
    def last_request(self) -> int:
        """Return the sequence of the newest request, 0 before the first."""
        return self._request

    def enable(self) -> None:
        """Play chunks from the next tick on."""
        self._enabled = True

    def disable(self) -> None:
        """Hold, and forget what is queued."""
        self._enabled = False
        self._forget()

    def reset(self, now: float) -> None:
        """Begin a new episode at ``now``: whatever was seen before it is forgotten."""
        self._since = now
        self.counters.idle = 0.0
        self._last, self._moved = None, False
        self._forget()

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """
        Queue a chunk whose start is the time of its observation.

        Raises ConfigError where its joints are not the robot's, in the robot's order.
        """
        if chunk.joint_names != self._robot.joint_names:
            raise ConfigError(
                f'chunk {chunk.sequence}: got joints {", ".join(chunk.joint_names)}, expected '
                f'{", ".join(self._robot.joint_names)}')
        if chunk.sequence == self._request:
            self._asked_at = None
        left = self.queue.remaining(now)
        queued = replace(chunk, start=now) if self._config.mode == 'sync' else chunk
        stale = not self._enabled or chunk.start < self._since
        result = PushResult.STALE if stale else self.queue.push(queued, now)
        if result is PushResult.ACCEPTED:
            self.counters.accepted += 1
            self.counters.latency, self.counters.margin = now - chunk.start, left
        else:
            self.counters.rejected += 1
        return result

    def tick(self, now: float, measured: np.ndarray) -> Tick:
        """Return the command for ``now`` (s), given the measured positions (joints,), rad."""
        if now < self._last_time:
            self.reset(now)
        if self._last is None or not self._enabled:
            self._last, self._last_time = measured.copy(), now
        elapsed, self._last_time = now - self._last_time, now
        target = self.queue.sample(now) if self._enabled else None
        self._change_mode(target is not None)
        if target is not None:
            self._last, self._moved = self._within_limits(target, elapsed), True
        elif self._enabled and self._moved:
            self.counters.idle += elapsed
        return Tick(self._last.copy(), self._mode, self._next_request(now))

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

    def _within_limits(self, target: np.ndarray, elapsed: float) -> np.ndarray:
        robot = self._robot
        reach = robot.velocity * elapsed
        allowed = np.clip(target, self._last - reach, self._last + reach)
        allowed = np.clip(allowed, robot.lower, robot.upper)
        self.counters.limited += not np.allclose(allowed, target, atol=1e-6)
        return allowed

    def _next_request(self, now: float) -> int | None:
        """Ask when the queue is low and no request is under way."""
        if not self._enabled:
            return None
        if self._asked_at is not None:
            if now - self._asked_at < self._config.request_timeout:
                return None
            self.counters.lost += 1
        synchronous = self._config.mode == 'sync'
        threshold = 0.0 if synchronous else self._config.chunk_size_threshold
        if self.queue.fill(now) > threshold:
            self._asked_at = None
            return None
        self._request += 1
        self._asked_at = now
        return self._request

    def _forget(self) -> None:
        self.queue.clear()
        self._asked_at = None
        self._mode = Mode.HOLDING

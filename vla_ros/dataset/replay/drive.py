# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The control loop in recorded time: the live executor asks, and plays what it is answered.

Which observations the policy is asked about depends on the times in the bag and on the settings,
never on what it answers or on how fast this machine is. So the asks are planned first, in a drive
whose answers mean nothing; then the policy answers them, here or in nodes of their own; then a
second drive plays the answers.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import ConfigError
from vla_ros.core.executor import Executor
from vla_ros.core.observation import Observation, Observations
from vla_ros.core.queue import PushResult
from vla_ros.core.robot import RobotSpec
from vla_ros.core.status import Mode
from vla_ros.dataset.replay.bag_samples import Event, Span, Track
from vla_ros.dataset.replay.settings import Settings
from vla_ros.policy.spec import PolicySpec


class Ask(NamedTuple):
    """One observation that the policy is asked about."""

    number: int  # in the bag
    time: float  # s, when it is asked
    start: float  # s, of the observation
    samples: Mapping[str, int]  # topic: number of the message
    text: str  # the instruction; '' for the policy's own
    queued: bool  # whether the queue asked, and plays the answer; else it is only scored


Answer = Callable[[Ask], np.ndarray]  # (chunk, joints) rad


class Moment(NamedTuple):
    """A tick of the control loop."""

    time: float  # s
    positions: np.ndarray  # (joints,) rad, commanded; in the order of the policy's names
    mode: Mode
    observed: float  # s, time of the newest observation that the queue plays; nan before the first
    remaining: float  # s of motion left in the queue
    jump: float  # rad, of the goal, where a chunk has just joined one that was played; else nan


@dataclass(frozen=True)
class Drive:
    """What happened in one span of a bag."""

    span: Span
    asks: Sequence[Ask]
    chunks: Sequence[np.ndarray]  # the answer to each
    moments: Sequence[Moment]
    starved: int  # times that the queue ran dry
    idle: float  # s that the arm waited after its first motion
    limited: int  # commands that the robot's limits changed


def plan(track: Track, spec: PolicySpec, robot: RobotSpec, settings: Settings) -> list[Ask]:
    """Return what the policy is to be asked about, in order."""
    nothing = np.zeros((spec.chunk_size, len(spec.joint_names)))
    drives = drive(track, spec, robot, settings, lambda ask: nothing)
    return [ask for one in drives for ask in one.asks]


def drive(
    track: Track, spec: PolicySpec, robot: RobotSpec, settings: Settings, answer: Answer
) -> Iterator[Drive]:
    """Yield what happens in each span of the bag when the policy answers so."""
    number = 0
    for span in track.spans:
        driver = _Driver(track, span, spec, robot, settings, answer, number)
        done = driver.run()
        number += len(done.asks)
        yield done


class _Driver:
    """One span, tick by tick."""

    def __init__(
        self,
        track: Track,
        span: Span,
        spec: PolicySpec,
        robot: RobotSpec,
        settings: Settings,
        answer: Answer,
        first: int,
    ) -> None:
        self._track, self._span, self._spec, self._robot = track, span, spec, robot
        self._settings, self._answer, self._first = settings, answer, first
        self._columns = _columns(spec.joint_names, robot)
        self._executor = Executor(robot, settings.executor())
        self._executor.enable()
        sources = sorted({event.topic for event in track.events})
        self._observations = Observations(sources, settings.max_skew, settings.max_age)
        self._coming = deque(
            event for event in track.events if event.stamp >= span.begin - settings.max_skew
        )
        self._arrivals: deque[tuple[float, ActionChunk]] = deque()
        self._asks: list[Ask] = []
        self._chunks: list[np.ndarray] = []
        self._answered = 0  # the newest request of the executor that was answered
        self._observed = nan

    def run(self) -> Drive:
        """Return what happened from the begin of the span to its end."""
        length = self._span.end - self._span.begin
        count = int(length * self._settings.rate + 1e-6) + 1
        times = self._span.begin + np.arange(count) / self._settings.rate
        moments = [self._tick(time) for time in times.tolist()]
        counters = self._executor.counters
        return Drive(
            self._span,
            self._asks,
            self._chunks,
            moments,
            counters.starved,
            counters.idle,
            counters.limited,
        )

    def _tick(self, now: float) -> Moment:
        while self._coming and self._coming[0].now <= now:
            self._add(self._coming.popleft())
        jump = self._push(now)
        tick = self._executor.tick(now, self._track.measured.before(now)[self._columns])
        self._ask(now)
        positions = np.empty_like(tick.positions)
        positions[self._columns] = tick.positions
        remaining = self._executor.queue.remaining(now)
        return Moment(now, positions, tick.mode, self._observed, remaining, jump)

    def _add(self, event: Event) -> None:
        self._observations.add(event.topic, event.stamp, event.number)

    def _push(self, now: float) -> float:
        """Push the chunks that have arrived; return how far that moves the goal of this tick."""
        before = self._executor.queue.sample(now)
        joined = False
        while self._arrivals and self._arrivals[0][0] <= now:
            chunk = self._arrivals.popleft()[1]
            if self._executor.push(chunk, now) is PushResult.ACCEPTED:
                self._observed, joined = chunk.start, True
        after = self._executor.queue.sample(now)
        if not joined or before is None or after is None:
            return nan
        return float(np.abs(after - before).max())

    def _ask(self, now: float) -> None:
        """Ask the policy where the queue wants a chunk, or nobody has asked for long."""
        request = self._executor.request
        queued = request is not None and request != self._answered
        if not queued and not self._is_due(now):
            return
        observation = self._observations.take(now)
        if observation is None:
            return
        ask = self._make_ask(now, observation, queued)
        values = self._answer(ask)
        self._asks.append(ask)
        self._chunks.append(values)
        if request is not None and queued:
            self._answered = request
            self._arrivals.append((now + self._settings.latency, self._chunk(ask, values)))

    def _is_due(self, now: float) -> bool:
        """Say whether to ask besides; not shortly before the queue will ask."""
        every = self._settings.every
        if not self._asks or now - self._asks[-1].time < every - 1e-9:
            return False
        duration = self._spec.chunk_size / self._spec.fps
        left = self._executor.queue.remaining(now) - self._executor.threshold * duration
        return left >= every / 2

    def _make_ask(self, now: float, observation: Observation, queued: bool) -> Ask:
        number = self._first + len(self._asks)
        text = self._track.text(now)
        return Ask(number, now, observation.time, observation.values, text, queued)

    def _chunk(self, ask: Ask, values: np.ndarray) -> ActionChunk:
        request = self._executor.last_request
        rows = np.asarray(values, np.float64)[:, self._columns]
        return ActionChunk(rows, ask.start, 1 / self._spec.fps, request, self._robot.joint_names)


def _columns(joint_names: Sequence[str], robot: RobotSpec) -> list[int]:
    """Return where each of the robot's joints stands among the policy's."""
    if set(joint_names) != set(robot.joint_names):
        raise ConfigError(
            f'robot {robot.name}: got joints {", ".join(robot.joint_names)}, expected those of '
            f'the policy, {", ".join(joint_names)}; choose the robot that it was trained on'
        )
    return [joint_names.index(name) for name in robot.joint_names]

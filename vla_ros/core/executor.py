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

Commands stay within the limits of the robot in position, velocity and acceleration at once, and
every way to stop (the queue runs dry, the arm is disabled, its state or what it sees is not known,
an emergency) brakes within them. Anchor says where the arm goes on from after such a stop; after
an emergency stop, or once the arm was disabled, it is the measured position.
"""

from dataclasses import replace

import numpy as np

from vla_ros.core.anchor import Anchor
from vla_ros.core.blending import aggregate_function
from vla_ros.core.budget import Budget
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import VlaError
from vla_ros.core.limits import LONGEST_TICK, Motion, find_beyond, find_jump
from vla_ros.core.lookahead import Lookahead
from vla_ros.core.queue import FAR_FUTURE, ActionQueue, PushResult
from vla_ros.core.refill import Refill
from vla_ros.core.robot import RobotSpec
from vla_ros.core.settings import ExecutorConfig
from vla_ros.core.status import Counters, Mode, Tick
from vla_ros.core.watch import BudgetWatch


class Executor:
    """
    Plays the queue within the robot's limits, and holds whenever it has nothing to play.

    Off at first; the first command is the measured position, so that enabling moves nothing. A
    clock that steps back counts as a reset. An emergency stop is latched: it disables the arm,
    which can't be enabled before it is armed again.
    """

    def __init__(self, robot: RobotSpec, config: ExecutorConfig) -> None:
        """Start disabled, with an empty queue."""
        self.counters = Counters()
        self.estopped = False
        self.note = ''  # why the arm holds, where the mode does not say it
        self.objection = ''  # to the last chunk that jumped
        aggregate = aggregate_function(config.aggregate_fn_name, config.temporal_ensemble_coeff)
        self.queue = ActionQueue(aggregate)
        self._robot, self._config = robot, config
        self._refill = Refill(config.threshold, config.request_timeout)
        self._watch = BudgetWatch(config, self._refill)
        self._observed = float('-inf')  # s, the newest observation that the arm acts on
        self._enabled = False
        self._anchor = Anchor(robot)
        self._anchored = False  # False: once it stands, see where it is
        self._last_time = float('-inf')
        self._period = 0.0  # s, between the last two ticks
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
    def denied(self) -> str:
        """Return which rule of the workspace kept the arm from its target at the last tick."""
        motion = self._anchor.motion
        return motion.denied if motion is not None and self._mode is Mode.RUNNING else ''

    @property
    def request(self) -> int | None:
        """Return the sequence of the chunk that is asked for, None while none is."""
        return self._refill.open

    @property
    def last_request(self) -> int:
        """Return the sequence of the newest request, 0 before the first."""
        return self._refill.newest

    @property
    def threshold(self) -> float:
        """Return the fill of the queue at which the next chunk is asked for."""
        return self._refill.threshold

    @property
    def inference_delay(self) -> int:
        """Return the rows that go by while a chunk is computed, 0 before the first has come."""
        return self._watch.inference_delay

    def budget(self, percent: float = 95.0) -> Budget | None:
        """Return the budget at that percentile of the latency; None before it is known."""
        return self._watch.budget(percent)

    def forecast(self, now: float) -> float:
        """
        Return the seconds of motion that will be left when the next chunk comes (p95).

        Below 0 the queue will run dry; nan before the latency is known, and in synchronous mode.
        """
        return self._watch.forecast(now, self.queue.remaining(now))

    def look_ahead(self, now: float, period: float) -> Lookahead:
        """Return what ticks of ``period`` s after that at ``now`` (s), the last, will command."""
        assert self._anchor.motion is not None
        return Lookahead(self._anchor.motion, self.queue, now, period)

    def enable(self) -> None:
        """
        Play chunks from the next tick on, which commands the measured position.

        Raises VlaError after an emergency stop.
        """
        if self.estopped:
            raise VlaError('enable: the emergency stop is latched; release it with rearm first')
        if not self._enabled:
            self.hold()
            self.note = ''
        self._enabled = True

    def disable(self) -> None:
        """Brake and hold, and forget what is queued and what was asked for."""
        self._enabled = False
        self._anchor.forget_lag()  # whatever happens to the arm now
        self.hold()

    def estop(self) -> None:
        """Stop and stay stopped: from the next tick on the arm brakes as hard as it may."""
        self.disable()
        self.estopped, self._mode = True, Mode.ESTOP

    def rearm(self) -> None:
        """Release the emergency stop; the arm stays disabled."""
        self.estopped = False
        self._mode = Mode.HOLDING if self._mode is Mode.ESTOP else self._mode

    def retune(self, config: ExecutorConfig) -> None:
        """Go on with the threshold and the blending of ``config``; the rest stays."""
        self._refill.threshold = config.threshold
        self.queue.aggregate = aggregate_function(
            config.aggregate_fn_name, config.temporal_ensemble_coeff
        )

    def hold(self) -> None:
        """
        Brake and hold for now, and forget what is queued and what was asked for.

        Once it stands, the arm goes on from where it is.
        """
        self.queue.clear()
        self._refill.forget()
        self._still_since, self._anchored = None, False
        self._mode = Mode.ESTOP if self.estopped else Mode.HOLDING

    def reset(self, now: float) -> None:
        """Begin anew at ``now`` (s), with an arm that stands and may have been moved by hand."""
        self._restart(now)
        self._anchor.take(None)

    def begin_episode(self, now: float) -> None:
        """
        Begin an episode at ``now`` (s): what was seen before belongs to another one.

        An arm that moves brakes, unless it is found where it can't have moved to: a simulation
        puts it there.
        """
        self._restart(now)
        self._anchor.doubt()

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
        delayed = self._delayed(chunk, now)
        result = self._check(chunk, delayed, now)
        if result is PushResult.ACCEPTED:
            result = self._accept(chunk, delayed, now)
        else:
            self.reject(chunk.sequence)
        return result

    def reject(self, sequence: int) -> None:
        """Count a chunk that is of no use; if it answers the open request, ask again."""
        self.counters.rejected += 1
        self._refill.answered(sequence)

    def tick(self, now: float, measured: np.ndarray, elapsed: float | None = None) -> Tick:
        """
        Return the command for ``now`` (s), given the measured positions (joints,), rad.

        ``elapsed`` are the seconds since the last tick by a clock that is never set; without it
        they are taken from ``now``. Raises VlaError for a measured position, where it is the one
        to begin at, that is no number.
        """
        elapsed = self._elapse(now, elapsed)
        self._anchor.see(measured, elapsed)
        if not (self._enabled and self._anchored):
            moved, motion = self._anchor.brake(elapsed, measured), self._anchor.motion
            if not self._anchor.settle(measured, elapsed):
                return self._tick(elapsed, send=moved)
            if not self._enabled:
                self._mode = Mode.ESTOP if self.estopped else Mode.HOLDING
                stands = motion if moved else self._anchor.motion  # what it was told last
                assert stands is not None
                return Tick(stands.position.copy(), self._mode, None, moved, elapsed)
            self._anchored, elapsed = True, 0.0
        self._anchor.note_lag(measured)
        self._drop_stale(now)
        target = self.queue.sample(now)
        self._change_mode(target is not None)
        self._move(target, elapsed)
        self._note_stillness(now, elapsed)
        return self._tick(elapsed, send=True, request=self._ask(now))

    def stop(self, now: float, elapsed: float | None = None) -> Tick | None:
        """
        Be the tick of an arm whose state is not known: brake, stand, then send nothing.

        Returns None where the arm was never told anything.
        """
        self.hold()
        elapsed = self._elapse(now, elapsed)
        self._anchor.lose_sight(elapsed)
        if self._anchor.motion is None:
            return None
        return self._tick(elapsed, send=self._anchor.brake(elapsed))

    def refuse(self, objection: str, motion: Motion | None) -> None:
        """
        Take note that a command could not be sent: the arm is disabled, and brakes.

        It does so from ``motion``, what it was told last; None: it was told nothing.
        """
        self.disable()
        self._anchor.take(motion)
        self.counters.refused += 1
        self.note = objection

    def _tick(self, elapsed: float, send: bool, request: int | None = None) -> Tick:
        return Tick(self._anchor.position, self._mode, request, send, elapsed)

    def _elapse(self, now: float, elapsed: float | None) -> float:
        """Return the seconds since the last tick, and take note of a clock that stepped back."""
        before, self._last_time = self._last_time, now
        if self._since > now + FAR_FUTURE:  # said by another clock
            self._since = now
        if now < before:
            self._restart(now)
            elapsed = self._period if elapsed is None else elapsed
        if elapsed is None:
            elapsed = now - before if before > float('-inf') else 0.0
        self._period = elapsed or self._period
        return elapsed

    def _restart(self, now: float) -> None:
        """Forget whatever was seen before ``now``."""
        self.hold()
        self._since = now
        self.counters.idle = 0.0
        self._moved = False

    def _check(self, chunk: ActionChunk, delayed: ActionChunk, now: float) -> PushResult:
        if not self._refill.knows(chunk.sequence):
            return PushResult.UNKNOWN
        welcome = self._enabled and self._refill.welcomes(chunk.sequence)
        if not welcome or chunk.start < self._since:
            return PushResult.STALE
        if now - chunk.start > self._config.observation_timeout:
            return PushResult.EXPIRED
        result = self.queue.check(delayed, now)
        return self._check_values(delayed, now) if result is PushResult.ACCEPTED else result

    def _check_values(self, chunk: ActionChunk, now: float) -> PushResult:
        self.objection = find_beyond(self._robot, chunk.lowest, chunk.highest)
        if self.objection:
            return PushResult.BEYOND
        motion = self._anchor.motion
        command = chunk.at(now) if motion is None else motion.position
        self.objection = find_jump(self._robot, chunk, now, command, self._config.jump_time)
        self.counters.jumps += bool(self.objection)
        return PushResult.JUMP if self.objection else PushResult.ACCEPTED

    def _accept(self, chunk: ActionChunk, delayed: ActionChunk, now: float) -> PushResult:
        self.counters.latency = max(0.0, now - chunk.start)
        self._watch.add(chunk, self.counters.latency)
        self._refill.answered(chunk.sequence)
        self.note = self._watch.objection
        if not self._watch.satisfied:
            return PushResult.MEASURED
        self.counters.accepted += 1
        self.counters.margin = self.queue.remaining(now)
        self._observed = chunk.start
        if self._config.mode == 'sync':
            self._refill.forget()  # one chunk for each time that the robot waits
        return self.queue.push(delayed, now)

    def _delayed(self, chunk: ActionChunk, now: float) -> ActionChunk:
        """Return the chunk, delayed by as long as the robot stood still since its observation."""
        if self._still_since is None:
            return chunk
        stood = max(0.0, now - max(chunk.start, self._still_since))
        return replace(chunk, start=chunk.start + stood)

    def _drop_stale(self, now: float) -> None:
        """Empty the queue where the newest observation behind it has become too old."""
        if now - self._observed > self._config.observation_timeout and self.queue.remaining(now):
            self.queue.clear()
            self.counters.stale += 1
            self.note = f'the newest observation is {now - self._observed:.2f} s old'

    def _change_mode(self, playing: bool) -> None:
        if playing:
            self._mode = Mode.RUNNING
        elif self._mode is Mode.RUNNING and self._config.mode == 'async':
            self._mode = Mode.STARVED
            self.counters.starved += 1
        elif self._mode is not Mode.STARVED:
            self._mode = Mode.WAITING

    def _move(self, target: np.ndarray | None, elapsed: float) -> None:
        motion = self._anchor.motion
        assert motion is not None
        if target is None:
            motion.stop(elapsed)
            self.counters.idle += elapsed if self._moved else 0.0
            return
        self._moved = True
        positions = motion.follow(target, elapsed)
        self.counters.limited += bool(np.abs(positions - target).max() > 1e-6)

    def _note_stillness(self, now: float, elapsed: float) -> None:
        """Note since when the robot stands still: the time of the last row, which it holds."""
        if now <= self.queue.end:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = max(self.queue.end, now - min(elapsed, LONGEST_TICK))

    def _ask(self, now: float) -> int | None:
        request = self._refill.ask(now, self.queue.fill(now))
        self.counters.lost = self._refill.lost
        return request

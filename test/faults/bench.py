# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The executor of a real robot in simulated time: an arm that lags, a policy that is slow."""

import math
from dataclasses import replace

import numpy as np
from faults.recording import Recording

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.errors import VlaError
from vla_ros.core.executor import Executor
from vla_ros.core.robot import load_robot
from vla_ros.core.settings import ExecutorConfig
from vla_ros.core.status import Mode

ROBOT = load_robot(find_config('robots', 'so101'))
RATE, FPS, ROWS = 60.0, 30.0, 50
LATENCY = 0.06  # s, of the policy
SWING = 0.4  # rad; how far the policy moves each joint to and fro
TURN = 1.7  # s of a swing
LAG = 0.05  # s, of the arm
FAST = 1.0  # rad/s


class Bench:
    """
    Plays swings of all joints; the test breaks what it likes on the way.

    ``spoil`` changes a chunk before it arrives (None: it is lost), ``latency`` is that of chunks
    asked for from now on, ``felt`` False stops the joint states, ``offset`` is what somebody set
    the clock by, and ``period`` is the time to the next tick.
    """

    def __init__(self, **config):
        self.executor = Executor(ROBOT, ExecutorConfig(**config))
        self.executor.enable()
        self.recording = Recording(ROBOT)
        self.modes, self.results, self.refused = [], [], []
        self.true_time, self.offset = 1000.0, 0.0
        self.latency, self.period = LATENCY, 1 / RATE
        self.felt, self.spoil = True, None
        self.measured = np.zeros(len(ROBOT.joint_names))
        self._command = self.measured
        self._ticked = self.true_time - self.period
        self._pending = []

    @property
    def now(self):
        """Return the time of the clock that can be set, s."""
        return self.true_time + self.offset

    def run(self, seconds):
        """Let that much time pass; return the true time, s."""
        end = self.true_time + seconds - 1e-9
        while self.true_time < end:
            self._arrive()
            self._tick()
            self.true_time += self.period
        return self.true_time

    def run_until(self, mode, timeout=10.0):
        """Run until the executor is in ``mode``; return the true time, s."""
        end = self.true_time + timeout
        while self.executor.mode is not mode:
            assert self.true_time < end, f'not {mode.name} within {timeout} s'
            self.run(self.period)
        return self.true_time

    def moving(self):
        """Run until the arm is well on its way; return the true time, s."""
        self.run_until(Mode.RUNNING)
        self.run(1.0)
        while self.speed < FAST or self.executor.queue.remaining(self.now) < 0.8:
            self.run(self.period)
        return self.true_time

    @property
    def speed(self):
        """Return how fast the fastest joint is told to move, rad/s."""
        before, last = self.recording.commands[-2:]
        return float(np.abs(last.positions - before.positions).max() / self.period)

    def held(self, began):
        """Return the time of the last command since ``began`` (s) that moved the arm, s."""
        return max(self.recording.since(began).motions, default=began)

    def _tick(self):
        executor, elapsed = self.executor, self.true_time - self._ticked
        self._ticked = self.true_time
        if self.felt:
            tick = executor.tick(self.now, self.measured, elapsed)
        else:
            tick = executor.stop(self.now, elapsed)
        if tick is not None and tick.send:
            self._command = tick.positions
            self.recording.add(self.true_time, tick.positions, self.measured)
        follows = 1.0 - math.exp(-self.period / LAG)
        self.measured = self.measured + follows * (self._command - self.measured)
        if tick is not None and tick.request is not None:
            chunk = self.plan(tick.request)
            self._pending.append((self.true_time + self.latency, chunk))
        self.modes.append((self.true_time, executor.mode))

    def _arrive(self):
        due = [chunk for when, chunk in self._pending if when <= self.true_time]
        self._pending = [item for item in self._pending if item[0] > self.true_time]
        for chunk in due:
            self.push(chunk if self.spoil is None else self.spoil(chunk))

    def push(self, chunk):
        """Have a chunk arrive; a function is called as the node does to make the chunk."""
        if chunk is None:
            return
        try:
            chunk = chunk() if callable(chunk) else chunk
            self.results.append(self.executor.push(chunk, self.now))
        except VlaError as error:
            self.refused.append(str(error))
            self.executor.reject(self.executor.last_request)

    def plan(self, sequence):
        """Return the swing from now on, beginning where the arm is."""
        times = self.now + np.arange(ROWS) / FPS
        phase = 2 * np.pi * (times - 1000.0 - self.offset) / TURN
        rows = SWING * np.sin(phase)[:, None] * np.ones(len(ROBOT.joint_names))
        return ActionChunk(rows, self.now, 1 / FPS, sequence, ROBOT.joint_names)


def altered(chunk, values):
    """Return the function that makes ``chunk`` with other values."""
    return lambda: replace(chunk, values=values)

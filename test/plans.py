# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plans that are easy to compute by hand, and executors that play them."""

import numpy as np

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.executor import Executor, ExecutorConfig
from vla_ros.core.robot import RobotSpec

NAMES = ('shoulder', 'gripper')
STEP = 0.1  # s
ROWS = 10  # of a plan, unless told otherwise
HOME = np.array([0.5, -0.5])


def chunk(values, start=0.0, sequence=1, step=STEP, names=NAMES):
    """Return a chunk whose joints all follow ``values`` (steps,)."""
    values = np.asarray(values, float)
    return ActionChunk(
        np.repeat(values[:, None], len(names), axis=1), start, step, sequence, names
    )


def ramp(rows, start=0.0, sequence=1, step=STEP, slope=1.0):
    """Return a chunk whose positions are ``slope`` times the time that they are for."""
    return chunk(slope * (start + step * np.arange(rows)), start, sequence, step)


def robot(velocity=1e6, limit=1e3, acceleration=1e9):
    """Return a robot of two joints that all but never limits anything."""
    joints = np.ones(len(NAMES))
    limits = (-limit * joints, limit * joints, velocity * joints, acceleration * joints)
    return RobotSpec('test', NAMES, *limits)


def make(mode='async', enabled=True, arm=None, **config):
    """Return an executor; ``config`` is that of ExecutorConfig."""
    executor = Executor(arm or robot(), ExecutorConfig(mode=mode, **config))
    if enabled:
        executor.enable()
    return executor


class Bench:
    """An executor, an arm that does what it is told, and a policy that takes its time."""

    def __init__(self, latency, mode='async', rate=100.0, **config):
        self.executor = make(mode, **config)
        self.latency, self.period = latency, 1 / rate
        self.now, self.position = 0.0, np.zeros(2)
        self.commands, self.modes, self.asked = [], [], []
        self.pending = []

    def plan(self, sequence):
        """Return the chunk for the position now: 1 rad/s up from there."""
        return chunk(self.position[0] + STEP * np.arange(ROWS), self.now, sequence)

    def run(self, seconds):
        """Let that much time pass and return the bench."""
        for _ in range(round(seconds / self.period)):
            while self.pending and self.pending[0][0] <= self.now + 1e-9:
                self.executor.push(self.pending.pop(0)[1], self.now)
            tick = self.executor.tick(self.now, self.position)
            self.position = tick.positions
            if tick.request is not None:
                self.asked.append(self.now)
                self.pending.append((self.now + self.latency, self.plan(tick.request)))
            self.commands.append(tick.positions[0])
            self.modes.append(tick.mode)
            self.now += self.period
        return self

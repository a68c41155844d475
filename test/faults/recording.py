# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a robot was commanded, and whether it could follow: the judge of every fault."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vla_ros.core.robot import RobotSpec

LIMIT = 1.001  # of a limit: rounding
STILL = 0.02  # rad/s; slower is standing
PAUSE = 0.5  # s without a command, after which the arm begins anew at its measured position
NEAR = 0.05  # rad between a command and the measured position that it begins at
AT_HOME = 0.02  # rad; a command after a reset that is nearer to the arm is meant for after it
ROUNDING = 1e-6  # rad


class Command(NamedTuple):
    """One command, and where the arm was."""

    time: float  # s, when it was made
    positions: np.ndarray  # (joints,) rad
    measured: np.ndarray | None  # (joints,) rad; None: not known
    sent: float  # s, by the clock of who watches
    felt: float  # s, when the arm was there


class Reset(NamedTuple):
    """When a simulation put the arm elsewhere, and when whoever commands it knew that."""

    time: float  # s, by the clock of the commands
    over: float  # s, by the clock of who watches


class Ratios(NamedTuple):
    """The worst that commands came to, as a share of the limit: 1 is at the limit."""

    velocity: float
    acceleration: float
    beyond: float  # rad beyond the end of a joint

    @property
    def worst(self):
        return max(self.velocity, self.acceleration)


@dataclass
class Recording:
    """
    Commands in the order in which they were made.

    A simulation puts the arm elsewhere at each of its ``resets``, and the arm begins anew there.
    What is commanded meanwhile may still be meant for before, and moves nothing: the simulation
    follows from the first command on that is where the arm is.
    """

    robot: RobotSpec
    commands: list[Command] = field(default_factory=list)
    jitter: float = 0.0  # s between the stamp of a command and the tick that it was made for
    resets: list[Reset] = field(default_factory=list)

    def add(self, time, positions, measured=None, sent=None, felt=None):
        """Note a command; ``sent`` and ``felt`` are ``time`` where they are left out."""
        sent, felt = (time if each is None else each for each in (sent, felt))
        self.commands.append(Command(time, np.array(positions, float), measured, sent, felt))

    def since(self, time):
        """Return the part of the recording from ``time`` (s) on."""
        return self._part(lambda command: command.sent >= time)

    def until(self, time):
        """Return the part of the recording before ``time`` (s)."""
        return self._part(lambda command: command.sent < time)

    def _part(self, belongs):
        commands = [command for command in self.commands if belongs(command)]
        return Recording(self.robot, commands, self.jitter, self.resets)

    @property
    def stretches(self):
        """Return the commands in runs without a pause; an arm may move by hand in a pause."""
        runs, counted = [[]], float('-inf')
        for command in self.commands:
            if self._is_for_before(command, counted):
                continue
            counted = command.time
            if runs[-1] and self._begins_anew(runs[-1][-1].time, command.time):
                runs.append([])
            runs[-1].append(command)
        return [run for run in runs if run]

    def _is_for_before(self, command, counted):
        """Say whether a command may not know of a reset since ``counted``, the last one (s)."""
        at_home = (
            command.measured is not None
            and np.abs(command.positions - command.measured).max() <= AT_HOME
        )
        return any(
            counted < reset.time <= command.time
            and command.sent < reset.over
            and not (at_home and command.felt > reset.time)
            for reset in self.resets
        )

    def _begins_anew(self, before, time):
        """Say whether there is a pause or a reset between two commands (s)."""
        return time - before > PAUSE or any(before < reset.time <= time for reset in self.resets)

    @property
    def motions(self):
        """Return the times at which a command moved the arm (s)."""
        return [
            after.sent
            for run in self.stretches
            for before, after in pairwise(run)
            if speed(before, after) > STILL
        ]

    def ends_at_rest(self):
        """Say whether the last command is one to stand, or for an arm that was put elsewhere."""
        before, last = self.commands[-2:]
        moved = any(before.time <= reset.time for reset in self.resets)
        return moved or speed(before, last) <= STILL

    def ratios(self):
        """Return how near the commands came to the limits of the robot."""
        runs = [Differences(run) for run in self.stretches if len(run) > 1]
        return Ratios(
            max((run.velocity_share(self.robot, self.jitter) for run in runs), default=0.0),
            max((run.acceleration_share(self.robot, self.jitter) for run in runs), default=0.0),
            max((self._beyond(command.positions) for command in self.commands), default=0.0),
        )

    def check(self):
        """Fail where the robot was told what it can't do; return the worst ratio."""
        ratios = self.ratios()
        assert ratios.beyond <= ROUNDING, ratios
        assert ratios.worst <= LIMIT, f'{ratios}; {self.show_worst()}'
        assert not self.jumps(), f'begins away from where the arm is: {self.jumps()}'
        return ratios.worst

    def show_worst(self):
        """Return the commands around the worst acceleration: when, and how fast the joint."""
        runs = [Differences(run) for run in self.stretches if len(run) > 2]
        shares = [run.acceleration_shares(self.robot, self.jitter) for run in runs]
        worst = max(range(len(runs)), key=lambda i: shares[i].max())
        at, joint = np.unravel_index(shares[worst].argmax(), shares[worst].shape)
        return '\n'.join(runs[worst].lines(max(at - 6, 0), at + 8, joint))

    def _beyond(self, positions):
        robot = self.robot
        return float(np.maximum(positions - robot.upper, robot.lower - positions).max())

    def jumps(self):
        """Return the starts after a pause that are not where the arm was measured to be."""
        found = []
        for before, after in pairwise(self.stretches):
            first, last = after[0], before[-1]
            if first.measured is not None:
                off = np.abs(first.positions - first.measured)
                went_on = np.abs(first.positions - last.positions)
                step = np.minimum(off, went_on).max()
                found += [(step, last, first)] if step > NEAR else []
        return found


def speed(before, after):
    """Return the velocity of the fastest joint from one command to the next, rad/s."""
    elapsed = after.time - before.time
    step = np.abs(after.positions - before.positions).max()
    return float(step / elapsed) if elapsed > 0 else float('inf') if step > ROUNDING else 0.0


class Differences:
    """Velocities and accelerations of commands that follow one another."""

    def __init__(self, run):
        self._run = run
        self.steps = np.abs(np.diff([command.positions for command in run], axis=0))
        self.elapsed = np.maximum(np.diff([command.time for command in run]), 1e-6)[:, None]
        signed = np.diff([command.positions for command in run], axis=0)
        self.velocities = signed / self.elapsed

    def velocity_share(self, robot, jitter):
        """Return the largest share of the velocity limits."""
        return float((self.steps / (robot.velocity * (self.elapsed + jitter))).max(initial=0.0))

    def acceleration_share(self, robot, jitter):
        """Return the largest share of the acceleration limits."""
        return float(self.acceleration_shares(robot, jitter).max(initial=0.0))

    def acceleration_shares(self, robot, jitter):
        """Return the shares of the acceleration limits, (commands - 2, joints)."""
        change = np.abs(np.diff(self.velocities, axis=0))
        unsure = jitter * np.abs(self.velocities) / self.elapsed
        return change / (robot.acceleration * self.elapsed[1:] + unsure[1:] + unsure[:-1])

    def lines(self, first, end, joint):
        """Return in words how fast a joint was told to move, step by step."""
        steps = zip(self._run[1:], self.elapsed[:, 0], self.velocities[:, joint], strict=True)
        return [
            f'joint {joint} at {command.time:.4f} (came at {command.sent:.4f}): '
            f'{velocity:.3f} rad/s for {1e3 * elapsed:.1f} ms'
            for command, elapsed, velocity in list(steps)[first:end]
        ]

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The last thing that happens to a command: it is brought within what the robot can do."""

import numpy as np

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.robot import RobotSpec
from vla_ros.core.workspace import TOO_FAST, workspace_of

LONGEST_TICK = 0.1  # s; after a longer one a command goes no further than this
PAUSE = 0.5  # s without a command, in which an arm has come to rest where it was told to be
SHORTEST_TICK = 1e-6  # s; a velocity over less than this is noise
PLAY = 1e-3  # rad or m; a joint that rests against its end is measured by so much beyond it
GROSS = 3.0  # a chunk with a step of more than this many times what a joint can do is broken
BEYOND = (
    1.0  # rad or m, or its whole range: a joint can't be, nor be wanted, further beyond an end
)
ROUNDING = 1e-9  # rad or m
AT_ITS_END = 'a joint is about to reach its end'
SLIDING = 0.5  # of a velocity; an arm that is faster is braked before it goes along an obstacle
HALVINGS = 5  # until as much of a step is found as the workspace allows
FAR = 1e10  # rad; how far a joint without ends is led, for a float64 still knows 2 urad there


class Motion:
    """
    Leads a robot from where it is to one target after another.

    Position, velocity and acceleration stay within the limits at once, whatever the targets and
    the times between them: each command leaves room to brake before the end of the joint, and so
    the arm can be stopped smoothly at any time. Velocity is that between two commands, and it
    changes by no more than the acceleration times the time between them. An arm that was found
    beyond a limit comes back, at once where that is by less than PLAY. Where the limits leave
    the targets alone, so does this. A joint without ends turns as far as it is told to.

    After a PAUSE it goes on from rest, and the first command moves nothing: the arm has reached
    the last one meanwhile, and would be sent off with a jump. Ticks that are all that slow are
    none.

    Where the robot's file describes a workspace, every command leaves room to stop in it too: the
    joints then brake all at once, on the way that was looked at. As much of a step is taken as
    that allows, and a joint that may not go on keeps no other from it.
    """

    def __init__(
        self, robot: RobotSpec, measured: np.ndarray, velocity: np.ndarray | None = None
    ) -> None:
        """Begin at the measured positions (joints,) rad, at rest unless ``velocity`` is given."""
        self._robot = robot
        self._workspace = workspace_of(robot)
        self.denied = ''  # why the last command is less than the limits of the joints allow
        inside = np.clip(measured, robot.lower, robot.upper)
        near = np.abs(measured - inside) < PLAY
        self.position = np.where(near, inside, measured).astype(np.float64)
        self.velocity = np.zeros(len(measured)) if velocity is None else velocity.copy()
        self._target = self.position
        self._slow = False  # whether the last tick was longer than a PAUSE
        self._sides = np.array([[1.0], [-1.0]])
        self._lower = np.maximum(robot.lower, -FAR)
        self._upper = np.minimum(robot.upper, FAR)
        self._ends = np.stack([self._upper, -self._lower])

    @property
    def moving(self) -> bool:
        """Whether the last command was another one than that before."""
        return bool(self.velocity.any())

    @property
    def rest(self) -> np.ndarray:
        """Return where the joints come to rest, (joints,) rad, that brake from now on."""
        way = self.velocity * np.abs(self.velocity) / (2.0 * self._robot.acceleration)
        resting: np.ndarray = self.position + way
        return resting

    def follow(self, target: np.ndarray, elapsed: float) -> np.ndarray:
        """
        Return the command (joints,) that is nearest to ``target`` after ``elapsed`` seconds.

        A target that runs ahead of the limits is caught up with, without running past it: the
        velocity is that of the target and as much as can be braked within the distance to it.
        """
        if elapsed < SHORTEST_TICK or self._has_paused(elapsed):
            return self.position
        target = np.minimum(np.maximum(target, self._lower), self._upper)
        behind = self._target - self.position
        velocity = (target - self._target) / elapsed
        if behind.any():
            velocity += np.copysign(self._brakeable(np.abs(behind), elapsed), behind)
        self._target = target
        room = np.maximum(self._ends - self._sides * self.position, 0.0)  # up, and down
        fastest = self._robot.velocity * min(1.0, LONGEST_TICK / elapsed)
        up, down = np.minimum(self._brakeable(room, elapsed), fastest)
        return self._move(np.minimum(np.maximum(velocity, -down), up), elapsed)

    def stop(self, elapsed: float) -> np.ndarray:
        """Return the command (joints,) after ``elapsed`` seconds of braking; it ends at rest."""
        if elapsed < SHORTEST_TICK or self._has_paused(elapsed):
            return self.position
        velocity = np.zeros(len(self.position))
        if self._workspace is not None:
            velocity = self._braked(elapsed)
        self._target = self._go(self._reachable(velocity, elapsed), elapsed)
        return self._target

    def _has_paused(self, elapsed: float) -> bool:
        """Say whether the commands paused for ``elapsed`` s; the arm is at rest then."""
        paused, self._slow = elapsed > PAUSE and not self._slow, elapsed > PAUSE
        if paused:
            self.velocity, self._target = np.zeros(len(self.position)), self.position
        return paused

    def braking_time(self, velocity: np.ndarray) -> float:
        """Return the seconds in which all joints come to rest from ``velocity`` (joints,)."""
        return float((np.abs(velocity) / self._robot.acceleration).max())

    def _braked(self, elapsed: float) -> np.ndarray:
        """Return the velocity (joints,) after braking for ``elapsed`` s, all joints at once."""
        time = self.braking_time(self.velocity)
        return self.velocity * (1.0 - min(elapsed / time, 1.0)) if time else self.velocity

    def _brakeable(self, distance: np.ndarray, elapsed: float) -> np.ndarray:
        """
        Return the velocity with which a joint goes on for ``elapsed`` and then stops in time.

        It solves v * elapsed + v^2 / (2 a) = distance; braking in steps takes no longer than
        braking evenly, whatever the steps.
        """
        return (
            2.0
            * distance
            / (elapsed + np.sqrt(elapsed * elapsed + 2.0 * distance / self._robot.acceleration))
        )

    def _move(self, velocity: np.ndarray, elapsed: float) -> np.ndarray:
        """Take the nearest velocity that the acceleration and the workspace allow."""
        velocity = self._reachable(velocity, elapsed)
        if self._workspace is not None:
            velocity = self._within_workspace(velocity, elapsed)
        return self._go(velocity, elapsed)

    def _reachable(self, velocity: np.ndarray, elapsed: float) -> np.ndarray:
        """Return the nearest velocity that the acceleration allows."""
        change = self._robot.acceleration * elapsed
        return np.minimum(np.maximum(velocity, self.velocity - change), self.velocity + change)

    def _go(self, velocity: np.ndarray, elapsed: float) -> np.ndarray:
        self.position = self.position + velocity * elapsed
        self.velocity = velocity
        return self.position

    def _within_workspace(self, wanted: np.ndarray, elapsed: float) -> np.ndarray:
        """
        Return as much of the wanted velocity as the rules allow.

        That is a part of the way from a brake to it, and then, where an obstacle is in the way,
        what each joint may do besides: one that pushes against the table keeps no gripper from
        closing.
        """
        objection = self._objection(wanted, elapsed)
        self.denied = objection if objection != AT_ITS_END else ''  # that is no rule of a place
        if not objection:
            return wanted
        allowed = self._part_of_way(wanted, elapsed)
        fast = (np.abs(allowed) > SLIDING * self._robot.velocity).any()
        if fast or objection == AT_ITS_END or objection.startswith(TOO_FAST):
            return allowed
        for joint in np.flatnonzero(allowed != wanted):
            velocity = allowed.copy()
            velocity[joint] = wanted[joint]
            if not self._objection(velocity, elapsed):
                allowed = velocity
        return allowed

    def _part_of_way(self, wanted: np.ndarray, elapsed: float) -> np.ndarray:
        """Return as much of the way from a brake to the wanted velocity as the rules allow."""
        allowed = braked = self._braked(elapsed)
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            share = (low + high) / 2.0
            velocity = braked + share * (wanted - braked)
            if self._objection(velocity, elapsed):
                high = share
            else:
                low, allowed = share, velocity
        return allowed

    def _objection(self, velocity: np.ndarray, elapsed: float) -> str:
        """Return why the arm could not stop in time if it went on like this; '' if it could."""
        assert self._workspace is not None
        braking = self.braking_time(velocity)
        end = self.position + velocity * (elapsed + braking / 2.0)
        upper = np.maximum(self._upper, self.position) + ROUNDING
        lower = np.minimum(self._lower, self.position) - ROUNDING
        if (end > upper).any() or (end < lower).any():
            return AT_ITS_END
        return self._workspace.objection_to_motion(self.position, velocity, elapsed, braking)


def find_jump(
    robot: RobotSpec, chunk: ActionChunk, now: float, command: np.ndarray, within: float
) -> str:
    """
    Return what makes a chunk a jump, seen from ``command`` (joints,) at ``now`` (s); '' if none.

    It is one where a joint could not get to the first row that is not late within ``within``
    seconds, or where a step between two rows is GROSS times what the joint can do. With an
    infinite time to get there nothing is one.
    """
    if within == np.inf:
        return ''
    distance = np.abs(chunk.at(float(now)) - command) / robot.velocity
    joint = int(distance.argmax())
    if distance[joint] > within:
        return (
            f'{robot.joint_names[joint]} is {distance[joint]:.2f} s away at its full velocity, '
            f'expected at most {within:.2f} s'
        )
    pace = chunk.largest_step / (robot.velocity * chunk.step)
    joint = int(pace.argmax())
    if pace[joint] > GROSS:
        return (
            f'{robot.joint_names[joint]} moves {pace[joint]:.1f} times as fast as it can, '
            f'expected at most {GROSS:.1f} times'
        )
    return ''


def find_beyond(robot: RobotSpec, lowest: np.ndarray, highest: np.ndarray) -> str:
    """
    Return which joint is BEYOND its ends, '' if none is.

    ``lowest`` and ``highest`` (joints,) are the positions that are reached. Such numbers are not
    those of this robot: degrees, percent, or another order of the joints.
    """
    beyond = np.maximum(robot.lower - lowest, highest - robot.upper)
    allowed = np.minimum(BEYOND, robot.upper - robot.lower)
    joint = int((beyond - allowed).argmax())
    if not beyond[joint] > allowed[joint]:
        return ''
    low, unit = beyond[joint] == robot.lower[joint] - lowest[joint], robot.units[joint]
    return (
        f'{robot.joint_names[joint]} at {(lowest if low else highest)[joint]:.4g}, expected '
        f'{robot.lower[joint]:.4g} to {robot.upper[joint]:.4g} {unit}'
    )

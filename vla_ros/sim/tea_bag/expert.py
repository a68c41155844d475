# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Scripted expert of the tea-bag task: it sees the true pose of the bag, and tries again.

    raise -> reach -> descend -> close -> lift -> transfer -> lower -> release -> retreat
    -> home

Whatever goes wrong is seen at the end of a phase and answered with a new attempt. An expert that
starts in the middle of somebody else's attempt goes on with the phase that it finds, and only
begins anew where that could not succeed.
"""

import numpy as np

from vla_ros.sim.motion import Segment
from vla_ros.sim.robots.so101 import HOME, inverse
from vla_ros.sim.tea_bag.env import CLOSED, OPEN, TeaBagEnv
from vla_ros.sim.tea_bag.grasp import Grasp, GraspPlanner

PHASES = (
    'reach',
    'descend',
    'close',
    'lift',
    'transfer',
    'lower',
    'release',
    'retreat',
    'home',
    'raise',
)

_TRAVEL_HEIGHT = 0.150  # m, of the grasp site on the way to the goal
_APPROACH = 0.075  # m, above the grasp
_RAISED = 0.09  # m, of the grasp site before it travels
_TRAVEL_PITCH = np.radians(55)
_RELEASED = 0.45  # rad, gripper
_MOVED = 0.008  # m, that the bag may shift before a grasp is planned again
_MAX_RETRIES, _MAX_REPLANS = 4, 6
_CLOSING_SPEED, _CLOSING_TIME = 0.05, 0.8  # rad/s, below which the jaw has closed; s, at most

# What an attempt that is taken over must be like to be gone on with.
_LOW = 0.03  # m above the grasp: the fingers are beside the bag, and may be off by
_BESIDE, _ASKEW = 0.010, np.radians(15)  # m, rad
_NEAR, _DEEP = 0.020, 0.015  # m beside and above the grasp, where a jaw that closes goes on
_SHUT = -0.1  # rad, of a jaw that holds nothing
_DOWN = 0.005  # m above the grasp, from where on an open one is closed
_OVER, _TURNED = 0.025, np.radians(25)  # of a hand above it: mended on the way down
_CHOSEN = 0.10  # m from the bag, where a hand has chosen a side of it
_AT_GOAL = 0.015  # m
_SHORTEST = 0.3  # s, of a phase that is gone on with


class Expert:
    """Produces one joint target per control tick, closed loop on the true state."""

    def __init__(self, env: TeaBagEnv, rng: np.random.Generator) -> None:
        """Start wherever arm and bag are; ``rng`` makes the small differences."""
        self.retries = 0
        self.done = False
        self.failure = ''
        self.miss: np.ndarray | None = None  # (2,) m, error of the first grasp: sideways, up
        self._env = env
        self._rng = rng
        self._planner = GraspPlanner(env)
        self._speed = rng.uniform(0.95, 1.05)
        self._tick = self._closing = self._replans = 0
        self._grasp: Grasp  # once there is something to grasp
        self._centre: np.ndarray = np.zeros(2)
        self._aim: np.ndarray = np.zeros(2)
        self._bag: np.ndarray = np.zeros(2)
        self._above: np.ndarray | None = None
        self._goal = env.goal
        self.restart()

    def restart(self) -> None:
        """Begin anew from where the arm and the bag are now, with the goal that is asked for."""
        self.phase, self._goal = '', self._env.goal
        self._target: np.ndarray = self._env.data.ctrl.copy()
        self._arrival: np.ndarray | None = None  # (6,) rad/s, of an arm that is taken over
        self._roll: float | None = None  # rad, of a hand that has chosen a side of the bag
        self._segment: Segment | None = None

    def take_over(self, speed: np.ndarray) -> None:
        """Go on from an arm whose targets moved at ``speed`` (6,), rad/s, without a jolt."""
        self.restart()
        self._arrival = np.array([*speed[:5], 0.0])
        if np.linalg.norm(self._site - self._env.bag_position) < _CHOSEN:
            self._roll = float(self._env.positions[4])

    @property
    def progress(self) -> float:
        """Return the done part of the present phase, 0 to 1."""
        return self._tick / self._segment.ticks if self._segment else 0.0

    def act(self) -> np.ndarray:
        """Return the joint target (6,), rad, for this tick; a new goal is a new beginning."""
        if self._env.goal is not self._goal:
            self.restart()
        if self._segment is None:
            self._next()
        if self._segment is None:
            return self._target.copy()
        self._tick += 1
        self._target = self._segment.at(self._tick, self._env.rate)
        if self._tick >= self._segment.ticks:
            self._segment = None
        return self._target.copy()

    def _next(self) -> None:
        """Choose the next segment from the phase that has just ended."""
        getattr(self, f'_after_{self.phase}' if self.phase else '_begin')()

    def _begin(self) -> None:
        """Go on with what was begun."""
        if self._env.bag_at_goal:
            self._go_on_leaving()
        elif self._env.grasped:
            self._go_on_carrying()
        elif self._falling:
            self._release()
        else:
            self._go_on_grasping()

    def _go_on_leaving(self) -> None:
        self._aim = self._site[:2]
        away = np.linalg.norm(self._aim - self._env.goal_position)
        if self._env.grasped:
            self._after_lower()
        elif away < 0.06 and self._site[2] < _TRAVEL_HEIGHT - 0.02:
            self._after_release()
        else:
            self._go_home()

    def _go_on_carrying(self) -> None:
        self._take_as_it_is()
        height = self._site[2]
        away = np.linalg.norm(self._env.bag_position[:2] - self._env.goal_position)
        release = self._goal.place.release_height
        if away < _AT_GOAL and height > release - 0.01:
            part = (height - release) / (_TRAVEL_HEIGHT - release)
            self._after_transfer(part) if part > 0.1 else self._after_lower()
        elif height > _TRAVEL_HEIGHT - 0.02:
            self._after_lift()
        else:
            self._after_close((_TRAVEL_HEIGHT - height) / _TRAVEL_HEIGHT)

    def _take_as_it_is(self) -> None:
        """Make the grasp that the hand is at the expert's own."""
        self._centre = self._site[:2]
        self._grasp = Grasp(0.0, self._target[4], self._pitch, self._centre, self._site[2])

    def _go_on_grasping(self) -> None:
        grasp = self._planner.plan(self._roll)
        if grasp is None:
            return self._fail('the bag is out of reach')
        height = self._site[2] - grasp.height
        away = np.linalg.norm(self._site[:2] - grasp.centre)
        turn = abs(self._env.positions[4] - grasp.roll)
        closed = self._target[5] < OPEN - 0.1
        if closed and self._env.positions[5] > _SHUT and away < _NEAR and height < _DEEP:
            self._take_as_it_is()  # nobody sees yet what a jaw that is half closed will hold
            self._close()
        elif height < _LOW and (closed or away > _BESIDE or turn > _ASKEW):
            self._raise()
        elif height < _APPROACH + 0.01 and away < _OVER and turn < _TURNED:
            self._plan_for(grasp)
            self._descend(height) if height > _DOWN else self._close()
        elif self._site[2] < _RAISED - 0.003:
            self._raise()
        else:
            self._reach()

    def _reach(self) -> None:
        grasp = self._planner.plan(self._roll)
        if grasp is None or self._env.bag_position[2] > 0.06:
            return self._fail('the bag is out of reach')
        self._plan_for(grasp)
        if self._above is None:
            return self._fail('the grasp is out of reach')
        distance = np.max(np.abs(self._above[:5] - self._target[:5]))
        self._go('reach', [self._above], max(self._at_least(0.9), distance / 1.3))

    def _plan_for(self, grasp: Grasp) -> None:
        error = self._rng.normal(0, 0.0015, 2)
        if self.miss is not None and self.retries == 0:
            sideways = _perpendicular(grasp.centre - self._env.bag_position[:2])
            error = error + self.miss[0] * sideways
            grasp = grasp._replace(height=grasp.height + self.miss[1])
        self._grasp, self._centre = grasp, grasp.centre + error
        self._bag = self._env.bag_position[:2]
        self._above = self._joints(
            self._centre, grasp.height + _APPROACH, grasp.pitch, grasp.roll, OPEN
        )

    def _after_reach(self) -> None:
        if not self._bag_moved:
            return self._descend(_APPROACH)
        self._replans += 1
        if self._replans < _MAX_REPLANS:
            self._reach()
        else:
            self._go_home()

    def _descend(self, height: float) -> None:
        """Go down to the grasp from ``height`` above it, m."""
        grasp = self._grasp
        self._go(
            'descend',
            self._vertical(
                self._centre,
                grasp.height + height,
                grasp.height,
                (grasp.pitch, grasp.pitch),
                grasp.roll,
                OPEN,
            ),
            max(_SHORTEST, 0.9 * height / _APPROACH),
        )

    def _after_raise(self) -> None:
        self._reach()

    def _after_descend(self) -> None:
        if self._bag_moved:
            self._replans += 1
            self._go('raise', [self._above], 0.6)
        else:
            self._close()

    def _close(self) -> None:
        distance = (self._target[5] - CLOSED) / (OPEN - CLOSED)
        self._go('close', [_with_gripper(self._target, CLOSED)], max(0.1, 0.7 * distance))

    def _after_close(self, part: float = 1.0) -> None:
        closing = abs(self._env.data.qvel[5]) > _CLOSING_SPEED
        if closing and self._closing < int(_CLOSING_TIME * self._env.rate):
            self._closing += 1
            return self._go('close', [self._target.copy()], 1 / self._env.rate)
        self._closing = 0
        grasp = self._grasp
        self._go(
            'lift',
            self._vertical(
                self._centre,
                min(grasp.height, _TRAVEL_HEIGHT - 0.01),
                _TRAVEL_HEIGHT,
                (grasp.pitch, _TRAVEL_PITCH),
                grasp.roll,
                CLOSED,
            ),
            max(_SHORTEST, 1.1 * part),
        )

    def _after_lift(self) -> None:
        if self._lost():
            return
        aim = self._env.goal_position + self._rng.normal(0, 0.002, 2)
        over = self._joints(aim, _TRAVEL_HEIGHT, _TRAVEL_PITCH, self._grasp.roll, CLOSED)
        if over is None:
            return self._fail(f'the {self._goal.place.name} is out of reach')
        distance = np.max(np.abs(over[:5] - self._target[:5]))
        self._go('transfer', [over], max(self._at_least(1.0), distance / 1.2))

    def _after_transfer(self, part: float = 1.0) -> None:
        if self._lost():
            return
        hanging = self._site[:2] - self._env.bag_position[:2]
        self._aim = self._env.goal_position + np.clip(hanging, -0.02, 0.02)
        release = self._goal.place.release_height
        self._go(
            'lower',
            self._vertical(
                self._aim,
                release + (_TRAVEL_HEIGHT - release) * part,
                release,
                (_TRAVEL_PITCH, self._goal.place.release_pitch),
                self._grasp.roll,
                CLOSED,
            ),
            max(_SHORTEST, 0.6 * part),
        )

    def _after_lower(self) -> None:
        if self._env.bag_at_goal or not self._lost():
            self._release()

    def _release(self) -> None:
        self._aim = self._site[:2]
        self._go('release', [_with_gripper(self._target, _RELEASED)], 0.5)

    def _after_release(self) -> None:
        up = self._joints(self._aim, 0.165, np.radians(50), self._target[4], _RELEASED)
        self._go('retreat', [up], 0.6)

    def _after_retreat(self) -> None:
        if self._env.bag_at_goal:
            self._go_home()
        elif self._may_retry():
            self._reach()

    def _after_home(self) -> None:
        self.done = True

    def _lost(self) -> bool:
        """Whether the bag slipped away; then raise the hand for another attempt."""
        if self._env.grasped or self._env.bag_at_goal:
            return False
        if self._may_retry():
            self._raise()
        return True

    def _may_retry(self) -> bool:
        self.retries += 1
        if self.retries > _MAX_RETRIES:
            self._fail(f'gave up after {_MAX_RETRIES} retries')
        return not self.done

    def _raise(self) -> None:
        height = self._site[2]
        pitch = _TRAVEL_PITCH if height > 0.1 else np.radians(80)
        up = self._joints(self._site[:2], max(height, _RAISED), pitch, self._target[4], OPEN)
        duration = self._at_least(0.5, 0.1 + 10 * (_RAISED - height))
        self._go('raise', [_with_gripper(self._target, OPEN) if up is None else up], duration)

    def _go_home(self) -> None:
        self._go('home', [HOME], 1.2)

    def _go(self, phase: str, waypoints: list[np.ndarray | None], duration: float) -> None:
        if any(joints is None for joints in waypoints):
            return self._fail(f'{phase} is out of reach')
        ticks = max(2, int(duration * self._env.rate / self._speed))
        self.phase, self._tick = phase, 0
        arrival = np.zeros(6) if self._arrival is None else self._arrival
        self._segment = Segment(np.array([self._target, *waypoints]), ticks, arrival)
        self._arrival = None

    def _at_least(self, duration: float, shortest: float = _SHORTEST) -> float:
        """Return the shortest duration (s) of a phase, which may be one that is gone on with."""
        return duration if self._arrival is None else min(duration, max(0.1, shortest))

    def _fail(self, reason: str) -> None:
        self.done, self.failure, self._segment = True, reason, None

    def _vertical(
        self,
        centre: np.ndarray,
        start: float,
        end: float,
        pitch: tuple[float, float],
        roll: float,
        gripper: float,
    ) -> list[np.ndarray | None]:
        return [
            self._joints(
                centre,
                start + (end - start) * part,
                pitch[0] + (pitch[1] - pitch[0]) * part,
                roll,
                gripper,
            )
            for part in np.arange(1, 13) / 12
        ]

    @staticmethod
    def _joints(
        centre: np.ndarray, height: float, pitch: float, roll: float, gripper: float
    ) -> np.ndarray | None:
        reach = inverse(np.array([*centre, height]), pitch, roll, gripper)
        return None if reach is None else reach.joints

    @property
    def _bag_moved(self) -> bool:
        return bool(np.linalg.norm(self._env.bag_position[:2] - self._bag) > _MOVED)

    @property
    def _falling(self) -> bool:
        """Whether the bag was let go over its goal."""
        place, bag = self._goal.place, self._env.bag_position
        away = np.linalg.norm(bag[:2] - self._env.goal_position)
        return bool(away < place.radius and bag[2] >= place.height)

    @property
    def _site(self) -> np.ndarray:
        return self._env.data.site('grasp').xpos.copy()

    @property
    def _pitch(self) -> float:
        """Return the hand's pitch: the sum of the three joints in the arm's plane, rad."""
        return float(np.clip(self._target[1:4].sum(), np.radians(25), np.radians(90)))


def _with_gripper(joints: np.ndarray, gripper: float) -> np.ndarray:
    return np.array([*joints[:5], gripper])


def _perpendicular(vector: np.ndarray) -> np.ndarray:
    return np.array([-vector[1], vector[0]]) / (np.linalg.norm(vector) + 1e-9)

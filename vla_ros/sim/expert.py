# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Scripted expert of the tea-bag task: it sees the true pose of the bag, and tries again.

    raise -> reach -> descend -> close -> lift -> transfer -> lower -> release -> retreat
    -> home

Whatever goes wrong is seen at the end of a phase and answered with a new attempt, so the expert
also finishes what a perturbation or another policy has begun.
"""

from typing import NamedTuple

import numpy as np

from vla_ros.sim.env import TeaBagEnv
from vla_ros.sim.grasp import CLOSED, OPEN, Grasp, GraspPlanner
from vla_ros.sim.kinematics import HOME, inverse

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
_TRAVEL_PITCH = np.radians(55)
_RELEASED = 0.45  # rad, gripper
_MOVED = 0.008  # m, that the bag may shift before a grasp is planned again
_MAX_RETRIES, _MAX_REPLANS = 4, 6
_CLOSING_SPEED = 0.05  # rad/s, below which the jaw has closed
_CLOSING_TIME = 0.8  # s


class _Segment(NamedTuple):
    waypoints: np.ndarray  # (n, 6) rad, the first is where the arm was
    ticks: int


class Expert:
    """Produces one joint target per control tick, closed loop on the true state."""

    def __init__(self, env: TeaBagEnv, rng: np.random.Generator) -> None:
        """Start wherever the arm and the bag are; ``rng`` makes the small differences."""
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
        self._segment: _Segment | None = None

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
        waypoints, ticks = self._segment
        position = minimum_jerk(self._tick / ticks) * (len(waypoints) - 1)
        low = min(int(position), len(waypoints) - 2)
        self._target = waypoints[low] + (waypoints[low + 1] - waypoints[low]) * (position - low)
        if self._tick >= ticks:
            self._segment = None
        return self._target.copy()

    def _next(self) -> None:
        """Choose the next segment from the phase that has just ended."""
        getattr(self, f'_after_{self.phase}' if self.phase else '_begin')()

    def _begin(self) -> None:
        env = self._env
        if env.bag_at_goal:
            self._after_lower() if env.grasped else self._go_home()
        elif env.grasped:
            self._centre = self._site[:2]
            self._grasp = Grasp(0.0, self._target[4], self._pitch, self._centre, self._site[2])
            self._after_close()
        elif self._site[2] < 0.09:
            self._raise()
        else:
            self._reach()

    def _reach(self) -> None:
        grasp = self._planner.plan()
        if grasp is None or self._env.bag_position[2] > 0.06:
            return self._fail('the bag is out of reach')
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
        if self._above is None:
            return self._fail('the grasp is out of reach')
        distance = np.max(np.abs(self._above[:5] - self._target[:5]))
        self._go('reach', [self._above], max(0.9, distance / 1.3))

    def _after_reach(self) -> None:
        if not self._bag_moved:
            grasp = self._grasp
            return self._go(
                'descend',
                self._vertical(
                    self._centre,
                    grasp.height + _APPROACH,
                    grasp.height,
                    (grasp.pitch, grasp.pitch),
                    grasp.roll,
                    OPEN,
                ),
                0.9,
            )
        self._replans += 1
        if self._replans < _MAX_REPLANS:
            self._reach()
        else:
            self._go_home()

    def _after_raise(self) -> None:
        self._reach()

    def _after_descend(self) -> None:
        if self._bag_moved:
            self._replans += 1
            self._go('raise', [self._above], 0.6)
        else:
            self._go('close', [_with_gripper(self._target, CLOSED)], 0.7)

    def _after_close(self) -> None:
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
            1.1,
        )

    def _after_lift(self) -> None:
        if self._lost():
            return
        aim = self._env.goal_position + self._rng.normal(0, 0.002, 2)
        over = self._joints(aim, _TRAVEL_HEIGHT, _TRAVEL_PITCH, self._grasp.roll, CLOSED)
        if over is None:
            return self._fail(f'the {self._goal.place.name} is out of reach')
        distance = np.max(np.abs(over[:5] - self._target[:5]))
        self._go('transfer', [over], max(1.0, distance / 1.2))

    def _after_transfer(self) -> None:
        if self._lost():
            return
        hanging = self._site[:2] - self._env.bag_position[:2]
        self._aim = self._env.goal_position + np.clip(hanging, -0.02, 0.02)
        self._go(
            'lower',
            self._vertical(
                self._aim,
                _TRAVEL_HEIGHT,
                self._goal.place.release_height,
                (_TRAVEL_PITCH, self._goal.place.release_pitch),
                self._grasp.roll,
                CLOSED,
            ),
            0.6,
        )

    def _after_lower(self) -> None:
        if self._env.bag_at_goal or not self._lost():
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
        up = self._joints(self._site[:2], max(height, 0.09), pitch, self._target[4], OPEN)
        self._go('raise', [_with_gripper(self._target, OPEN) if up is None else up], 0.5)

    def _go_home(self) -> None:
        self._go('home', [HOME], 1.2)

    def _go(self, phase: str, waypoints: list[np.ndarray | None], duration: float) -> None:
        if any(joints is None for joints in waypoints):
            return self._fail(f'{phase} is out of reach')
        ticks = max(2, int(duration * self._env.rate / self._speed))
        self.phase, self._tick = phase, 0
        self._segment = _Segment(np.array([self._target, *waypoints]), ticks)

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
    def _site(self) -> np.ndarray:
        return self._env.data.site('grasp').xpos.copy()

    @property
    def _pitch(self) -> float:
        """Return the hand's pitch: the sum of the three joints in the arm's plane, rad."""
        return float(np.clip(self._target[1:4].sum(), np.radians(25), np.radians(90)))


def minimum_jerk(part: float) -> float:
    """Return the travelled part (0 to 1) of a minimum-jerk motion (Flash and Hogan, 1985)."""
    part = min(1.0, part)
    return part**3 * (10 - 15 * part + 6 * part**2)


def _with_gripper(joints: np.ndarray, gripper: float) -> np.ndarray:
    return np.array([*joints[:5], gripper])


def _perpendicular(vector: np.ndarray) -> np.ndarray:
    return np.array([-vector[1], vector[0]]) / (np.linalg.norm(vector) + 1e-9)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What makes an episode a recovery episode: something goes wrong, and the expert mends it.

Only the world is disturbed, never the recorded actions, which stay the expert's own.
"""

from abc import ABC, abstractmethod

import mujoco
import numpy as np

from vla_ros.sim.robots.so101 import HOME, JOINT_NAMES, Reach, inverse
from vla_ros.sim.tea_bag.env import OPEN, TeaBagEnv, direction
from vla_ros.sim.tea_bag.expert import Expert


class Perturbation(ABC):
    """One disturbance of one episode; ``tick`` is called before each control step."""

    needs_retry = True  # whether an expert that never had to try again was not disturbed

    def __init__(self, env: TeaBagEnv, expert: Expert, rng: np.random.Generator) -> None:
        """Prepare; may already change the world or the expert's plan."""
        self.fired = False
        self.env, self.expert, self.rng = env, expert, rng

    @abstractmethod
    def tick(self) -> None:
        """Disturb the world if it is time."""


class Miss(Perturbation):
    """The first grasp goes beside or above the bag."""

    def __init__(self, env: TeaBagEnv, expert: Expert, rng: np.random.Generator) -> None:
        """Choose beside or above, and by how much."""
        super().__init__(env, expert, rng)
        sideways = rng.uniform(0.031, 0.038) * rng.choice([-1, 1])
        expert.miss = np.array([0.0, 0.022] if rng.random() < 0.5 else [sideways, 0.0])

    def tick(self) -> None:
        """Note that the expert has gone for the wrong place."""
        self.fired = self.fired or self.expert.phase == 'descend'


class Drop(Perturbation):
    """The fingers turn slippery for a moment on the way to the goal."""

    _TICKS = 8

    def __init__(self, env: TeaBagEnv, expert: Expert, rng: np.random.Generator) -> None:
        """Choose when."""
        super().__init__(env, expert, rng)
        self._when = rng.uniform(0.12, 0.68)
        self._pads = [env.model.geom(name).id for name in ('pad_fixed', 'pad_moving')]
        self._friction = env.model.geom_friction[self._pads].copy()
        self._left = 0

    def tick(self) -> None:
        """Make the pads slippery, and sticky again after a quarter of a second."""
        if (
            not self.fired
            and self.expert.phase == 'transfer'
            and (self.expert.progress > self._when)
        ):
            self.fired, self._left = True, self._TICKS
        slippery = self._left > 0
        self._left -= slippery
        self.env.model.geom_friction[self._pads] = 0.01 if slippery else self._friction


class Push(Perturbation):
    """Somebody flicks the bag away while the arm reaches for it."""

    needs_retry = False

    def __init__(self, env: TeaBagEnv, expert: Expert, rng: np.random.Generator) -> None:
        """Choose when."""
        super().__init__(env, expert, rng)
        self._when = rng.uniform(0.15, 0.85)

    def tick(self) -> None:
        """Flick the bag once."""
        if self.fired or self.expert.phase != 'reach' or self.expert.progress < self._when:
            return
        self.fired = True
        address = self.env.model.joint('bag').dofadr[0]
        speed = self.rng.uniform(0.5, 0.75) * self._way()
        self.env.data.qvel[address : address + 2] += speed
        self.env.data.qvel[address + 5] += self.rng.uniform(-4, 4)

    def _way(self) -> np.ndarray:
        """Return a direction (2,) that keeps the bag within reach and away from every goal."""
        places = [self.env.scene.position_of(place.name) for place in self.env.goal.places]
        for _ in range(20):
            way = direction(self.rng.uniform(0, 2 * np.pi))
            end = self.env.bag_position[:2] + 0.05 * way
            gap = min(np.linalg.norm(end - place) for place in places)
            if 0.10 < np.linalg.norm(end) < 0.33 and end[0] > 0 and gap > 0.09:
                break
        return way


class FromMug(Perturbation):
    """The arm starts near the goal with an open, empty gripper, as after a lost bag."""

    needs_retry = False

    def __init__(self, env: TeaBagEnv, expert: Expert, rng: np.random.Generator) -> None:
        """Put the arm near the goal."""
        super().__init__(env, expert, rng)
        position = [*(env.goal_position + rng.normal(0, 0.02, 2)), rng.uniform(0.14, 0.18)]
        reach = inverse(np.array(position), np.radians(55), HOME[4] + rng.normal(0, 0.4), OPEN)
        if reach is not None:
            _start_at(env, reach.joints)
            expert.restart()
            self.fired = True

    def tick(self) -> None:
        """Do nothing more."""


class Near(Perturbation):
    """The arm starts with its hand near the bag, turned anyhow, as if its reach went astray."""

    needs_retry = False
    _TRIES = 50

    def __init__(self, env: TeaBagEnv, expert: Expert, rng: np.random.Generator) -> None:
        """Put the hand near the bag."""
        super().__init__(env, expert, rng)
        reaches = (self._reach() for _ in range(self._TRIES))
        reach = next((reach for reach in reaches if reach is not None), None)
        if reach is not None:
            _start_at(env, reach.joints)
            expert.restart()
            self.fired = True

    def tick(self) -> None:
        """Do nothing more."""

    def _reach(self) -> Reach | None:
        away = self.rng.normal(0, 0.03, 2)
        position = [*(self.env.bag_position[:2] + away), self.rng.uniform(0.05, 0.18)]
        pitch = self.rng.uniform(np.radians(50), np.radians(90))
        gripper = float(self.rng.choice([OPEN, OPEN, OPEN, OPEN / 2, 0.0]))
        return inverse(np.array(position), pitch, self.rng.uniform(-0.3, 2.75), gripper)


def _start_at(env: TeaBagEnv, joints: np.ndarray) -> None:
    env.data.qpos[: len(JOINT_NAMES)] = joints
    env.data.qvel[:] = 0
    env.data.ctrl[:] = joints
    mujoco.mj_forward(env.model, env.data)


STYLES: dict[str, type[Perturbation]] = {
    'miss': Miss,
    'drop': Drop,
    'push': Push,
    'from_mug': FromMug,
    'near': Near,
}

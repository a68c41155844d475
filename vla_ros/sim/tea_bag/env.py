# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag task's physics and referee: where a seed puts things, and what counts as done."""

from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.dataset.plan import Plan
from vla_ros.sim.robots.so101 import HOME, inverse
from vla_ros.sim.task import Task
from vla_ros.sim.tea_bag.goals import GOALS, SAUCER, BagGoal, Place
from vla_ros.sim.tea_bag.scene import TeaBagScene, yaw_quaternion

MUG_POSITION = np.array([0.06, 0.25])  # m
_MARGIN = 0.012  # m of a cluster's edge, so that the whole bag lies in its cluster
_SETTLE_STEPS = 60
OPEN, CLOSED = 0.80, -0.1745  # rad, gripper joint
_SPREAD = np.array([0.7, 0.5, 0.5, 0.5, 1.0, 0.4])  # rad, of an arm that is anywhere
_CARRIED = 0.08  # m, height of a bag that is on its way


@dataclass(frozen=True)
class Variation:
    """How much a seed may change the scene, besides the pose of the bag."""

    bag_yaw: float = np.pi / 2  # rad, either side
    home: float = 0.05  # rad, standard deviation of the arm's start
    mug: float = 0.006  # m, either side
    mug_yaw: float = 0.3  # rad, either side
    light: float = 0.12  # either side of 1


class TeaBagEnv(Task):
    """One arm, one tea bag, a mug, and a saucer where a goal needs one."""

    robot = 'so101'
    cameras = ('top', 'left', 'gripper')
    goals: ClassVar[dict[str, BagGoal]] = GOALS
    goal: BagGoal
    scene: TeaBagScene

    def __init__(self, plan: Plan, rate: float = 30.0, variation: Variation | None = None) -> None:
        """Load the scene, whose starts differ by ``variation``."""
        super().__init__(plan, rate)
        self.variation = variation or Variation()
        self._bag = self.model.body('bag').id
        self._bag_geom = self.model.geom('bag').id
        self._pads = tuple(self.model.geom(name).id for name in ('pad_fixed', 'pad_moving'))
        self._friction = self.model.geom_friction[list(self._pads)]
        self._bag_qpos = self.model.joint('bag').qposadr[0]
        self._tag_qpos = self.model.joint('tag').qposadr[0]

    @staticmethod
    def make_scene(width: int = 640, height: int = 480) -> TeaBagScene:
        """Return a new scene, for pictures of up to that many pixels."""
        return TeaBagScene(width, height)

    def set_up(self, rng: np.random.Generator) -> None:
        """Lay the bag somewhere in its cluster; goals with the same things start alike."""
        self.model.geom_friction[list(self._pads)] = self._friction  # a mishap may have cut it
        unneeded = np.random.default_rng([self.seed, 4]).random() < self.clutter
        self.scene.show_saucer(SAUCER in self.goal.places or unneeded)
        self._vary(rng)
        centre = np.array(self.plan.clusters[self.cluster])
        half = self.plan.cluster_size / 2 - _MARGIN
        position = centre + rng.uniform(-half, half, 2)
        yaw = rng.uniform(-self.variation.bag_yaw, self.variation.bag_yaw)
        self._place_bag(position, yaw, rng.uniform(-0.7, 0.7))
        self.place_arm(HOME + rng.normal(0, self.variation.home, 6) * [1, 0.5, 0.5, 0.5, 1, 0.5])
        mujoco.mj_step(self.model, self.data, _SETTLE_STEPS)

    @property
    def bag_position(self) -> np.ndarray:
        """Return the centre of the bag (3,), m."""
        return self.data.xpos[self._bag].copy()

    @property
    def bag_rotation(self) -> np.ndarray:
        """Return the bag's axes as columns (3, 3)."""
        return self.data.xmat[self._bag].reshape(3, 3).copy()

    @property
    def bag_half_size(self) -> np.ndarray:
        """Return half the bag's edge lengths (3,), m."""
        return self.model.geom_size[self._bag_geom].copy()

    @property
    def grasped(self) -> bool:
        """Whether both fingers touch the bag."""
        touched = set()
        for first, second in self.data.contact.geom:
            if self._bag_geom in (first, second):
                touched |= {int(first), int(second)}
        return all(pad in touched for pad in self._pads)

    @property
    def goal_position(self) -> np.ndarray:
        """Return where the goal of the episode stands (2,), m."""
        return self.scene.position_of(self.goal.place.name)

    def change_goal(self, name: str) -> None:
        """Ask for another goal; raise VlaError where its place does not stand on the table."""
        goal = self.find_goal(name)
        if goal.place not in self.goal.places:
            raise VlaError(
                f'goal: got {name!r}, and the {goal.place.name} is not on the table; ask for it '
                'before the episode begins'
            )
        self.goal = goal

    def bag_at(self, place: Place) -> bool:
        """Whether the bag's centre is in the mug, or on the saucer."""
        bag = self.bag_position
        distance = np.linalg.norm(bag[:2] - self.scene.position_of(place.name))
        return bool(distance < place.radius and bag[2] < place.height)

    @property
    def bag_at_goal(self) -> bool:
        """Whether the bag's centre is where it is to go."""
        return self.bag_at(self.goal.place)

    @property
    def success(self) -> bool:
        """Whether the bag lies where it is to go, and the gripper has let it go."""
        return self.bag_at_goal and not self.grasped

    @property
    def at_other_goal(self) -> bool:
        """Whether the bag was put where another goal asks for."""
        others = (place for place in self.goal.places if place is not self.goal.place)
        return any(map(self.bag_at, others)) and not self.grasped

    @property
    def holding(self) -> bool:
        """Whether both fingers touch the bag."""
        return self.grasped

    @property
    def under_way(self) -> bool:
        """Whether the bag is carried, high above the table."""
        return self.grasped and bool(self.bag_position[2] > _CARRIED)

    @property
    def rotation(self) -> float:
        """Return the yaw of a bag that lies flat, rad, -pi to pi."""
        w, z = self.data.qpos[self._bag_qpos + 3], self.data.qpos[self._bag_qpos + 6]
        return float(np.arctan2(2 * w * z, 1 - 2 * z * z))

    def wander(self, rng: np.random.Generator) -> np.ndarray | None:
        """Return joints that are anywhere, in half of the cases with the hand near the bag."""
        where = rng.random()
        if where < 0.25:
            return None
        if where < 0.5:
            return HOME + _SPREAD * rng.normal(0, 1, len(HOME))
        place = self.bag_position[:2] + rng.normal(0, 0.03, 2)
        pitch, roll = rng.uniform(np.radians(50), np.radians(90)), rng.uniform(-0.3, 2.75)
        gripper = float(rng.choice([OPEN, OPEN / 2, 0.0]))
        reach = inverse(np.array([*place, rng.uniform(0.02, 0.16)]), pitch, roll, gripper)
        return None if reach is None else reach.joints

    def _vary(self, rng: np.random.Generator) -> None:
        vary = self.variation
        self.scene.place_mug(
            np.array(
                [
                    *(MUG_POSITION + rng.uniform(-vary.mug, vary.mug, 2)),
                    rng.uniform(-vary.mug_yaw, vary.mug_yaw),
                ]
            )
        )
        self.scene.light(1 + rng.uniform(-vary.light, vary.light))

    def _place_bag(self, position: np.ndarray, yaw: float, string_angle: float) -> None:
        """Lay the bag flat and the tag at the end of its string, which leaves a short side."""
        ahead, away = direction(yaw), direction(yaw + string_angle)
        height = self.bag_half_size[2] + 0.001
        self._set_pose(self._bag_qpos, np.array([*position, height]), yaw)
        tag = position + 0.02 * ahead + 0.05 * away
        self._set_pose(self._tag_qpos, np.array([*tag, 0.0025]), yaw + string_angle)

    def _set_pose(self, address: int, position: np.ndarray, yaw: float) -> None:
        self.data.qpos[address : address + 3] = position
        self.data.qpos[address + 3 : address + 7] = yaw_quaternion(yaw)


def direction(angle: float) -> np.ndarray:
    """Return the unit vector (2,) at ``angle``, rad from x."""
    return np.array([np.cos(angle), np.sin(angle)])

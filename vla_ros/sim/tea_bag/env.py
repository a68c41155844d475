# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag task: reset from a seed, joint targets in, joint positions out, success."""

from dataclasses import dataclass

import mujoco
import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.dataset.plan import VALIDATION_CLUSTER, check_cluster
from vla_ros.dataset.workspace import CENTRES, CLUSTER_SIZE
from vla_ros.sim.robots.so101 import HOME, JOINT_NAMES, LOWER, UPPER
from vla_ros.sim.tea_bag.goals import DEFAULT_GOAL, GOALS, SAUCER, Place, find_goal
from vla_ros.sim.tea_bag.scene import Scene, yaw_quaternion

INSTRUCTION = GOALS[DEFAULT_GOAL].instruction

MUG_POSITION = np.array([0.06, 0.25])  # m
_CLUSTER_HALF = CLUSTER_SIZE / 2 - 0.012  # m, so that the whole bag lies in its cluster
_SETTLE_STEPS = 60
_CARRIED = 0.08  # m, height of a bag that is on its way


@dataclass(frozen=True)
class Variation:
    """How much a seed may change the scene, besides the pose of the bag."""

    bag_yaw: float = np.pi / 2  # rad, either side
    home: float = 0.05  # rad, standard deviation of the arm's start
    mug: float = 0.006  # m, either side
    mug_yaw: float = 0.3  # rad, either side
    light: float = 0.12  # either side of 1
    saucer: float = 0.0  # share of the episodes in which it stands there without a need


class TeaBagEnv:
    """
    One arm, one tea bag, a mug, and a saucer where a goal needs one.

    Time passes only in step(). The same seed and commands give bit-identical trajectories.
    """

    def __init__(self, rate: float = 30.0, variation: Variation | None = None) -> None:
        """Step ``rate`` times per simulated second; a rate that does not divide 600 raises."""
        self.scene = Scene()
        self.variation = variation or Variation()
        steps = 1.0 / (rate * self.model.opt.timestep)
        if abs(steps - round(steps)) > 1e-6:
            raise VlaError(
                f'control rate: got {rate} Hz, expected a divisor of '
                f'{1 / self.model.opt.timestep:.0f} Hz such as 30, 50, 60 or 100'
            )
        self.rate = rate
        self.cluster = VALIDATION_CLUSTER
        self.seed = 0
        self.goal = find_goal(DEFAULT_GOAL)
        self._substeps = round(steps)
        self._bag = self.model.body('bag').id
        self._bag_geom = self.model.geom('bag').id
        self._pads = tuple(self.model.geom(name).id for name in ('pad_fixed', 'pad_moving'))
        self._friction = self.model.geom_friction[list(self._pads)]
        self._bag_qpos = self.model.joint('bag').qposadr[0]
        self._tag_qpos = self.model.joint('tag').qposadr[0]

    @property
    def model(self) -> mujoco.MjModel:
        """Return MuJoCo's model."""
        return self.scene.model

    @property
    def data(self) -> mujoco.MjData:
        """Return MuJoCo's data."""
        return self.scene.data

    @property
    def time(self) -> float:
        """Return the simulated seconds since the last reset."""
        return self.data.time

    @property
    def positions(self) -> np.ndarray:
        """Return the measured joint positions (6,), rad."""
        return self.scene.positions

    def reset(self, seed: int, cluster: int, goal: str = DEFAULT_GOAL) -> None:
        """
        Start an episode with the bag somewhere in ``cluster`` (1 to 11).

        Goals that the same things stand ready for have the same start.
        """
        check_cluster(cluster)
        self.goal = find_goal(goal)
        rng = np.random.default_rng(seed)
        self.seed, self.cluster = seed, cluster
        mujoco.mj_resetData(self.model, self.data)
        self.model.geom_friction[list(self._pads)] = self._friction  # a mishap may have cut it
        unneeded = np.random.default_rng([seed, 4]).random() < self.variation.saucer
        self.scene.show_saucer(SAUCER in self.goal.places or unneeded)
        self._vary(rng)
        centre = np.array(CENTRES[cluster])
        position = centre + rng.uniform(-_CLUSTER_HALF, _CLUSTER_HALF, 2)
        yaw = rng.uniform(-self.variation.bag_yaw, self.variation.bag_yaw)
        self._place_bag(position, yaw, rng.uniform(-0.7, 0.7))
        self._place_arm(HOME + rng.normal(0, self.variation.home, 6) * [1, 0.5, 0.5, 0.5, 1, 0.5])
        mujoco.mj_step(self.model, self.data, _SETTLE_STEPS)
        self.data.time = 0.0

    def step(self, target: np.ndarray) -> None:
        """Drive the joints towards ``target`` (6,), rad, for one control period."""
        self.data.ctrl[:] = np.clip(target, LOWER, UPPER)
        mujoco.mj_step(self.model, self.data, self._substeps)

    def assume(self, other: 'TeaBagEnv') -> None:
        """Take over the state of another environment, and the task that it is at."""
        self.goal, self.seed, self.cluster = other.goal, other.seed, other.cluster
        pads = list(self._pads)
        self.model.geom_friction[pads] = other.model.geom_friction[pads]
        self.scene.apply(other.scene.state())
        mujoco.mj_copyState(self.model, other.data, self.data, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_forward(self.model, self.data)

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
    def carried(self) -> bool:
        """Whether the bag is on its way, high above the table."""
        return self.grasped and bool(self.bag_position[2] > _CARRIED)

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

    def _place_arm(self, joints: np.ndarray) -> None:
        joints = np.clip(joints, LOWER, UPPER)
        self.data.qpos[: len(JOINT_NAMES)] = joints
        self.data.ctrl[:] = joints


def direction(angle: float) -> np.ndarray:
    """Return the unit vector (2,) at ``angle``, rad from x."""
    return np.array([np.cos(angle), np.sin(angle)])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where and how to grasp the tea bag, from the simulation's own knowledge of its pose."""

from itertools import product
from typing import NamedTuple

import mujoco
import numpy as np

from vla_ros.sim.robots.so101 import JOINT_NAMES, LOWER, UPPER, inverse
from vla_ros.sim.tea_bag.env import OPEN, TeaBagEnv

_CLEARANCE = 0.006  # m, between the fixed finger and the bag's side
_FIXED_FINGER = 0.019  # m, from the grasp site to the fixed finger's face
_TABLE_GAP = 0.003  # m, that the finger tips keep from the table
_GRIP_DEPTH = 0.006  # m, of both finger tips below the bag's top
_JAW_REACH = 0.063  # m, lever of the moving jaw
_CHANGING_SIDES = 1.0  # cost of a radian
_PITCHES = np.radians((90, 80, 70, 60))


class Grasp(NamedTuple):
    """A grasp: lower cost is better, the grasp site goes to (*centre, height)."""

    cost: float
    roll: float  # rad
    pitch: float  # rad
    centre: np.ndarray  # (2,) m
    height: float  # m


class GraspPlanner:
    """Searches the grasps of the bag's vertical sides; looks ahead on data of its own."""

    def __init__(self, env: TeaBagEnv) -> None:
        """Plan for the bag of ``env``."""
        self._env = env
        self._data = mujoco.MjData(env.model)
        self._pads = [env.model.geom(name).id for name in ('pad_fixed', 'pad_moving')]
        self._hand = env.model.body('gripper').id

    def plan(self, chosen: float | None = None) -> Grasp | None:
        """
        Return the best grasp of the bag where it lies now, None when it is out of reach.

        A bag has several sides, and ``chosen`` (rad) is the roll of a hand that goes for one.
        """
        bag, rotation = self._env.bag_position, self._env.bag_rotation
        up = int(np.argmax(np.abs(rotation[2])))
        bearing = np.arctan2(bag[1], bag[0])
        grasps = []
        for axis, turn, pitch in product({0, 1, 2} - {up}, (0.0, np.pi, -np.pi), _PITCHES):
            side = np.arctan2(rotation[1, axis], rotation[0, axis])
            roll = _wrap(side - bearing) + turn
            if LOWER[4] + 0.05 < roll < UPPER[4] - 0.05:
                half = self._env.bag_half_size
                grasps.append(self._grasp(bag[:2], half[up], half[axis], roll, pitch))
        found = [grasp for grasp in grasps if grasp is not None]
        return min(found, key=lambda grasp: grasp.cost + _away(grasp, chosen)) if found else None

    def _grasp(
        self, bag: np.ndarray, thickness: float, half_width: float, roll: float, pitch: float
    ) -> Grasp | None:
        reach = inverse(np.array([*bag, thickness]), pitch, roll, OPEN)
        if reach is None:
            return None
        on_bag = 2 * half_width / _JAW_REACH - 0.22
        arc = [
            self._tip_heights(reach.joints, gripper) for gripper in (0.6, 0.45, 0.3, on_bag, OPEN)
        ]
        opening = self._data.xmat[self._hand].reshape(3, 3)[:2, 2]
        level = np.linalg.norm(opening) + 1e-9
        lift = max(0.0, _TABLE_GAP - np.min(arc))
        too_high = max(arc[3]) + lift - (2 * thickness - _GRIP_DEPTH)
        cost = (
            200 * max(0.0, too_high)
            + (0.25 if half_width > 0.0165 else 0.0)
            + 0.3 * (np.pi / 2 - reach.pitch)
            + (3.0 if roll < 0 else 0.0)
            + 0.1 * abs(abs(roll) - np.pi / 2)
            + 2 * abs(1 - level)
        )
        offset = half_width + _CLEARANCE - _FIXED_FINGER
        centre = bag - offset * opening / level
        return Grasp(cost, roll, reach.pitch, centre, thickness + lift)

    def _tip_heights(self, joints: np.ndarray, gripper: float) -> list[float]:
        """Return the lowest point of each finger, m."""
        model, data = self._env.model, self._data
        data.qpos[: len(JOINT_NAMES)] = [*joints[:5], gripper]
        mujoco.mj_kinematics(model, data)
        return [
            data.geom_xpos[pad][2]
            - np.abs(data.geom_xmat[pad].reshape(3, 3)[2]) @ model.geom_size[pad]
            for pad in self._pads
        ]


def _away(grasp: Grasp, roll: float | None) -> float:
    """Return the cost of turning a hand that has chosen a side."""
    return 0.0 if roll is None else _CHANGING_SIDES * abs(grasp.roll - roll)


def _wrap(angle: float) -> float:
    """Return the angle of a side, which looks the same after half a turn, in -pi/2..pi/2."""
    return float((angle + np.pi / 2) % np.pi - np.pi / 2)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the pictures of the tea-bag scene show: where each thing is, and how it is turned."""

import numpy as np

from vla_ros.dataset.arrays import LABEL
from vla_ros.dataset.plan import Plan
from vla_ros.sim.renderer import project
from vla_ros.sim.task import Scene

THINGS = ('bag', 'mug')

_AXIS = 0.02  # m along a thing, that shows how it is turned
_MUG_RIM = 0.08  # m
_LYING = 0.03  # m, highest centre of a bag on the table


class Labeller:
    """Knows the things of one Scene."""

    def __init__(self, scene: Scene, plan: Plan) -> None:
        """Label pictures of ``scene`` as it was last drawn; the clusters are those of ``plan``."""
        self._scene, self._plan = scene, plan
        self._mug = scene.model.body('mug').id
        model = scene.model
        self._bag = model.body('bag').id
        self._bag_geom = model.geom('bag').id
        self._pads = {model.geom(name).id for name in ('pad_fixed', 'pad_moving')}

    def label(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return what a picture of that size shows of THINGS, (2, 5) float32, see LABEL."""
        return np.stack(
            [
                self._label(camera, height, width, self._bag_points(), float(self.held)),
                self._label(camera, height, width, self._mug_points(), np.nan),
            ]
        ).astype(np.float32)

    @property
    def held(self) -> bool:
        """Whether both fingers touch the bag."""
        touched = {
            int(geom)
            for pair in self._scene.data.contact.geom
            if self._bag_geom in pair
            for geom in pair
        }
        return self._pads <= touched

    @property
    def cluster(self) -> int | None:
        """Return the cluster in which the bag lies on the table, None where it is in no one's."""
        bag = self._scene.data.xpos[self._bag]
        if bag[2] > _LYING:
            return None
        return self._plan.cluster_of(bag)

    def _bag_points(self) -> np.ndarray:
        data = self._scene.data
        centre = data.xpos[self._bag]
        return np.array([centre, centre + _AXIS * data.xmat[self._bag].reshape(3, 3)[:, 0]])

    def _mug_points(self) -> np.ndarray:
        return np.array(
            [[*self._scene.model.body_pos[self._mug][:2], _MUG_RIM]]
        )  # the mug is round

    def _label(
        self, camera: str, height: int, width: int, points: np.ndarray, flag: float
    ) -> np.ndarray:
        x, y, depth = project(self._scene, camera, height, width, points).T
        inside = depth[0] > 0 and 0 < x[0] < width and 0 < y[0] < height
        if not inside:
            return np.full(len(LABEL), np.nan)
        turn = (np.nan, np.nan)
        if len(points) > 1:
            angle = 2 * np.arctan2(y[1] - y[0], x[1] - x[0])
            turn = np.cos(angle), np.sin(angle)
        return np.array([x[0], y[0], *turn, flag])

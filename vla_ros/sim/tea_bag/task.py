# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag task as a whole: the environment, and the expert who shows how it is done."""

import numpy as np

from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.task import Scene
from vla_ros.sim.tea_bag.demonstrator import Demonstrator
from vla_ros.sim.tea_bag.env import TeaBagEnv
from vla_ros.sim.tea_bag.expert import PHASES, Expert
from vla_ros.sim.tea_bag.labels import THINGS, Labeller
from vla_ros.sim.tea_bag.perturbations import STYLES


class TeaBag(TeaBagEnv):
    """Grab the tea bag, and put it where one was told."""

    phases = PHASES
    mishaps = tuple(STYLES)
    things = THINGS

    def labeller(self, scene: Scene) -> Labeller:
        """Return what knows where bag and mug are in ``scene``."""
        return Labeller(scene, self.plan)

    def demonstrate(self, planned: PlannedEpisode) -> Demonstrator:
        """Begin the planned episode, with its mishap, and show how it is done."""
        self.reset(planned.seed, planned.cluster, planned.goal)
        expert = Expert(self, np.random.default_rng([planned.seed, 1]))
        if not planned.recovery:
            return Demonstrator(self, expert)
        rng = np.random.default_rng([planned.seed, 2])
        return Demonstrator(self, expert, STYLES[planned.recovery](self, expert, rng))

    def take_over(self, rng: np.random.Generator, speed: np.ndarray | None = None) -> Demonstrator:
        """Go on from where somebody else has brought the arm, at rest or at ``speed``, rad/s."""
        expert = Expert(self, rng)
        if speed is not None:
            expert.take_over(speed)
        return Demonstrator(self, expert)

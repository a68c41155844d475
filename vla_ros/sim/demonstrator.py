# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One demonstration, tick by tick: the planned start, the planned mishap and the expert."""

import numpy as np

from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.tea_bag.env import TeaBagEnv
from vla_ros.sim.tea_bag.expert import Expert
from vla_ros.sim.tea_bag.perturbations import STYLES


class Demonstrator:
    """Plays one planned episode; whoever calls ``act`` steps the environment with the answer."""

    def __init__(self, env: TeaBagEnv, planned: PlannedEpisode) -> None:
        """Set the scene up; raise VlaError for a cluster that does not exist."""
        env.reset(planned.seed, planned.cluster, planned.goal)
        self.expert = Expert(env, np.random.default_rng([planned.seed, 1]))
        self._env = env
        self._recovery = planned.recovery
        style = STYLES.get(planned.recovery)
        self._disturbance = (
            style(env, self.expert, np.random.default_rng([planned.seed, 2])) if style else None
        )

    @property
    def done(self) -> bool:
        """Whether the expert has come to its end."""
        return self.expert.done

    def act(self) -> np.ndarray:
        """Return the joint target (6,), rad, for this tick, and disturb the world if planned."""
        action = self.expert.act()
        if self._disturbance:
            self._disturbance.tick()
        return action

    @property
    def objection(self) -> str:
        """Return why the episode is not the planned one, once it is over; empty: it is."""
        if not self._env.success:
            return self.expert.failure or f'the bag is not at the {self._env.goal.place.name}'
        if self._disturbance and not (self._disturbance.fired and self._recovered):
            return f'{self._recovery}: the mishap did not happen'
        return ''

    @property
    def _recovered(self) -> bool:
        return self.expert.retries > 0 or self._recovery in ('push', 'from_mug', 'near')

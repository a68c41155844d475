# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One demonstration, tick by tick: the expert, and the mishap that befalls it."""

import numpy as np

from vla_ros.sim.tea_bag.env import TeaBagEnv
from vla_ros.sim.tea_bag.expert import Expert
from vla_ros.sim.tea_bag.perturbations import Perturbation


class Demonstrator:
    """An expert at work; whoever calls ``act`` steps the environment with the answer."""

    def __init__(self, env: TeaBagEnv, expert: Expert, mishap: Perturbation | None = None) -> None:
        """Let ``expert`` work in ``env`` from now on, and ``mishap`` come in between."""
        self._env, self.expert, self._mishap = env, expert, mishap

    @property
    def done(self) -> bool:
        """Whether the expert has come to its end."""
        return self.expert.done

    @property
    def phase(self) -> str:
        """Return what the expert does now; empty before the first ``act``."""
        return self.expert.phase

    @property
    def retries(self) -> int:
        """Return how often the expert had to try again."""
        return self.expert.retries

    @property
    def failure(self) -> str:
        """Return why the expert gave up; empty: it did not."""
        return self.expert.failure

    def act(self) -> np.ndarray:
        """Return the joint target (6,), rad, for this tick, and disturb the world if planned."""
        action = self.expert.act()
        if self._mishap:
            self._mishap.tick()
        return action

    @property
    def objection(self) -> str:
        """Return why the episode is not the planned one, once it is over; empty: it is."""
        if not self._env.success:
            return self.failure or f'the bag is not at the {self._env.goal.place.name}'
        mishap = self._mishap
        if mishap and not (mishap.fired and (self.retries > 0 or not mishap.needs_retry)):
            return f'{type(mishap).__name__}: the mishap did not happen'
        return ''

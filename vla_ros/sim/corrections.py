# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the expert would do from wherever a policy has led.

These are the demonstrations that a policy lacks (DAgger; Ross, Gordon and Bagnell, 2011): the
policy plays a whole episode, asynchronously and at the latency that it will have, and in short
intervals the expert is asked for its chunk from that very state, moving arm included.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.rollout import Predicts, Rollout
from vla_ros.sim.task import SceneState, Task

INTERVAL = 0.2  # s, between the states of an episode that are corrected
_ASTRAY = np.array([0.07, 0.03, 0.03, 0.03, 0.3, 0.0])  # rad, standard deviation, of a first try
_FIRST_TRY = 3.0, 5.0  # s from the start, between which it ends


class Correction(NamedTuple):
    """A state that a policy has reached, and what the expert does from there."""

    scene: SceneState
    actions: np.ndarray  # (rows, joints) rad
    phase: str  # the first one of the expert
    held: bool  # whether the arm holds the object
    instruction: str = ''  # what the policy was told then; empty: nothing


class Corrector:
    """Asks the expert on a task of its own, so that the policy's goes on undisturbed."""

    def __init__(self, task: Task, rows: int) -> None:
        """Answer with so many rows, at the rate of ``task``, which is the corrector's alone."""
        self._task, self._rows = task, rows

    def correct(
        self, task: Task, speed: np.ndarray, rng: np.random.Generator
    ) -> Correction | None:
        """
        Return what the expert does from the state of ``task``; None where it is at a loss.

        ``speed`` (joints,), rad/s, is that of the commands.
        """
        self._task.assume(task)
        expert = self._task.take_over(rng, speed)
        actions = [expert.act()]
        phase, known = expert.phase, expert.retries
        while len(actions) < self._rows:
            self._task.step(actions[-1])
            action = expert.act()
            if expert.retries > known:
                break
            actions.append(action)
        if expert.failure:
            return None
        return Correction(task.scene.state(), np.array(actions), phase, task.holding)


class Misled:
    """
    A policy that may be led astray at first, as if it saw the object in another place.

    Its targets are off by a constant for the first seconds, then they are its own: so one learns
    from it what is to be done after a miss, which a good policy seldom shows.
    """

    def __init__(self, policy: Predicts) -> None:
        """Leave the policy alone, until told otherwise."""
        self.spec, self._policy = policy.spec, policy
        self.clock: Callable[[], float] = lambda: 0.0  # s since the start of the episode
        self._offset, self._until = np.zeros(len(_ASTRAY)), 0.0

    def begin(self, rng: np.random.Generator, share: float) -> None:
        """Begin an episode; a ``share`` of them goes astray."""
        self._until = rng.uniform(*_FIRST_TRY) if rng.random() < share else 0.0
        self._offset = rng.normal(0, 1, len(_ASTRAY)) * _ASTRAY

    def predict(self, *seen: Any, **asked: Any) -> tuple[np.ndarray, dict[str, float]]:
        """Return the policy's actions (chunk, joints), rad, or where they lead astray."""
        actions, seconds = self._policy.predict(*seen, **asked)
        return actions + self._offset * (self.clock() < self._until), seconds


def corrections(
    rollout: Rollout, planned: PlannedEpisode, corrector: Corrector, interval: float = INTERVAL
) -> list[Correction]:
    """Return corrections of the states that a policy reaches in an episode, in their order."""
    task, rng = rollout.task, np.random.default_rng([planned.seed, 3])
    found: list[Correction] = []
    wait = rng.uniform(0, interval)  # s
    before: np.ndarray | None = None
    first = task.find_goal(planned.goal)

    def watch(command: np.ndarray) -> None:
        nonlocal wait, before
        wait -= 1 / task.rate
        if wait <= 0 and before is not None:
            wait += interval
            correction = corrector.correct(task, (command - before) * task.rate, rng)
            told = planned.instruction if task.goal is first else task.goal.instruction
            if correction is not None:
                found.append(correction._replace(instruction=told))
        before = command.copy()

    rollout.play(planned, watch=watch)
    return found

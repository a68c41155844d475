# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What one may ask for in the tea-bag scene: where the bag is to go, and how people say so."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError


class Place(NamedTuple):
    """Where a bag can be put, and how the expert puts it there."""

    name: str  # the body in the scene
    radius: float  # m, in which the bag's centre counts as there
    height: float  # m, below which it does
    release_height: float  # m, of the grasp site
    release_pitch: float  # rad, of the hand


MUG = Place('mug', 0.036, 0.07, 0.112, np.radians(55))
SAUCER = Place('saucer', 0.036, 0.03, 0.045, np.radians(70))
PLACES = (MUG, SAUCER)


@dataclass(frozen=True)
class Goal:
    """What an episode is to end with; ``paraphrases`` say the same as ``instruction``."""

    name: str
    place: Place
    instruction: str
    paraphrases: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()  # further ones, which no demonstration uses
    places: tuple[Place, ...] = PLACES  # what stands on the table

    @property
    def taught(self) -> tuple[str, ...]:
        """Return what demonstrations may be told."""
        return (self.instruction, *self.paraphrases)

    def phrase(self, rng: np.random.Generator) -> str:
        """Return one of the sentences that demonstrations may be told."""
        return self.taught[rng.integers(len(self.taught))]


GOALS = {
    goal.name: goal
    for goal in (
        # The study's task: there is nothing else that could be meant.
        Goal('only_mug', MUG, 'Grab the tea bag and place it in the mug.', places=(MUG,)),
        Goal(
            'mug',
            MUG,
            'Put the tea bag into the mug.',
            (
                'Place the tea bag in the mug.',
                'Grab the tea bag and drop it into the mug.',
                'The tea bag goes into the mug.',
                'Into the mug with the tea bag.',
            ),
            ('Take the tea bag and leave it in the mug.',),
        ),
        Goal(
            'saucer',
            SAUCER,
            'Put the tea bag on the saucer.',
            (
                'Place the tea bag on the saucer.',
                'Grab the tea bag and lay it on the saucer.',
                'The tea bag goes onto the saucer.',
                'Onto the saucer with the tea bag.',
            ),
            ('Take the tea bag and leave it on the saucer.',),
        ),
    )
}
DEFAULT_GOAL = 'only_mug'


def find_goal(name: str) -> Goal:
    """Return the goal of a name, the study's for an empty one; raise ConfigError for others."""
    if (name or DEFAULT_GOAL) not in GOALS:
        raise ConfigError(f'goal: got {name!r}, expected one of {", ".join(GOALS)}')
    return GOALS[name or DEFAULT_GOAL]


def goal_of(instruction: str) -> Goal:
    """Return what a sentence asks for; raise ConfigError for one that nobody has explained."""
    for goal in GOALS.values():
        if instruction.strip() in (*goal.taught, *goal.held_out):
            return goal
    known = '; '.join(goal.instruction for goal in GOALS.values())
    raise ConfigError(
        f'instruction: got {instruction!r}, whose goal is not known, expected one of: {known} '
        '(or their paraphrases); or name the goal, too'
    )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What one may ask for in the tea-bag scene: where the bag is to go, and how people say so."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vla_ros.sim.task import Goal


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
class BagGoal(Goal):
    """That the bag lies at ``place``; ``places`` are what stands on the table."""

    place: Place = MUG
    places: tuple[Place, ...] = PLACES


GOALS = {
    goal.name: goal
    for goal in (
        # The study's task: there is nothing else that could be meant.
        BagGoal('only_mug', 'Grab the tea bag and place it in the mug.', places=(MUG,)),
        BagGoal(
            'mug',
            'Put the tea bag into the mug.',
            (
                'Place the tea bag in the mug.',
                'Grab the tea bag and drop it into the mug.',
                'The tea bag goes into the mug.',
                'Into the mug with the tea bag.',
            ),
            ('Take the tea bag and leave it in the mug.',),
            MUG,
        ),
        BagGoal(
            'saucer',
            'Put the tea bag on the saucer.',
            (
                'Place the tea bag on the saucer.',
                'Grab the tea bag and lay it on the saucer.',
                'The tea bag goes onto the saucer.',
                'Onto the saucer with the tea bag.',
            ),
            ('Take the tea bag and leave it on the saucer.',),
            SAUCER,
        ),
    )
}

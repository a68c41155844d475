# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check of the joints' unit: what goes further than a joint in rad can is in another one."""

import numpy as np

from vla_ros.core.joint import TURNING
from vla_ros.dataset.checks.episodes import Episode, Episodes
from vla_ros.dataset.checks.finding import Finding, Limit, judge
from vla_ros.dataset.checks.thresholds import Thresholds


def check_units(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how far the joints go, in states and in actions, in the farthest episode."""
    return [
        judge(
            'units of the joints',
            '',
            {episode.index: _farthest(episode) for episode in episodes.episodes},
            'rad',
            Limit(high=TURNING.position),
            'the joints are in degrees, or in shares of their range, as lerobot-record has them: '
            'say so, --units degrees or --units normalized, here and wherever you give the data',
        )
    ]


def _farthest(episode: Episode) -> float:
    return float(max(np.abs(episode.state).max(), np.abs(episode.action).max()))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of what was recorded against the study's plan, and of what a policy may see."""

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from vla_ros.dataset.checks.episodes import Episodes, Facts
from vla_ros.dataset.checks.finding import Finding, Limit, name_episodes
from vla_ros.dataset.checks.thresholds import Thresholds

_SECTORS = 12  # of half a turn: a gripper cannot tell an object from itself turned by pi
_LEAST_ROTATIONS = 24  # of which two thirds of the sectors are expected to be met


def check_clusters(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return how the rarest cluster compares with the mean."""
    known = count_clusters(episodes)
    if not known:
        return []
    counts = {cluster: known[cluster] for cluster in limits.asked}
    mean = sum(counts.values()) / len(counts)
    shares = {cluster: count / max(mean, 1e-9) for cluster, count in counts.items()}
    rare = [cluster for cluster, share in shares.items() if share < limits.coverage]
    scope = name_episodes(rare).replace('episode', 'cluster') or 'all'
    return [
        Finding(
            'cluster coverage',
            scope,
            min(shares.values()),
            'of mean',
            Limit(low=limits.coverage),
            'record more episodes there',
        )
    ]


def count_clusters(episodes: Episodes) -> Counter[int]:
    """Return the number of episodes of each cluster; empty if they are not known."""
    clusters = [e.facts.cluster for e in episodes.episodes]
    return Counter(cluster for cluster in clusters if cluster is not None)


def check_held_out(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the number of episodes from the cluster that is kept for validation."""
    if not count_clusters(episodes):
        return []
    leaked = [e.index for e in episodes.episodes if e.facts.cluster == limits.plan.held_out]
    return [
        Finding(
            'held-out cluster',
            name_episodes(leaked) or 'all',
            len(leaked),
            'episodes',
            Limit(high=0),
            'move these episodes to the validation set: a policy that '
            'has trained on them cannot be validated on them',
        )
    ]


def check_recovery(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the share of recovery episodes."""
    known = [e.facts.recovery for e in episodes.episodes if e.facts.recovery is not None]
    if not known:
        return []
    return [
        Finding(
            'recovery share',
            'all',
            sum(map(bool, known)) / len(known),
            'share',
            Limit(limits.recovery_low, limits.recovery_high),
            'about 20 % of the episodes should begin with a mishap, such as a lost object, and '
            'mend it: record more of the kind that is short',
        )
    ]


def check_rotation(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return to how many of the sectors of half a turn the object was rotated."""
    angles = rotations([e.facts for e in episodes.episodes])
    if len(angles) < _LEAST_ROTATIONS:
        return []
    sectors = np.floor(angles % math.pi / math.pi * _SECTORS).astype(int) % _SECTORS
    return [
        Finding(
            'rotation spread',
            'all',
            len(set(sectors)) / _SECTORS,
            'share of sectors',
            Limit(low=limits.rotation),
            'turn the object more between the episodes',
        )
    ]


def rotations(facts: list[Facts]) -> np.ndarray:
    """Return the known rotations of the object, rad."""
    return np.array([fact.rotation for fact in facts if fact.rotation is not None])


def check_observations(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """Return the number of observations that the policy will not have when it runs."""
    strange = [
        key
        for key in episodes.keys
        if key.startswith('observation.')
        and key not in limits.observations
        and key not in episodes.pictures
    ]
    hidden = [name for name in episodes.state_names if name not in episodes.action_names]
    if episodes.action_names:
        strange += [f'observation.state[{name}]' for name in hidden]
    return [
        Finding(
            'do not cheat',
            ', '.join(strange) or 'all',
            len(strange),
            'observations',
            Limit(high=0),
            'leave out of the dataset what the running robot does not '
            'measure, or the policy learns to rely on it',
        )
    ]


def check_calibration(episodes: Episodes, limits: Thresholds) -> list[Finding]:
    """
    Return the number of episodes recorded with other calibration files than the recording's.

    Where no files lie with the recording, the first episode that knows its own sets the rule.
    """
    known = {e.index: e.facts.calibration for e in episodes.episodes if e.facts.calibration}
    if not known:
        return []
    expected = episodes.calibration or next(iter(known.values()))
    changed = {index: _differences(files, expected) for index, files in known.items()}
    guilty = [index for index, names in changed.items() if names]
    names = sorted({name for names in changed.values() for name in names})
    scope = f'{", ".join(names)}: {name_episodes(guilty)}' if guilty else 'all'
    return [
        Finding(
            'calibration changed',
            scope,
            len(guilty),
            'episodes',
            Limit(high=0),
            'put the calibration files back with which the episodes were recorded, or '
            'record them again',
        )
    ]


def _differences(files: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return the names of the files that are not the same in both."""
    return [name for name in {*files, *expected} if files.get(name) != expected.get(name)]

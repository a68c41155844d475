# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which episodes to record: clusters of the workspace, plain starts and recoveries.

The study's plan: 10 clusters x (10 starts + 2 recoveries), and cluster 6 held out.
"""

from typing import NamedTuple

from vla_ros.core.errors import ConfigError

CLUSTERS = tuple(range(1, 12))
VALIDATION_CLUSTER = 6
TRAINING_CLUSTERS = tuple(c for c in CLUSTERS if c != VALIDATION_CLUSTER)
CLUSTER_SETS = {'test': TRAINING_CLUSTERS, 'validation': (VALIDATION_CLUSTER,), 'global': CLUSTERS}
RECOVERIES = ('miss', 'drop', 'push', 'from_mug')
NEAR = 'near'  # the hand starts near the bag

_EVALUATION = 2**31  # seeds of evaluations lie above, those of recordings below


class PlannedEpisode(NamedTuple):
    """One episode to record; ``recovery`` is empty or one of RECOVERIES."""

    index: int  # type: ignore[assignment]  # a tuple has a method of that name
    cluster: int
    recovery: str
    seed: int
    goal: str = ''  # of those that the task knows; empty: its usual one
    instruction: str = ''  # empty: one of those that ask for the goal


def recording_plan(
    starts: int = 10,
    recoveries: int = 2,
    clusters: tuple[int, ...] = TRAINING_CLUSTERS,
    seed: int = 0,
    nears: int = 0,
) -> list[PlannedEpisode]:
    """
    Return starts + recoveries + nears episodes for each cluster, cluster after cluster in turn.

    The hand starts near the bag in the last ones. The kinds of recovery take turns, so that the
    quota is exact for every kind. Raises ConfigError for an unknown cluster or a number that is
    not positive.
    """
    for cluster in clusters:
        check_cluster(cluster)
    if min(starts, recoveries, nears) < 0 or starts + recoveries + nears == 0:
        raise ConfigError(
            f'episodes per cluster: got {starts} starts, {recoveries} recoveries and {nears} near '
            'the bag, expected at least one'
        )
    plan: list[PlannedEpisode] = []
    for round_ in range(starts + recoveries + nears):
        for place, cluster in enumerate(clusters):
            turn = (round_ - starts) * len(clusters) + place
            kind = RECOVERIES[turn % len(RECOVERIES)] if round_ >= starts else ''
            kind = NEAR if round_ >= starts + recoveries else kind
            index = len(plan)
            plan.append(PlannedEpisode(index, cluster, kind, recording_seed(seed, index)))
    return plan


def evaluation_plan(
    clusters: tuple[int, ...], episodes: int, seed: int = 0
) -> list[PlannedEpisode]:
    """Return ``episodes`` starts spread over the clusters, with seeds no recording uses."""
    for cluster in clusters:
        check_cluster(cluster)
    return [
        PlannedEpisode(
            i, clusters[i % len(clusters)], '', _EVALUATION + (seed * 1_000_003 + i) % _EVALUATION
        )
        for i in range(episodes)
    ]


def recording_seed(seed: int, index: int) -> int:
    """Return the seed of episode ``index`` of the recording ``seed``, below 2**31."""
    return (seed * 1_000_003 + index * 101) % _EVALUATION


def check_cluster(cluster: int) -> None:
    """Raise ConfigError unless ``cluster`` is one of the study's."""
    if cluster not in CLUSTERS:
        raise ConfigError(
            f'cluster: got {cluster}, expected one of {CLUSTERS[0]} to {CLUSTERS[-1]}'
        )

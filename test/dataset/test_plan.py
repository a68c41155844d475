# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recording plans: exact quotas, held-out cluster, seeds that never meet."""

from collections import Counter

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import (
    RECOVERIES,
    TRAINING_CLUSTERS,
    VALIDATION_CLUSTER,
    evaluation_plan,
    recording_plan,
)


def test_study_plan_is_ten_starts_and_two_recoveries_per_cluster():
    plan = recording_plan()
    assert len(plan) == 120
    counts = Counter((episode.cluster, bool(episode.recovery)) for episode in plan)
    assert counts == {(c, r): 2 if r else 10 for c in TRAINING_CLUSTERS for r in (True, False)}


def test_kinds_of_recovery_take_turns():
    counts = Counter(e.recovery for e in recording_plan(10, 2) if e.recovery)
    assert set(counts) == set(RECOVERIES) and set(counts.values()) == {5}


def test_validation_cluster_is_never_recorded():
    assert VALIDATION_CLUSTER not in {episode.cluster for episode in recording_plan()}


def test_evaluation_seeds_are_never_those_of_a_recording():
    evaluated = {e.seed for s in range(20) for e in evaluation_plan((1, 6), 500, s)}
    recorded = {
        e.seed + attempt
        for s in range(20)
        for e in recording_plan(40, 8, seed=s)
        for attempt in range(20)
    }
    assert not evaluated & recorded
    assert min(evaluated) >= 2**31 > max(recorded)


def test_seeds_of_a_plan_leave_room_for_further_attempts():
    seeds = sorted(e.seed for e in recording_plan())
    assert min(b - a for a, b in zip(seeds, seeds[1:], strict=False)) > 20


def test_unknown_cluster_and_empty_plan_are_refused():
    with pytest.raises(ConfigError, match='cluster: got 12, expected one of 1 to 11'):
        recording_plan(clusters=(12,))
    with pytest.raises(ConfigError, match='expected at least one'):
        recording_plan(0, 0)

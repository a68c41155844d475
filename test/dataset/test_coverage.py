# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Coverage: what is recorded of a plan, what is missing, what comes next."""

from dataclasses import replace

import pytest

pytest.importorskip('rosbags')

from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.dataset.coverage import measure
from vla_ros.dataset.plan import Plan

CLUSTERS = {3: (0.15, -0.25), 4: (0.15, -0.15), 6: (0.15, 0.05)}
PLAN = Plan(CLUSTERS, held_out=6, starts=2, recoveries=1, recovery_kinds=('miss', 'drop'))


def record(planned, **changes):
    """Return the facts of a recording of ``planned``, but for the changes."""
    facts = {key: getattr(planned, key) for key in ('cluster', 'seed', 'recovery', 'goal')}
    return EpisodeInfo(**{**facts, **changes})


def test_an_empty_set_misses_everything_and_begins_at_the_beginning():
    coverage = measure(PLAN, [])
    assert coverage.missing == tuple(PLAN.episodes())
    assert coverage.next == PLAN.episodes()[0]


def test_a_whole_set_misses_nothing():
    coverage = measure(PLAN, [record(episode) for episode in PLAN.episodes()])
    assert coverage.next is None and coverage.missing == () and coverage.extra == 0
    assert 'nothing is missing' in coverage.describe()


def test_the_start_that_was_left_out_comes_next():
    plan = PLAN.episodes()
    coverage = measure(PLAN, [record(episode) for episode in plan if episode is not plan[2]])
    assert coverage.missing == (plan[2],)


def test_an_episode_from_another_seed_counts_for_its_cluster_and_kind():
    plan = PLAN.episodes()
    coverage = measure(PLAN, [record(plan[0], seed=999), record(plan[2])])
    assert coverage.missing == (plan[1], *plan[3:])


def test_a_plain_start_does_not_fill_the_recovery_quota():
    plan = PLAN.episodes()
    recorded = [record(episode, recovery='') for episode in plan]
    coverage = measure(PLAN, recorded)
    assert [episode.recovery for episode in coverage.missing] == ['miss', 'drop']
    assert coverage.extra == 2


def test_episodes_of_the_held_out_cluster_are_a_leak():
    coverage = measure(PLAN, [EpisodeInfo(6), EpisodeInfo(6, recovery='miss'), EpisodeInfo(9)])
    assert (coverage.leaked, coverage.extra) == (2, 3)
    assert 'held-out cluster 6: got 2 episodes' in coverage.describe()


def test_the_display_shows_done_and_planned_per_cluster():
    plan = PLAN.episodes()
    text = measure(PLAN, [record(plan[0]), record(plan[4])]).describe()
    assert text.splitlines()[1].split() == ['3', '1/2', '1/1']
    assert text.splitlines()[2].split() == ['4', '0/2', '0/1']
    assert '2 of 6 episodes recorded' in text
    assert f'next: cluster 4, plain start, seed {plan[1].seed}' in text


def test_the_display_names_cameras_that_missed_frames_and_the_mend():
    plan = PLAN.episodes()
    missing = [{'/camera/top/image_raw': 3, '/camera/left/image_raw': 0}, {}]
    missing.append({'/arm/camera/top/image_raw': 2, '/camera/left/image_raw': 1})
    recorded = [record(p, missing=m) for p, m in zip(plan, missing, strict=False)]
    text = measure(PLAN, recorded).describe()
    assert 'frames missing: left 1 in 1, top 5 in 2 of the episodes; look at the cable' in text
    assert 'frames missing' not in measure(PLAN, recorded[1:2]).describe()


def test_an_episode_of_one_goal_does_not_fill_that_of_another():
    plan = replace(PLAN, goals=('mug', 'saucer'))
    first, second, *_ = plan.episodes()
    coverage = measure(plan, [record(first, seed=999)])
    assert first not in coverage.missing and coverage.next == second
    assert f'goal saucer, seed {second.seed}' in coverage.describe()


def test_an_unknown_cluster_is_not_held_out_where_none_is():
    coverage = measure(replace(PLAN, held_out=0), [EpisodeInfo(0)])
    assert (coverage.leaked, coverage.extra) == (0, 1)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Coverage: what is recorded of a plan, what is missing, what comes next."""

import pytest

pytest.importorskip('rosbags')

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.dataset.coverage import RecordingPlan, load_plan, measure
from vla_ros.dataset.plan import recording_plan

PLAN = RecordingPlan(starts=2, recoveries=1, clusters=(3, 4), held_out=6)


def record(planned, **changes):
    """Return the facts of a recording of ``planned``, but for the changes."""
    facts = {key: getattr(planned, key) for key in ('cluster', 'seed', 'recovery')}
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


def test_the_plan_that_ships_is_the_studys():
    assert load_plan(find_config('plans', 'tea_bag')).episodes() == recording_plan()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('clusters: [1, 6]', 'held-out cluster 6'),
        ('clusters: [1, 99]', 'got 99'),
        ('clusters: [1, two]', "clusters: got 'two'"),
        ('starts: many', "starts: got 'many'"),
        ('start: 3', 'unknown key start'),
        ('{starts: 0, recoveries: 0}', 'at least one'),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path, text, message):
    path = tmp_path / 'plan.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_plan(path)
    assert 'plan.yaml' in str(caught.value)

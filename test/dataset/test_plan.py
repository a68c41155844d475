# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plans: exact quotas, held-out cluster, goals in turn, seeds that never meet, files that err."""

from collections import Counter
from dataclasses import replace

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import Plan, find_plan, load_plan

STUDY = find_plan('tea_bag')
FILE = 'clusters: {1: [0.1, -0.2], 2: [0.1, 0.0]}\nrecoveries: 0\n'


def test_study_plan_is_ten_starts_and_two_recoveries_per_cluster():
    plan = STUDY.episodes()
    assert len(plan) == 120 and [episode.index for episode in plan] == list(range(120))
    counts = Counter((episode.cluster, bool(episode.recovery)) for episode in plan)
    assert counts == {(c, r): 2 if r else 10 for c in STUDY.training for r in (True, False)}


def test_kinds_of_recovery_take_turns():
    counts = Counter(episode.recovery for episode in STUDY.episodes() if episode.recovery)
    assert set(counts) == set(STUDY.recovery_kinds) and set(counts.values()) == {5}


def test_held_out_cluster_is_never_recorded_but_evaluated():
    assert STUDY.held_out == 6 and 6 not in {e.cluster for e in STUDY.episodes()}
    assert {e.cluster for e in STUDY.evaluation('validation', 5)} == {6}
    assert {e.cluster for e in STUDY.evaluation('global', 11)} == set(STUDY.clusters)
    assert {e.cluster for e in STUDY.evaluation('9', 3)} == {9}


def test_every_start_is_done_once_for_each_goal():
    plan = replace(STUDY, goals=('mug', 'saucer')).episodes()
    assert [episode.index for episode in plan] == list(range(240))
    for first, second in zip(plan[::2], plan[1::2], strict=True):
        assert (first.goal, second.goal) == ('mug', 'saucer')
        assert first[1:4] == second[1:4]
    assert [episode[1:4] for episode in plan[::2]] == [e[1:4] for e in STUDY.episodes()]


def test_evaluation_seeds_are_never_those_of_a_recording():
    evaluated = {e.seed for s in range(20) for e in STUDY.evaluation((1, 6), 500, s)}
    recorded = {
        e.seed + attempt
        for s in range(20)
        for e in replace(STUDY, starts=40, recoveries=8, seed=s).episodes()
        for attempt in range(20)
    }
    assert not evaluated & recorded
    assert min(evaluated) >= 2**31 > max(recorded)


def test_seeds_of_a_plan_leave_room_for_further_attempts():
    seeds = sorted(e.seed for e in STUDY.episodes())
    assert min(b - a for a, b in zip(seeds, seeds[1:], strict=False)) > 20


def test_some_clusters_of_a_plan_are_recorded_alone():
    some = STUDY.only((4, 9))
    assert some.training == (4, 9) and some.held_out == 6
    with pytest.raises(ConfigError, match='held-out cluster 6'):
        STUDY.only((4, 6))


def test_unknown_cluster_set_and_mishap_are_refused():
    with pytest.raises(ConfigError, match='cluster: got 12, expected one of 1, 2, 3'):
        STUDY.only((12,))
    with pytest.raises(ConfigError, match="got 'tests', expected test, validation, global or a"):
        STUDY.set('tests')
    with pytest.raises(ConfigError, match="recovery: got 'quake', expected one of miss, drop"):
        STUDY.check_recovery('quake')


def test_a_plan_without_a_held_out_cluster_has_no_validation_set():
    plan = Plan({1: (0.1, 0.0)}, recoveries=0)
    assert plan.set('test') == plan.set('global') == (1,)
    with pytest.raises(ConfigError, match="got 'validation', expected test, global or a number"):
        plan.set('validation')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('clusters: [1, 6]', r'clusters: got \[1, 6\], expected the number of each cluster and'),
        ('clusters: {one: [0.1, 0.2]}', "clusters: got 'one'"),
        ('clusters: {1: [0.1]}', r'clusters: got 1: \[0.1\]'),
        ('clusters: {1: [0.1, far]}', r"clusters: got 1: \[0.1, 'far'\]"),
        ('starts: 3', 'clusters: got none to record'),
        (FILE + 'held_out: 7', 'cluster: got 7, expected one of 1, 2'),
        (FILE + 'starts: many', "starts: got 'many'"),
        (FILE + 'start: 3', 'unknown key start'),
        (FILE + 'starts: 0', 'at least one'),
        (FILE + 'cluster_size: 0', 'cluster_size: got 0, expected a length in m'),
        (FILE + 'goals: mug', "goals: got 'mug', expected a list of names"),
        (FILE.replace('0\n', '2\n'), 'recovery_kinds names no mishap'),
    ],
)
def test_a_plan_file_that_is_wrong_is_named_with_its_key(tmp_path, text, message):
    path = tmp_path / 'plan.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=f'plan.yaml: {message}|{message}'):
        load_plan(path)


def test_start_of_an_evaluation_is_found_again_by_its_seed():
    plan = find_plan('tea_bag')
    for start in plan.evaluation('test', 12, seed=3):
        (again,) = plan.evaluation(str(start.cluster), 1, start.seed)
        assert (again.seed, again.cluster) == (start.seed, start.cluster)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The study's protocol: which episodes, and how they are summed up."""

from collections import Counter
from dataclasses import replace

import pytest

pytest.importorskip('mujoco')

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.evaluation.protocol import (
    STUDY_EPISODES,
    ask_for,
    evaluate,
    evaluate_expert,
    plan_set,
    score,
)
from vla_ros.sim.rollout import EpisodeResult, RolloutConfig
from vla_ros.sim.task import TaskChoice

PLAN = TaskChoice().load_plan()


def test_sets_are_those_of_the_study():
    test = Counter(planned.cluster for planned in plan_set(PLAN, 'test'))
    assert len(test) == 10 and set(test.values()) == {2} and 6 not in test
    assert Counter(planned.cluster for planned in plan_set(PLAN, 'validation')) == {6: 10}
    both = plan_set(PLAN, 'global')
    assert len(both) == 30 and [p for p in both if p.cluster == 6] == plan_set(PLAN, 'validation')


def test_any_number_of_episodes_spreads_over_the_clusters():
    counts = Counter(planned.cluster for planned in plan_set(PLAN, 'test', 100))
    assert set(counts.values()) == {10}
    assert len({planned.seed for planned in plan_set(PLAN, 'test', 100)}) == 100


def test_another_seed_gives_other_episodes():
    assert not {p.seed for p in plan_set(PLAN, 'test')} & {
        p.seed for p in plan_set(PLAN, 'test', seed=1)
    }


@pytest.mark.parametrize('count', [1, 2, 31])
def test_both_sets_together_have_as_many_episodes_as_asked_for(count):
    assert len(plan_set(PLAN, 'global', count)) == count
    everywhere = plan_set(replace(PLAN, held_out=0), 'global', count)
    assert everywhere == plan_set(replace(PLAN, held_out=0), 'test', count)


@pytest.mark.parametrize('name', STUDY_EPISODES)
@pytest.mark.parametrize('count', [0, -1])
def test_a_set_without_episodes_is_refused(name, count):
    with pytest.raises(ConfigError, match=f'episodes: got {count}, expected 1 or more'):
        plan_set(PLAN, name, count)


def test_unknown_set_is_named():
    with pytest.raises(ConfigError, match="set: got 'training', expected one of test"):
        plan_set(PLAN, 'training')


def test_score_counts_every_episode_and_times_the_successful_ones():
    results = [
        EpisodeResult(1, 1, True, duration=8.0, idle=0.0, latencies=[0.1, 0.1]),
        EpisodeResult(2, 2, True, duration=10.0, idle=1.0, starved=2, latencies=[0.3]),
        EpisodeResult(3, 3, False, duration=20.0, idle=2.0, starved=1),
    ]
    summed = score(results)
    assert (summed.success.successes, summed.success.trials) == (2, 3)
    assert summed.time_per_episode == 9.0
    assert summed.idle_per_episode == 1.0 and summed.starved_per_episode == 1.0
    assert summed.latency_p50 == pytest.approx(0.1)


def test_set_without_a_success_has_no_time_per_episode():
    summed = score([EpisodeResult(1, 1)])
    assert summed.success.value == 0.0
    assert summed.time_per_episode != summed.time_per_episode  # not a number


def test_expert_that_is_asked_for_another_goal_on_the_way_goes_there():
    plan = ask_for(PLAN.evaluation('test', 2), ['mug', 'saucer'], then='saucer')
    results = evaluate_expert(TaskChoice(), plan)
    assert [result.goal for result in results] == ['saucer'] * 4
    assert [result.asked for result in results] == ['mug', 'saucer'] * 2
    assert all(result.success for result in results)


def test_expert_plays_the_same_plan_as_a_policy():
    plan = plan_set(PLAN, 'validation', 2)
    results = evaluate_expert(TaskChoice(), plan)
    assert [(r.seed, r.cluster) for r in results] == [(p.seed, p.cluster) for p in plan]
    assert all(result.success and 4 < result.duration < 30 for result in results)


@pytest.mark.parametrize('workers', [1, 2])
def test_policy_that_does_not_load_is_told_whatever_plays_it(tmp_path, workers):
    robot = load_robot(find_config('robots', 'so101'))
    plan = plan_set(PLAN, 'validation', 2)
    with pytest.raises(ConfigError, match='nothing: got nothing there, expected a policy bundle'):
        evaluate(tmp_path / 'nothing', robot, RolloutConfig(), plan, workers)

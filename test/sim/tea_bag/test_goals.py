# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two goals in one scene: what was asked for is what counts, and the expert follows it."""

import numpy as np
import pytest

pytest.importorskip('mujoco')

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.robots.so101 import HOME
from vla_ros.sim.task import TaskChoice
from vla_ros.sim.tea_bag.goals import GOALS, MUG, SAUCER
from vla_ros.sim.tea_bag.task import TeaBag


@pytest.fixture(scope='module')
def env():
    return TaskChoice().make()


def lay(env, place):
    """Put the bag there by hand."""
    address = env.model.joint('bag').qposadr[0]
    env.data.qpos[address : address + 3] = [*env.scene.position_of(place.name), 0.02]
    env.step(HOME)


def test_the_saucer_stands_there_only_where_one_may_ask_for_it(env):
    env.reset(3, 4)
    alone = env.scene.state()
    env.reset(3, 4, 'saucer')
    both = env.scene.state()
    assert not alone.values['saucer'] and both.values['saucer']
    assert np.array_equal(alone.qpos, both.qpos)


def test_two_goals_of_one_seed_start_alike(env):
    starts = []
    for goal in ('mug', 'saucer'):
        env.reset(7, 9, goal)
        starts.append(env.scene.state())
    assert np.array_equal(starts[0].qpos, starts[1].qpos)
    assert starts[0].values == starts[1].values


@pytest.mark.parametrize('goal', GOALS)
@pytest.mark.parametrize('place', (MUG, SAUCER))
def test_a_bag_counts_only_at_the_goal_that_was_asked_for(env, goal, place):
    env.reset(0, 6, goal)
    if place not in env.goal.places:
        return
    lay(env, place)
    assert env.success == (env.goal.place is place)
    assert env.at_other_goal == (env.goal.place is not place)


@pytest.mark.parametrize('goal', ('mug', 'saucer'))
@pytest.mark.parametrize('cluster', (1, 6, 7, 11))
def test_expert_brings_the_bag_to_either_goal(env, goal, cluster):
    demonstrator = env.demonstrate(PlannedEpisode(0, cluster, '', 4, goal))
    while not demonstrator.done:
        env.step(demonstrator.act())
    assert not demonstrator.objection and env.success and not env.at_other_goal


@pytest.mark.parametrize('first, then', [('mug', 'saucer'), ('saucer', 'mug')])
def test_expert_turns_to_another_goal_while_it_carries_the_bag(env, first, then):
    demonstrator = env.demonstrate(PlannedEpisode(0, 5, '', 8, first))
    while not env.under_way or demonstrator.expert.phase != 'transfer':
        env.step(demonstrator.act())
    env.change_goal(then)
    while not demonstrator.done:
        env.step(demonstrator.act())
    assert env.bag_at(GOALS[then].place) and not env.at_other_goal
    assert not demonstrator.expert.retries


def test_every_sentence_names_one_goal_and_held_out_ones_are_not_taught():
    sentences = [s for goal in GOALS.values() for s in (*goal.taught, *goal.held_out)]
    assert len(set(sentences)) == len(sentences)
    for goal in GOALS.values():
        assert not set(goal.taught) & set(goal.held_out)
        assert all(TeaBag.goal_of(sentence) is goal for sentence in (*goal.taught, *goal.held_out))
    for name in ('mug', 'saucer'):
        assert len(GOALS[name].taught) == 5 and len(GOALS[name].held_out) == 1


def test_a_sentence_or_a_goal_that_nobody_explained_is_named():
    with pytest.raises(ConfigError, match="got 'Dance.', whose goal is not known, expected one"):
        TeaBag.goal_of('Dance.')
    with pytest.raises(ConfigError, match="goal: got 'table', expected one of only_mug, mug, sau"):
        TaskChoice().make().reset(0, 5, 'table')

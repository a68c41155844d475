# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulation with its expert at the wheel: it waits for starts, and tells what it does."""

import itertools

import pytest

pytest.importorskip('mujoco')

from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.errors import ConfigError
from vla_ros.msg import EpisodeEvent
from vla_ros.nodes.sim import SimNode
from vla_ros.ros import messages, qos
from vla_ros.sim.task import TaskChoice

EXPERT = ('sim:driver:=expert', 'sim:rate:=30.0', 'sim:episodes:=0')


class Stage:
    """The simulation, and who asks it for episodes."""

    def __init__(self, graph):
        self.graph = graph
        self.sim = graph.start(SimNode())
        self.starts = graph.publisher(EpisodeEvent, 'next_start', qos.LATCHED)
        self.events = graph.collect(EpisodeEvent, 'episode', qos.EVENTS)
        self.commands = graph.collect(JointTrajectory, 'joint_commands', qos.EVERY_RELIABLE)
        self.states = graph.collect(JointState, 'joint_states', qos.EVERY)

    def ask(self, cluster='4', seed=3, detail='', goal=''):
        self.starts.publish(EpisodeEvent(cluster=cluster, seed=seed, detail=detail, goal=goal))

    def wait_for(self, event):
        self.graph.until(lambda: event in [msg.event for msg in self.events])


@pytest.fixture
def stage(start_graph):
    return Stage(start_graph(*EXPERT))


def test_the_expert_waits_for_a_start(stage):
    stage.graph.until(lambda: len(stage.states) > 5)
    assert not stage.events and not stage.commands


def test_the_episode_is_the_one_that_was_asked_for(stage):
    stage.ask(cluster='7', seed=12, detail='from_mug')
    stage.wait_for(EpisodeEvent.START)
    told = [(msg.event, msg.cluster, msg.seed, msg.detail) for msg in stage.events]
    assert told == [
        (event, '7', 12, 'from_mug') for event in (EpisodeEvent.RESET, EpisodeEvent.START)
    ]


def test_the_goal_is_the_one_that_was_asked_for_and_is_put_in_words(stage):
    told = stage.graph.collect(String, 'instruction', qos.LATCHED)
    stage.ask(cluster='7', seed=12, goal='saucer')
    stage.wait_for(EpisodeEvent.START)
    assert {msg.goal for msg in stage.events} == {'saucer'}
    assert stage.sim._env.goal.name == 'saucer'
    stage.graph.until(lambda: told and told[-1].data in stage.sim._env.goal.taught)


def test_the_start_tells_how_the_bag_is_turned(stage):
    env = TaskChoice().make()
    for seed in (3, 8):
        stage.ask(cluster='7', seed=seed)
        stage.graph.until(lambda seed=seed: seed in [msg.seed for msg in stage.events])
        env.reset(seed, 7)
        turned = env.rotation
        assert list(stage.events[-1].rotation) == pytest.approx([turned], abs=0.02)


def test_the_scene_rests_before_the_expert_moves(stage):
    stage.ask()
    stage.wait_for(EpisodeEvent.START)
    reset, start = (messages.seconds(msg.header.stamp) for msg in stage.events)
    assert 0.45 < start - reset < 0.6


def test_commands_and_states_bear_the_same_times(stage):
    stage.ask()
    stage.wait_for(EpisodeEvent.START)
    stage.graph.until(lambda: len(stage.commands) > 10)
    begin = messages.seconds(stage.states[0].header.stamp)
    ticks = [30 * (messages.seconds(msg.header.stamp) - begin) for msg in stage.commands]
    assert ticks == pytest.approx([round(tick) for tick in ticks], abs=1e-3)
    assert {1.0} == {round(b - a, 3) for a, b in itertools.pairwise(ticks)}
    first, tenth = (stage.commands[i].points[0].positions for i in (0, 10))
    assert list(stage.commands[0].joint_names) == list(stage.states[0].name)
    assert max(abs(a - b) for a, b in zip(first, tenth, strict=True)) > 0.005


def test_a_new_start_replaces_the_running_episode(stage):
    stage.ask(seed=3)
    stage.wait_for(EpisodeEvent.START)
    stage.ask(seed=4)
    stage.graph.until(lambda: len(stage.events) == 4)
    assert [(msg.event, msg.seed) for msg in stage.events] == [
        (EpisodeEvent.RESET, 3),
        (EpisodeEvent.START, 3),
        (EpisodeEvent.RESET, 4),
        (EpisodeEvent.START, 4),
    ]


@pytest.mark.parametrize('start', [{'cluster': '12'}, {'detail': 'earthquake'}, {'goal': 'x'}])
def test_a_start_that_cannot_be_set_up_is_reported(stage, start):
    stage.ask(**start)
    stage.graph.until(lambda: stage.sim._faults == {'next_start': 1})
    assert not stage.events


def test_the_expert_is_not_reset_by_hand(stage):
    client = stage.graph.peer.create_client(Trigger, 'sim/reset')
    stage.graph.until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    stage.graph.until(future.done)
    assert not future.result().success and 'next_start' in future.result().message


def test_a_driver_that_does_not_exist_is_refused(start_graph):
    start_graph('sim:driver:=monkey')
    with pytest.raises(ConfigError, match="got 'monkey', expected one of commands, expert"):
        SimNode()

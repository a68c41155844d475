# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recorder takes more than a dataset needs: the story of a run, or the whole graph."""

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recorder_source import Source
from std_msgs.msg import String

from vla_ros.dataset.bag import decode, list_episodes
from vla_ros.msg import EpisodeEvent, Features, QueueStatus, SimState
from vla_ros.ros import qos
from vla_ros.ros.tensors import SMALLEST, TensorSender


def test_the_story_is_recorded_too_with_what_was_said_before_each_episode(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, topics='story')
    graph = source.graph
    description = graph.peer.create_publisher(String, 'robot_description', qos.LATCHED)
    description.publish(String(data='<robot/>'))
    statuses = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
    graph.until(lambda: description.get_subscription_count() > 0)
    graph.spin(0.2)
    graph.peer.create_timer(0.05, lambda: statuses.publish(QueueStatus(request_id=7)))
    graph.peer.create_publisher(String, 'chatter', 10)
    for _ in range(2):
        source.record(frames=12)
    for episode in list_episodes(source.root):
        topics = episode.topics()
        assert topics['/queue_status'] == 'vla_ros/msg/QueueStatus' and '/chatter' not in topics
        assert {decode(m).request_id for m in episode.messages(['/queue_status'])} == {7}
        assert [decode(m).data for m in episode.messages(['/robot_description'])] == ['<robot/>']


def test_all_of_the_graph_is_recorded_but_for_privileged_knowledge(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, topics='all')
    graph = source.graph
    chatter = graph.publisher(String, 'chatter', 10)
    state = graph.peer.create_publisher(SimState, 'sim_state', qos.SENSOR)
    graph.peer.create_timer(0.05, lambda: chatter.publish(String(data='x')))
    graph.peer.create_timer(0.05, lambda: state.publish(SimState()))
    source.record(frames=60)  # nodes tell once a second how they are
    (episode,) = list_episodes(source.root)
    assert {'/chatter', '/diagnostics'} <= set(episode.topics())
    assert '/sim_state' not in episode.topics() and '/parameter_events' not in episode.topics()


def test_features_are_recorded_with_their_bytes_wherever_those_lie(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, topics='vision_features')
    graph = source.graph
    publisher = graph.publisher(Features, 'vision_features', qos.LATEST)
    node = source.recorder
    sender = TensorSender(node, publisher, 'always')
    values = np.arange(SMALLEST, dtype=np.float32)
    graph.peer.create_timer(0.05, lambda: sender.publish(Features(), {'features': values}))
    source.record(frames=12)
    sender.close()
    (episode,) = list_episodes(source.root)
    (tensor,) = decode(next(episode.messages(['/vision_features']))).tensors
    assert tensor.segment == ''
    np.testing.assert_array_equal(tensor.data.view(np.float32), values)


def test_failures_are_kept_where_they_are_wanted_and_no_plan_ends_that(start_graph, tmp_path):
    source = Source(start_graph, tmp_path, keep_failures='true')
    source.record(end=EpisodeEvent.TIMEOUT, detail='')
    (episode,) = list_episodes(source.root)
    assert episode.info.outcome == 'timeout'
    for index in range(1, 8):  # the plan has 6
        source.tell(EpisodeEvent.START, episode=index)
        source.play(1)
        source.tell(EpisodeEvent.FAILURE, episode=index)
    source.graph.until(lambda: len(list_episodes(source.root)) == 8)
    assert not source.recorder.finished

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Replays through the real nodes: the chunks of the fused policy, from the same observations."""

import json

import numpy as np
import pytest

pytest.importorskip('rosbags')

from bundles import CAMERAS
from recordings import START, write_episode
from replays import make_messages
from sensor_msgs.msg import Image, JointState

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.dataset.align import align
from vla_ros.dataset.bag import EpisodeInfo, header_time, list_episodes
from vla_ros.dataset.from_bags import describe, make_frames
from vla_ros.dataset.replay.bag_samples import read_track
from vla_ros.dataset.replay.drive import plan
from vla_ros.dataset.replay.fast import answer_all
from vla_ros.dataset.replay.result import Replay
from vla_ros.dataset.replay.settings import Settings
from vla_ros.dataset.streams import find_streams
from vla_ros.msg import ActionChunk, Features, QueueStatus
from vla_ros.nodes.action_expert import ActionExpertNode
from vla_ros.nodes.llm_backbone import LlmBackboneNode
from vla_ros.nodes.player import PlayerNode
from vla_ros.nodes.vision_encoder import VisionEncoderNode
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.ros import messages, qos
from vla_ros.ros.playback import SAME, Answers, restamp

FPS = 30


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags')
    write_episode(folder, EpisodeInfo(4), make_messages())
    return folder


def play(start_graph, bags, bundle, *parameters):
    """Play the bags through the nodes of a policy; return the player when it is done."""
    words = [f'policy:={bundle}', f'player:bag:={bags}', 'player:every:=0.3', *parameters]
    graph = start_graph(*words)
    player = PlayerNode()
    for node in (VisionEncoderNode(), LlmBackboneNode(), ActionExpertNode(), player):
        graph.start(node)
    graph.until(lambda: player.finished)
    return player


def fast_replay(bags, bundle, settings):
    policy = Policy(load_bundle(bundle))
    robot = load_robot(find_config('robots', 'so101'))
    replay = Replay(bundle, policy.spec, robot, settings, 'fast')
    for episode in list_episodes(bags):
        track = read_track(episode, policy.spec)
        asks = plan(track, policy.spec, robot, settings)
        replay.add(track, answer_all(track, asks, policy))
    return replay


def test_the_nodes_give_the_scores_of_the_fused_policy(start_graph, bags, tiny_bundle, tmp_path):
    player = play(start_graph, bags, tiny_bundle, f'player:json:={tmp_path / "wall.json"}')
    assert player.exit_code == 0
    wall = json.loads((tmp_path / 'wall.json').read_text())
    fast = json.loads(json.dumps(fast_replay(bags, tiny_bundle, Settings(every=0.3)).as_json()))
    assert wall['scores'] == fast['scores'] and wall['blocks'] == fast['blocks']
    assert wall['scores']['all']['chunks'] > 3
    stages = wall['timing']['stages']
    assert set(stages) == {'vision_encoder', 'llm_backbone', 'action_expert', 'total'}
    assert 0.5 < wall['timing']['times_real_time'] < 1.1 or wall['timing']['repeated']


def test_an_error_beyond_what_is_allowed_ends_the_node_with_1(start_graph, bags, tiny_bundle):
    assert play(start_graph, bags, tiny_bundle, 'player:max_mae:=0.001').exit_code == 1


def test_a_player_without_a_bag_says_what_it_needs(start_graph, tiny_bundle, capfd):
    graph = start_graph(f'policy:={tiny_bundle}')
    player = PlayerNode()
    graph.add(player)
    assert not player.start()
    assert 'expected a bag or a folder of bags: bag:=recordings' in capfd.readouterr().err


def test_an_answer_is_known_by_its_observation():
    answers = Answers()
    for request, time in ((1, 10.0), (2, 11.0)):
        msg = ActionChunk(sequence=request)
        msg.header.stamp = messages.stamp(time)
        answers.note(msg)
    assert answers.wait(3, 11.0, 0.0)[0].sequence == 2
    assert answers.wait(3, 11.0, 0.0) is None


def test_a_message_gets_another_stamp_and_stays_what_it_is():
    message = next(m for m in make_messages(1) if m.topic.endswith('image_raw'))
    changed = restamp(message.data, 12.25)
    assert header_time(changed) == 12.25
    assert restamp(changed, header_time(message.data))[12:] == message.data[12:]


@pytest.fixture
def encoder(start_graph, tiny_bundle):
    """Return the graph of a vision encoder, the node, and the pictures that it encodes."""
    graph = start_graph(f'policy:={tiny_bundle}', 'max_age:=60.0')
    node = graph.start(VisionEncoderNode())
    seen = []
    encode = node._encoder.encode

    def note(images, features):
        seen.append({name: image.copy() for name, image in images.items()})
        return encode(images, features)

    node._encoder.encode = note
    return graph, node, seen


def test_the_frames_of_a_dataset_are_what_the_live_vision_encoder_sees(encoder, bags):
    """Feed the recorded messages to the node, ask at every frame, and compare bit for bit."""
    graph, node, seen = encoder
    (episode,) = list_episodes(bags)
    streams = find_streams(episode)
    alignment = align(episode, streams, FPS, 0.05)
    frames = list(make_frames(episode, streams, alignment, describe(episode, FPS)))
    answers = graph.collect(Features, 'vision_features', qos.LATEST)
    ask = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
    outputs = {streams.state: graph.publisher(JointState, 'joint_states', qos.SENSOR)}
    for name, topic in streams.cameras.items():
        outputs[topic] = graph.publisher(Image, f'camera/{name}/image_raw', qos.SENSOR)
    shift = graph.peer.get_clock().now().nanoseconds * 1e-9 - START
    due = [time + 0.005 for time in alignment.times]  # the later camera's picture is there then
    for message in episode.messages(list(outputs)):
        stamp = header_time(message.data)
        if len(answers) < len(due) and stamp > due[len(answers)]:
            answer_next(graph, ask, answers)
        outputs[message.topic].publish(restamp(message.data, stamp + shift))
        source = message.topic.removeprefix('/')
        graph.until(
            lambda s=source, t=stamp: node._observations._newest.get(s, 0) > t + shift - SAME
        )
    if len(answers) < len(due):
        answer_next(graph, ask, answers)
    assert len(seen) == len(answers) == len(frames) > 40
    for frame, images, answer in zip(frames, seen, answers, strict=True):
        assert images.keys() == frame.images.keys() == set(CAMERAS)
        for camera, image in images.items():
            np.testing.assert_array_equal(image, frame.images[camera])
        (state,) = messages.tensors_by_name(answer.tensors, ('state',))
        np.testing.assert_array_equal(messages.tensor_from_msg(state), frame.state)


def answer_next(graph, ask, answers):
    """Ask for features, and wait for them."""
    count = len(answers) + 1
    ask.publish(QueueStatus(request=True, request_id=count))
    graph.until(lambda: len(answers) == count)

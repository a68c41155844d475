# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes of a flow policy: instruction, steps and seed, and the queue that is continued."""

import json

import numpy as np
import pytest
from bundles import CHUNK, FPS, JOINTS, pictures
from flow_bundles import write_flow_bundle
from std_msgs.msg import String

from vla_ros.core import chunk as core
from vla_ros.core.errors import ConfigError
from vla_ros.msg import ActionChunk, QueueStatus
from vla_ros.nodes.action_expert import ActionExpertNode
from vla_ros.nodes.llm_backbone import LlmBackboneNode
from vla_ros.nodes.policy import PolicyNode
from vla_ros.nodes.vision_encoder import VisionEncoderNode
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.family import ExpertSettings, Queued
from vla_ros.policy.pipeline import Policy
from vla_ros.ros import messages, qos
from vla_ros.ros.continuation import ExpertParams

from .test_stages import STATE, Robot

SPLIT = (VisionEncoderNode, LlmBackboneNode, ActionExpertNode)


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return write_flow_bundle(tmp_path_factory.mktemp('policies') / 'flow', held_rows=8)


@pytest.fixture
def start_policy(start_graph, path):
    """Return a function that starts nodes of the policy with parameters."""

    def start(nodes, *parameters):
        graph = start_graph(f'policy:={path}', *parameters)
        for node in nodes:
            graph.start(node())
        return graph, graph.collect(ActionChunk, 'action_chunk', qos.LATEST)

    return start


def fused(path, queued=None, instruction=None, **settings):
    policy = Policy(load_bundle(path), settings=ExpertSettings(**settings))
    return policy.predict(pictures(), STATE, instruction, 1, queued)[0]


def values(msg):
    return messages.chunk_from_msg(msg, JOINTS).values.astype(np.float32)


def ask(graph, robot, chunks, request=1):
    """Have a request answered; return the answer."""
    time = robot.observe()
    robot.ask(request)
    graph.until(lambda: chunks and chunks[-1].sequence == request)
    return time, chunks[-1]


@pytest.mark.parametrize('nodes', [SPLIT, (PolicyNode,)], ids=['split', 'in one node'])
def test_steps_and_seed_are_parameters(start_policy, path, nodes):
    graph, chunks = start_policy(nodes, 'denoise_steps:=4', 'seed:=9')
    _, answer = ask(graph, Robot(graph), chunks)
    np.testing.assert_array_equal(values(answer), fused(path, steps=4, seed=9))


def test_instruction_takes_effect_at_the_next_chunk(start_policy, path):
    graph, chunks = start_policy(SPLIT)
    instruction = graph.publisher(String, 'instruction', qos.LATCHED)
    robot = Robot(graph)
    _, before = ask(graph, robot, chunks)
    np.testing.assert_array_equal(values(before), fused(path))
    instruction.publish(String(data='Put it on the saucer.'))
    graph.spin(0.2)
    chunks.clear()
    _, after = ask(graph, robot, chunks, 2)
    policy = Policy(load_bundle(path))
    expected, _ = policy.predict(pictures(), STATE, 'Put it on the saucer.', 2)
    np.testing.assert_array_equal(values(after), expected)


@pytest.mark.parametrize('nodes', [SPLIT, (PolicyNode,)], ids=['split', 'in one node'])
def test_policy_of_several_tasks_waits_until_it_is_told_which(start_graph, tmp_path, capfd, nodes):
    path = without_instruction(tmp_path / 'several')
    graph = start_graph(f'policy:={path}')
    for node in nodes:
        graph.start(node())
    chunks, robot = graph.collect(ActionChunk, 'action_chunk', qos.LATEST), Robot(graph)
    robot.observe()
    said = []

    def complains():
        robot.ask(1)
        said.append(capfd.readouterr().err)
        return 'no answer yet: instruction: got none, and the policy knows' in ''.join(said)

    graph.until(complains)
    assert not chunks
    graph.publisher(String, 'instruction', qos.LATCHED).publish(String(data='Put it there.'))
    graph.spin(0.2)
    _, answer = ask(graph, robot, chunks)
    np.testing.assert_array_equal(values(answer), fused(path, instruction='Put it there.'))


def test_policy_of_several_tasks_is_told_which_by_a_parameter(start_graph, tmp_path):
    path = without_instruction(tmp_path / 'several')
    graph = start_graph(f'policy:={path}', 'instruction:=Put it there.')
    graph.start(PolicyNode())
    chunks = graph.collect(ActionChunk, 'action_chunk', qos.LATEST)
    _, answer = ask(graph, Robot(graph), chunks)
    np.testing.assert_array_equal(values(answer), fused(path, instruction='Put it there.'))


def without_instruction(path):
    """Write the flow bundle as one that learned several tasks; return it."""
    file = write_flow_bundle(path) / 'policy.json'
    file.write_text(json.dumps(json.loads(file.read_text()) | {'instruction': ''}))
    return path


@pytest.mark.parametrize('how', ['guide', 'hold'])
@pytest.mark.parametrize('nodes', [SPLIT, (PolicyNode,)], ids=['split', 'in one node'])
def test_chunk_that_is_being_played_is_continued(start_policy, path, nodes, how):
    graph, chunks = start_policy(nodes, f'continuation:={how}')
    robot = Robot(graph)
    status = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
    rng = np.random.default_rng(2)
    rows = np.cumsum(rng.normal(0, 0.05, (CHUNK, len(JOINTS))), axis=0).astype(np.float32)
    time = robot.observe()
    turned = core.ActionChunk(rows[:, ::-1], time - 0.1, 1 / FPS, 7, JOINTS[::-1])
    sent = messages.chunk_to_msg(turned)
    told = QueueStatus(request=True, request_id=1, inference_delay=5, queued=[sent])
    graph.until(lambda: (status.publish(told), graph.spin(0.05), bool(chunks))[-1])
    old = messages.chunk_from_msg(sent, JOINTS)
    expected = fused(path, Queued(old, time, 5), continuation=how)
    np.testing.assert_array_equal(values(chunks[0]), expected)
    assert not np.array_equal(expected, fused(path))


def test_queue_that_does_not_tell_what_it_plays_is_named_and_answered_all_the_same(
    start_policy, path, capfd
):
    graph, chunks = start_policy((PolicyNode,), 'continuation:=guide')
    robot = Robot(graph)
    status = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
    robot.observe()
    silent = QueueStatus(request=True, request_id=1, remaining=0.5)
    graph.until(lambda: (status.publish(silent), graph.spin(0.05), bool(chunks))[-1])
    np.testing.assert_array_equal(values(chunks[0]), fused(path))
    captured = capfd.readouterr()
    assert 'set real_time_chunking:=true in the action_queue' in captured.out + captured.err


def test_negative_seed_draws_one_at_each_start():
    first, second = (ExpertParams(seed=-1).settings.seed for _ in range(2))
    assert first != second and min(first, second) >= 0


def test_continuation_that_is_none_of_the_known_is_refused():
    with pytest.raises(ConfigError, match="got 'follow', expected one of"):
        _ = ExpertParams(continuation='follow').settings


def test_policy_that_does_not_denoise_is_not_continued(start_graph, tiny_bundle, capfd):
    graph = start_graph(f'policy:={tiny_bundle}', 'continuation:=guide')
    node = graph.add(ActionExpertNode())
    assert not node.start()
    captured = capfd.readouterr()
    assert 'which does not denoise' in captured.out + captured.err

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The three nodes of a policy, spinning: what goes in, what comes out, what is refused."""

import json

import numpy as np
import onnx
import pytest
from bundles import CAMERAS, CHUNK, FPS, JOINTS, MEMORY, SIZE, pictures, write_tiny_bundle
from diagnostic_msgs.msg import DiagnosticArray
from flow_bundles import write_flow_bundle
from onnx import TensorProto, helper, numpy_helper
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from vla_ros.core.errors import VlaError
from vla_ros.msg import ActionChunk, Features, QueueStatus
from vla_ros.nodes import vision_encoder
from vla_ros.nodes.action_expert import ActionExpertNode
from vla_ros.nodes.llm_backbone import LlmBackboneNode
from vla_ros.nodes.policy import PolicyNode
from vla_ros.nodes.vision_encoder import VisionEncoderNode
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.integrity import file_sha256
from vla_ros.policy.pipeline import Policy
from vla_ros.ros import messages, qos, tensors

STATE = np.linspace(-1, 1, len(JOINTS))


def tensor(answer, name):
    (msg,) = messages.tensors_by_name(answer.tensors, (name,))
    return messages.tensor_from_msg(msg)


def as_msgs(arrays):
    return [messages.tensor_to_msg(name, values) for name, values in arrays.items()]


class Robot:
    """The peer as robot, cameras, queue and operator."""

    def __init__(self, graph):
        self.graph = graph
        topics = {name: f'camera/{name}/image_raw' for name in pictures()}
        self._images = {
            name: graph.publisher(Image, topic, qos.SENSOR) for name, topic in topics.items()
        }
        self._joints = graph.publisher(JointState, 'joint_states', qos.SENSOR)
        self._status = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)

    def now(self):
        return self.graph.peer.get_clock().now().nanoseconds * 1e-9

    def show(self, images, time=None):
        """Publish pictures of one time."""
        for name, image in images.items():
            self._images[name].publish(messages.image_to_msg(image, time or self.now(), name))

    def feel(self, state=STATE, names=JOINTS, time=None):
        """Publish joint positions."""
        msg = JointState(name=list(names), position=[float(value) for value in state])
        msg.header.stamp = messages.stamp(time or self.now())
        self._joints.publish(msg)

    def observe(self, images=None, state=STATE):
        """Publish a whole observation and return its time."""
        time = messages.seconds(messages.stamp(self.now()))
        self.show(images or pictures(), time)
        self.feel(state, time=time)
        return time

    def ask(self, request):
        """Ask for a chunk."""
        self._status.publish(QueueStatus(request=True, request_id=request))


@pytest.fixture
def encoder_graph(start_graph, tiny_bundle):
    """Return the running vision encoder's graph."""
    graph = start_graph(f'policy:={tiny_bundle}', 'max_age:=0.2')
    graph.start(VisionEncoderNode())
    return graph


@pytest.fixture
def policy(tiny_bundle):
    return Policy(load_bundle(tiny_bundle))


def answer(graph, robot, answers, request, **observation):
    """Observe and ask until the request is answered; return the answer."""
    graph.until(
        lambda: (
            robot.observe(**observation),
            robot.ask(request),
            graph.spin(0.03),
            answers and answers[-1].sequence == request,
        )[-1]
    )
    return answers[-1]


@pytest.mark.parametrize(
    ('nodes', 'smallest'),
    [
        ((VisionEncoderNode, LlmBackboneNode, ActionExpertNode), tensors.SMALLEST),
        ((VisionEncoderNode, LlmBackboneNode, ActionExpertNode), 0),
        ((PolicyNode,), 0),
    ],
    ids=['in messages', 'through shared memory', 'in one node'],
)
@pytest.mark.parametrize('write', [write_tiny_bundle, write_flow_bundle], ids=['act', 'smolvla'])
def test_request_is_answered_with_the_chunk_that_the_fused_policy_computes(
    start_graph, tmp_path, monkeypatch, write, nodes, smallest
):
    monkeypatch.setattr(tensors, 'SMALLEST', smallest)
    path = write(tmp_path / 'bundle')
    graph = start_graph(f'policy:={path}')
    for node in nodes:
        graph.start(node())
    chunks = graph.collect(ActionChunk, 'action_chunk', qos.LATEST)
    robot = Robot(graph)
    time = robot.observe()
    robot.ask(1)
    graph.until(lambda: chunks)
    chunk = messages.chunk_from_msg(chunks[0], JOINTS)
    expected, _ = Policy(load_bundle(path)).predict(pictures(), STATE, sequence=1)
    np.testing.assert_array_equal(chunk.values.astype(np.float32), expected)
    assert chunk.values.shape == (CHUNK, len(JOINTS))
    assert (chunk.start, chunk.step, chunk.sequence) == (time, 1 / FPS, 1)
    assert messages.seconds(chunks[0].header.stamp) == time
    timings = chunks[0].timings
    assert [t.stage for t in timings] == ['vision_encoder', 'llm_backbone', 'action_expert']
    moments = [messages.seconds(t) for timing in timings for t in (timing.start, timing.end)]
    assert moments == sorted(moments)
    assert time <= moments[0]


def test_nothing_is_encoded_that_nobody_asked_for(encoder_graph):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    for _ in range(5):
        robot.observe()
        encoder_graph.spin(0.05)
    assert not answers


def test_request_is_answered_once_and_the_next_one_with_a_newer_observation(encoder_graph):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    robot.observe()
    robot.ask(1)
    encoder_graph.until(lambda: answers)
    for request in (1, 2):
        robot.ask(request)
        encoder_graph.spin(0.2)
    assert len(answers) == 1
    second = answer(encoder_graph, robot, answers, 2)
    times = [messages.seconds(msg.header.stamp) for msg in (answers[0], second)]
    assert times[1] > times[0]


def test_request_that_is_taken_back_is_not_answered(encoder_graph):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    robot.ask(1)
    encoder_graph.spin(0.1)
    robot._status.publish(QueueStatus(request=False, request_id=1))
    encoder_graph.spin(0.1)
    robot.observe()
    encoder_graph.spin(0.2)
    assert not answers


def test_joint_states_are_mapped_by_name(encoder_graph):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    time = robot.now()
    robot.show(pictures(), time)
    robot.feel([9.0, *STATE[::-1]], ['other', *JOINTS[::-1]], time)
    robot.ask(1)
    encoder_graph.until(lambda: answers)
    np.testing.assert_array_equal(tensor(answers[0], 'state'), STATE)


def test_instruction_of_the_operator_goes_with_the_features(encoder_graph):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    first = answer(encoder_graph, robot, answers, 1)
    assert first.instruction == 'Grab the tea bag and place it in the mug.'
    operator = encoder_graph.publisher(String, 'instruction', qos.LATCHED)
    operator.publish(String(data='Wave.'))
    encoder_graph.spin(0.1)
    assert answer(encoder_graph, robot, answers, 2).instruction == 'Wave.'
    sayings = (('  Wave twice.\r\n', 'Wave twice.'), (' \t\n', first.instruction))
    for number, (said, meant) in enumerate(sayings, 3):
        operator.publish(String(data=said))
        encoder_graph.spin(0.1)
        assert answer(encoder_graph, robot, answers, number).instruction == meant


@pytest.mark.parametrize(
    ('mistake', 'message'),
    [
        (
            lambda robot: robot.show({'top': np.zeros((480, 640, 3), np.uint8)}),
            'camera top: got uint8 (480, 640, 3), expected uint8 (24, 32, 3); set the camera',
        ),
        (
            lambda robot: robot._images['gripper'].publish(Image(encoding='depth')),
            "camera gripper: got encoding 'depth'",
        ),
        (
            lambda robot: robot.feel([float('nan'), *STATE[1:]]),
            "joint state: got NaN or infinity for ['shoulder_pan']",
        ),
        (
            lambda robot: robot.feel([*STATE, 0.0], [*JOINTS, JOINTS[0]]),
            'joint state: got shoulder_pan twice in one message',
        ),
    ],
)
def test_bad_input_is_named_and_not_answered(encoder_graph, capfd, mistake, message):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    robot.ask(1)
    for _ in range(5):
        mistake(robot)
        encoder_graph.spin(0.05)
    assert not answers
    assert capfd.readouterr().err.count(message) == 1
    assert answer(encoder_graph, robot, answers, 1).sequence == 1


def write_fragile_bundle(path):
    """Write a bundle whose vision encoder fails on white pixels: it looks them up in a table."""
    write_tiny_bundle(path)
    model = onnx.load(path / 'vision_encoder.onnx')
    graph = model.graph
    graph.node[-1].output[0] = 'unchecked'
    graph.initializer.append(numpy_helper.from_array(np.zeros(255, np.float32), 'table'))
    graph.node.extend(
        [
            helper.make_node('Cast', ['image'], ['whole'], to=TensorProto.INT64),
            helper.make_node('ReduceMax', ['whole'], ['brightest'], keepdims=0),
            helper.make_node('Gather', ['table', 'brightest'], ['nothing']),
            helper.make_node('Add', ['unchecked', 'nothing'], ['features']),
        ]
    )
    onnx.save(model, path / 'vision_encoder.onnx')
    content = json.loads((path / 'policy.json').read_text())
    sha256 = file_sha256(path / 'vision_encoder.onnx')
    content['blocks']['vision_encoder']['sha256'] = sha256
    (path / 'policy.json').write_text(json.dumps(content))
    return path


def test_failed_inference_is_reported_and_the_next_observation_encoded(
    start_graph, tmp_path, capfd
):
    graph = start_graph(f'policy:={write_fragile_bundle(tmp_path / "fragile")}')
    graph.start(VisionEncoderNode())
    answers = graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(graph)
    robot.ask(1)
    white, grey = ({name: np.full((24, 32, 3), v, np.uint8) for name in CAMERAS} for v in (255, 9))
    for _ in range(3):
        robot.observe(white)
        graph.spin(0.05)
    assert not answers
    assert 'vision_encoder.onnx: inference failed' in capfd.readouterr().err
    robot.observe(grey)
    graph.until(lambda: answers)


def test_request_that_waits_says_for_what(encoder_graph, capfd, monkeypatch):
    monkeypatch.setattr(vision_encoder, 'PATIENCE', 0.2)
    robot = Robot(encoder_graph)
    for _ in range(8):
        robot.show({'top': pictures()['top']})
        robot.ask(1)
        encoder_graph.spin(0.05)
    text = capfd.readouterr().err
    assert 'no answer yet: camera/gripper/image_raw, joint_states: nothing new' in text


def test_camera_that_freezes_while_the_arm_moves_gets_no_answer(encoder_graph, capfd):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(encoder_graph)
    first = pictures()
    answer(encoder_graph, robot, answers, 1, images=first)
    answer(encoder_graph, robot, answers, 2, images=first)  # the arm stands: nothing is wrong
    frozen, moved = next(iter(first)), STATE + 0.5
    live = {name: image ^ 1 for name, image in first.items()}
    for _ in range(10):
        robot.observe(live | {frozen: first[frozen]}, moved)
        robot.ask(3)
        encoder_graph.spin(0.05)
    assert answers[-1].sequence == 2
    assert (
        f'camera {frozen}: got the same picture although the arm moved' in capfd.readouterr().err
    )
    answer(encoder_graph, robot, answers, 3, images=live, state=moved)


def test_deactivated_encoder_is_silent_and_answers_again_afterwards(encoder_graph):
    answers = encoder_graph.collect(Features, 'vision_features', qos.LATEST)
    encoder = encoder_graph.nodes[-1]
    robot = Robot(encoder_graph)
    answer(encoder_graph, robot, answers, 1)
    encoder.trigger_deactivate()
    for _ in range(4):
        robot.observe()
        robot.ask(2)
        encoder_graph.spin(0.05)
    assert len(answers) == 1
    encoder.trigger_activate()
    assert answer(encoder_graph, robot, answers, 2).sequence == 2


@pytest.mark.parametrize(
    ('tensors', 'message'),
    [
        ({'memory': np.zeros((1, 3, SIZE), np.float32)}, 'inference failed'),
        ({'memory': np.full((1, MEMORY, SIZE), np.nan, np.float32)}, 'NaN or infinity'),
        ({'other': np.zeros(1)}, "expected also ['memory']"),
    ],
)
def test_context_that_can_not_be_computed_is_reported_and_survived(
    start_graph, tiny_bundle, capfd, tensors, message
):
    graph = start_graph(f'policy:={tiny_bundle}')
    graph.start(ActionExpertNode())
    chunks = graph.collect(ActionChunk, 'action_chunk', qos.LATEST)
    contexts = graph.publisher(Features, 'context', qos.LATEST)
    contexts.publish(Features(sequence=1, tensors=as_msgs(tensors)))
    graph.spin(0.2)
    assert not chunks
    assert message in capfd.readouterr().err
    good = {'memory': np.zeros((1, MEMORY, SIZE), np.float32)}
    contexts.publish(Features(sequence=2, tensors=as_msgs(good)))
    graph.until(lambda: chunks)
    assert chunks[0].sequence == 2


def test_diagnostics_say_what_really_runs(start_graph, tiny_bundle):
    graph = start_graph(f'policy:={tiny_bundle}')
    graph.start(LlmBackboneNode())
    reports = graph.collect(DiagnosticArray, '/diagnostics', 10)
    graph.until(lambda: reports)
    values = {item.key: item.value for item in reports[-1].status[0].values}
    assert values['providers'] == 'CPUExecutionProvider'
    assert values['device'] == 'cpu'
    assert values['policy'] == str(tiny_bundle)


def test_policy_that_is_not_there_is_named(start_graph, tmp_path, capfd):
    node = start_graph(f'policy:={tmp_path}/none').add(VisionEncoderNode())
    assert not node.start()
    assert 'none' in capfd.readouterr().err


def test_provider_that_is_not_there_stops_the_node(start_graph, tiny_bundle, tmp_path, capfd):
    board = tmp_path / 'board.yaml'
    board.write_text(
        'nodes: {vision_encoder: {device: npu, providers: [NeutronExecutionProvider]}}'
    )
    node = start_graph(f'policy:={tiny_bundle}', f'placement:={board}').add(VisionEncoderNode())
    assert not node.start()
    text = capfd.readouterr().err
    assert "providers ['NeutronExecutionProvider'], expected some of" in text
    assert 'CPUExecutionProvider' in text


def test_state_of_another_length_is_named(policy):
    with pytest.raises(VlaError, match='expected one value for each of'):
        policy.predict(pictures(), np.zeros(3))


def test_unchanged_pictures_are_not_encoded_again_and_diagnostics_count_them(
    start_graph, tiny_bundle
):
    graph = start_graph(f'policy:={tiny_bundle}', 'reuse_threshold:=1.0')
    encoder = graph.start(VisionEncoderNode())
    answers = graph.collect(Features, 'vision_features', qos.LATEST)
    robot = Robot(graph)
    first, second = (answer(graph, robot, answers, number) for number in (1, 2))
    np.testing.assert_array_equal(tensor(first, 'features'), tensor(second, 'features'))
    diagnostics = encoder.diagnostics()
    assert diagnostics['features reused'] == 'gripper 1 of 2, top 1 of 2'
    assert diagnostics['cameras'] == 'single'

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that come compressed, as image_transport publishes them."""

import cv2
import numpy as np
import pytest
from bundles import CAMERAS, HEIGHT, JOINTS, WIDTH, pictures
from sensor_msgs.msg import CompressedImage, Image, JointState

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.bag import list_episodes
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.msg import EpisodeEvent, Features, QueueStatus
from vla_ros.nodes.recorder import RecorderNode
from vla_ros.nodes.vision_encoder import VisionEncoderNode
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.ros import messages, qos, tensors
from vla_ros.ros.camera_topics import camera_topics

SMOOTH = 3 * np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
SMOOTH = np.stack([SMOOTH, SMOOTH // 2, SMOOTH // 3], axis=-1)  # what JPEG hardly alters


def compressed(image, kind, time):
    """Return the message of a picture (height, width, 3) RGB; of kind broken, half of it."""
    suffix = 'png' if kind == 'broken' else kind
    data = cv2.imencode(f'.{suffix}', image[:, :, ::-1])[1].tobytes()
    msg = CompressedImage(format=f'rgb8; {suffix} compressed bgr8')
    msg.data = data[: len(data) // 8] if kind == 'broken' else data
    msg.header.stamp = messages.stamp(time)
    return msg


class World:
    """Cameras and the joints, and the queue that asks; ``packed`` cameras compress."""

    def __init__(self, graph, packed):
        self.graph, self._packed = graph, packed
        topics = camera_topics(CAMERAS, ','.join(packed))
        self._images = {
            name: graph.publisher(topic.msg_type, topic.name, qos.SENSOR)
            for name, topic in topics.items()
        }
        self._joints = graph.publisher(JointState, 'joint_states', qos.SENSOR)

    def observe(self, images, kind):
        """Publish a whole observation."""
        now = self.graph.peer.get_clock().now().nanoseconds * 1e-9
        for name, image in images.items():
            packed = name in self._packed
            msg = compressed(image, kind, now) if packed else messages.image_to_msg(image, now, '')
            self._images[name].publish(msg)
        msg = JointState(name=list(JOINTS), position=[0.1] * len(JOINTS))
        msg.header.stamp = messages.stamp(now)
        self._joints.publish(msg)


@pytest.fixture
def encode(start_graph, tiny_bundle):
    """Return the function that starts an encoder, and asks it for features."""

    def start(packed, parameter):
        graph = start_graph(f'policy:={tiny_bundle}', f'compressed_cameras:={parameter}')
        graph.start(VisionEncoderNode())
        answers = graph.collect(Features, 'vision_features', qos.LATEST)
        status = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
        status.publish(QueueStatus(request=True, request_id=1))
        return World(graph, packed), answers

    return start


@pytest.mark.parametrize(('kind', 'error'), [('jpeg', 0.05), ('png', 1e-6)])
def test_compressed_pictures_are_taken_where_the_deployment_says_so(
    encode, tiny_bundle, kind, error
):
    world, answers = encode(['gripper'], 'gripper')
    images = pictures() | {'gripper': SMOOTH}
    world.graph.until(lambda: (world.observe(images, kind), world.graph.spin(0.05), answers)[-1])
    with tensors.TensorReceiver().open(answers[0].tensors, ['features']) as got:
        features = np.array(got['features'])
    expected = Policy(load_bundle(tiny_bundle)).vision_encoder.encode(images)
    np.testing.assert_allclose(features, expected, atol=error)


def test_picture_that_is_damaged_is_named_and_the_next_one_is_taken(encode, capfd):
    world, answers = encode(CAMERAS, 'all')
    told = []

    def broken():
        world.observe(pictures(), 'broken')
        world.graph.spin(0.05)
        told.append(capfd.readouterr().err)
        return 'that are no picture' in ''.join(told)

    world.graph.until(broken)
    assert not answers
    world.graph.until(
        lambda: (world.observe(pictures(), 'png'), world.graph.spin(0.05), answers)[-1]
    )


def test_camera_that_there_is_not_is_named(start_graph, tiny_bundle, capfd):
    graph = start_graph(f'policy:={tiny_bundle}', 'compressed_cameras:=griper')
    graph.add(node := VisionEncoderNode())
    assert not node.start()
    told = capfd.readouterr().err
    assert "compressed_cameras: got 'griper'" in told and 'did you mean gripper?' in told
    with pytest.raises(ConfigError, match='expected all, or some of a, b'):
        camera_topics(['a', 'b'], 'c')


def test_topics_are_those_of_image_transport():
    assert camera_topics(['a', 'b'], 'b') == {
        'a': ('camera/a/image_raw', Image),
        'b': ('camera/b/image_raw/compressed', CompressedImage),
    }
    assert {each.msg_type for each in camera_topics(['a', 'b'], 'all').values()} == {
        CompressedImage
    }


def test_recorder_records_what_is_compressed_as_it_comes(start_graph, tmp_path):
    plan = tmp_path / 'plan.yaml'
    plan.write_text('starts: 1\nrecoveries: 0\nclusters: {1: [0.2, 0.0]}\n')
    given = {
        'output': tmp_path / 'set',
        'plan': plan,
        'cameras': ','.join(CAMERAS),
        'compressed_cameras': 'all',
        'gate': 'none',
    }
    graph = start_graph(*(f'{name}:={value}' for name, value in given.items()))
    graph.start(RecorderNode())
    starts = graph.collect(EpisodeEvent, 'next_start', qos.LATCHED)
    episodes = graph.publisher(EpisodeEvent, 'episode', qos.EVENTS)
    world = World(graph, CAMERAS)

    def film():
        world.observe(dict.fromkeys(CAMERAS, SMOOTH), 'png')
        graph.spin(0.05)

    graph.until(lambda: (film(), starts)[-1])
    for event in (EpisodeEvent.START, EpisodeEvent.SUCCESS):
        episodes.publish(EpisodeEvent(event=event, cluster='1'))
        for _ in range(5):
            film()
    graph.until(lambda: list_episodes(tmp_path / 'set'))
    (episode,) = list_episodes(tmp_path / 'set')
    message = next(episode.messages(['/camera/top/image_raw/compressed']))
    np.testing.assert_array_equal(read_picture(message), SMOOTH)

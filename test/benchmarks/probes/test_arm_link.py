# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A loop that is no node reads and commands the robot; a listener hears what it is told."""

import time

import numpy as np
import pytest
from sensor_msgs.msg import Image, JointState

from vla_ros.benchmarks.probes.arm_link import ArmLink
from vla_ros.benchmarks.probes.command_tap import CommandTap
from vla_ros.core.errors import VlaError
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos

JOINTS = ('pan', 'lift')
PICTURE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.fixture
def link():
    link = ArmLink(JOINTS, ['top'])
    yield link
    link.close()


def publish_state(graph, pictures, joints, at):
    """Publish a picture of ``at`` (s) and joints of 10 ms later."""
    pictures.publish(messages.image_to_msg(PICTURE + int(at), at, 'camera_top'))
    msg = JointState(name=['lift', 'pan'], position=[at, -at])
    msg.header.stamp = messages.stamp(at + 0.01)
    joints.publish(msg)
    graph.spin(0.1)


def test_the_newest_of_everything_is_read(start_graph, link):
    graph = start_graph()
    pictures = graph.publisher(Image, 'camera/top/image_raw', qos.SENSOR)
    joints = graph.publisher(JointState, 'joint_states', qos.SENSOR)
    publish_state(graph, pictures, joints, 1.0)
    link.wait(5.0)
    publish_state(graph, pictures, joints, 2.0)
    publish_state(graph, pictures, joints, 3.0)
    for _ in range(2):  # what has been read stays the newest
        reading = link.read()
        assert reading.time == 3.0
        assert reading.positions == pytest.approx([-3.0, 3.0])
        assert (reading.images['top'] == PICTURE + 3).all()


def test_a_robot_that_says_nothing_is_named(link):
    with pytest.raises(VlaError, match=r'nothing on /camera/top/image_raw, /joint_states within'):
        link.wait(0.05)


def test_a_listener_hears_commands_chunks_and_the_end(start_graph, link):
    graph = start_graph()
    with CommandTap(JOINTS) as tap:
        statuses = graph.publisher(QueueStatus, 'queue_status', qos.LATEST)
        events = graph.publisher(EpisodeEvent, 'episode', qos.EVENTS)
        graph.until(lambda: tap.commands or not link.command({'pan': 0.5, 'lift': 0.25}))
        status = QueueStatus(accepted=1, latency=0.5)
        status.header.stamp = messages.stamp(10.0)
        for msg in (status, status):
            statuses.publish(msg)
        events.publish(EpisodeEvent(event=EpisodeEvent.START))
        events.publish(EpisodeEvent(event=EpisodeEvent.SUCCESS, duration=7.0))
        graph.until(lambda: tap.endings)
    assert tap.commands[0].positions == (0.5, 0.25)
    assert abs(tap.commands[0].received - tap.commands[0].stamp * 1e-9) < 1.0
    assert abs(tap.commands[0].received - time.time()) < 10.0
    assert tap.taken == [(10 * 10**9, 9.5)]
    assert tap.endings[0][1:] == (True, 7.0)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The action queue among others who publish what it takes, or what it commands."""

import os
import re

import numpy as np
import pytest
import rclpy
from arm import JOINTS, MEASURED, Arm
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.chunk import ActionChunk as ActionChunkOf
from vla_ros.msg import ActionChunk, EpisodeEvent, QueueStatus
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.ros import messages, qos

CALM = ('rate:=50.0', 'enabled:=true', 'budget_chunks:=0', 'joint_state_timeout:=1.0')


@pytest.fixture
def arm(start_graph):
    """Return the peer of an enabled action queue that knows nothing of the arm yet."""
    return Arm(start_graph(*CALM))


def tell(arm, names, positions, stamped=True):
    """Publish positions of joints at 100 Hz, as a driver of their own; return the timer."""
    publisher = arm.graph.peer.create_publisher(JointState, 'joint_states', 10)

    def publish():
        msg = JointState(name=list(names), position=[float(each) for each in positions])
        if stamped:
            msg.header.stamp = arm.graph.peer.get_clock().now().to_msg()
        publisher.publish(msg)

    return arm.graph.peer.create_timer(0.01, publish)


def run(arm):
    """Have the arm follow a chunk that lasts."""
    arm.begin()
    arm.play(np.linspace(0, 1.0, 101))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)


def test_joints_of_others_do_not_disturb_the_arm(arm):
    tell(arm, ['wheel_left', 'wheel_right'], [1.0, 2.0])
    run(arm)
    arm.statuses.clear()
    arm.graph.spin(0.5)
    assert {status.mode for status in arm.statuses} == {QueueStatus.RUNNING}


def test_a_gripper_with_a_driver_of_its_own_is_put_together_with_the_arm(arm):
    tell(arm, JOINTS[:5], MEASURED[:5])
    arm.graph.until(lambda: arm.statuses and 'no joint state of gripper' in arm.status.reason)
    gripper = tell(arm, JOINTS[5:], MEASURED[5:])
    arm.graph.until(lambda: arm.commands)
    np.testing.assert_allclose(arm.positions[0], MEASURED)
    gripper.cancel()
    arm.graph.until(lambda: 'the joint state of gripper is 1.' in arm.status.reason)
    assert arm.status.mode == QueueStatus.HOLDING


def test_joint_states_without_a_stamp_count_from_when_they_come(arm):
    tell(arm, JOINTS, MEASURED, stamped=False)
    arm.announce(EpisodeEvent.RESET, arm.now() - 0.5)
    arm.graph.until(lambda: arm.commands)


def test_two_publishers_that_contradict_each_other_hold_the_arm_until_one_ends(arm, capfd):
    run(arm)
    wrong = tell(arm, [JOINTS[0]], [MEASURED[0] + 0.5])
    arm.graph.until(lambda: 'shoulder_pan at' in arm.status.reason)
    assert 'from two publishers' in arm.status.reason
    assert arm.status.mode == QueueStatus.HOLDING
    wrong.cancel()
    arm.graph.until(lambda: arm.status.mode == QueueStatus.WAITING)
    assert 'from two publishers, expected one' in capfd.readouterr().err


def test_another_commander_stops_the_arm_until_it_is_enabled_again(arm, capfd):
    run(arm)
    rival = arm.graph.peer.create_publisher(JointTrajectory, '/joint_commands', qos.LATEST)
    arm.graph.until(lambda: arm.status.reason.startswith('/peer commands this arm, too'))
    assert arm.status.mode == QueueStatus.HOLDING
    refused = arm.enable()
    assert not refused.success and refused.message.startswith('/peer commands this arm, too')
    arm.graph.peer.destroy_publisher(rival)
    arm.graph.until(lambda: arm.status.reason == 'not enabled')
    assert arm.enable().success
    arm.graph.until(lambda: arm.status.mode == QueueStatus.WAITING)
    assert '/peer commands this arm, too' in capfd.readouterr().err


def test_of_two_policies_one_keeps_the_arm_and_both_are_named(arm, capfd):
    run(arm)
    arm.graph.until(lambda: arm.node._executor.counters.accepted == 1)
    spare = rclpy.create_node('spare_expert')
    other = arm.graph.add(spare).create_publisher(ActionChunk, 'action_chunk', qos.LATEST)
    arm.graph.until(lambda: other.get_subscription_count() > 0)
    faults = arm.graph.collect(DiagnosticArray, '/diagnostics', 10)
    wrong = np.tile(MEASURED + 0.4, (100, 1))
    for _ in range(3):  # requests, which the other answers before the first does
        chunk = ActionChunkOf(wrong, arm.now(), 0.1, arm.status.request_id, JOINTS)
        other.publish(messages.chunk_to_msg(chunk))
        arm.graph.spin(0.2)
    assert arm.node._executor.counters.accepted == 1
    assert arm.status.mode == QueueStatus.RUNNING
    one = 'one of /peer, /spare_expert'  # on Jazzy, which does not tell who sent a message
    said = re.compile(
        rf'action_chunk: got answers from (/peer and from /spare_expert|{one} and from another '
        rf'{one}), expected those of one'
    )
    assert said.search(capfd.readouterr().err)
    arm.graph.until(
        lambda: any(said.match(status.message) for msg in faults for status in msg.status)
    )
    spare.destroy_publisher(other)


def test_a_second_queue_of_one_arm_is_refused_and_told_who_has_it(arm, capfd):
    second = arm.graph.add(ActionQueueNode())
    assert not second.start()
    said = capfd.readouterr().err
    assert f'process {os.getpid()}' in said and 'commands it: end that one' in said


def test_a_twin_on_another_host_is_known_by_its_statuses(arm):
    """Who has the same names is not told apart by the graph, nor is a predecessor that died."""
    run(arm)
    twin = arm.graph.peer.create_publisher(QueueStatus, 'queue_status', qos.LATEST)
    arm.node._rivals._node = Listing(arm.node)
    arm.graph.spin(0.5)
    assert arm.status.mode == QueueStatus.RUNNING  # a predecessor says nothing
    twin.publish(QueueStatus())
    arm.graph.until(lambda: 'another /action_queue' in arm.node._rival)


class Listing:
    """The node, in whose graph it is listed twice, as after its predecessor was killed."""

    def __init__(self, node):
        self._node = node

    def __getattr__(self, name):
        return getattr(self._node, name)

    def count_publishers(self, topic):
        return 2 * self._node.count_publishers(topic)

    def get_publishers_info_by_topic(self, topic):
        return 2 * self._node.get_publishers_info_by_topic(topic)

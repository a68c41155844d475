# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trajectory on joint_commands is played in its time, by an arm and by a simulated one."""

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')

from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.msg import EpisodeEvent
from vla_ros.nodes.sim import SimNode
from vla_ros.ros import messages, qos


def test_trajectory_is_played_in_its_time_and_stays_at_its_end(operate):
    arm = operate()
    here = arm.position
    arm.play((1.5, here + 0.6), (2.5, here + 0.6), (3.5, here + 0.2))
    began = len(arm.states)
    arm.graph.spin(0.75)
    assert 0.1 < (arm.position - here).min() <= (arm.position - here).max() < 0.5  # half-way
    arm.graph.until(lambda: np.abs(arm.position - here - 0.6).max() < 0.02)
    arm.arrives(here + 0.2)
    arm.graph.spin(1.0)
    np.testing.assert_allclose(arm.position, here + 0.2, atol=0.01)
    seen = np.array([state.position[0] for state in arm.states[began:]]) - here[0]
    times = np.array([messages.seconds(state.header.stamp) for state in arm.states[began:]])
    assert ((times - times[0])[seen > 0.58]).max() > 2.2  # it stayed at the second point


def test_new_trajectory_replaces_the_one_that_is_played(operate):
    arm = operate()
    here = arm.position
    arm.play((4.0, here + 1.0))
    arm.graph.until(lambda: (arm.position - here).min() > 0.2)
    arm.play((1.0, here))
    arm.arrives(here)
    arm.graph.spin(4.0)
    np.testing.assert_allclose(arm.position, here, atol=0.01)


def test_stop_ends_a_trajectory_and_nothing_of_it_is_left(operate):
    arm = operate()
    here = arm.position
    arm.play((3.0, here + 0.9))
    arm.graph.until(lambda: (arm.position - here).min() > 0.2)
    assert arm.call('estop').success
    arm.graph.spin(0.5)
    held = arm.position
    assert arm.call('rearm').success
    arm.graph.spin(3.0)
    np.testing.assert_allclose(arm.position, held, atol=0.01)


def test_trajectory_that_is_over_or_out_of_order_moves_nothing_and_is_told(operate, capfd):
    arm = operate()
    here = arm.position
    arm.play((1.0, here + 0.5), (2.0, here + 0.5), stamp=-5.0)
    arm.graph.until(lambda: 'got a trajectory that ended 3.' in capfd.readouterr().err)
    arm.play((1.0, here + 0.5), (1.0, here + 0.6))
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here, atol=0.005)


def test_trajectory_with_a_stamp_begins_then(operate):
    arm = operate()
    here = arm.position
    arm.play((0.2, here), (1.2, here + 0.4), stamp=1.0)
    arm.graph.spin(0.9)
    np.testing.assert_allclose(arm.position, here, atol=0.01)
    arm.arrives(here + 0.4)


def test_simulated_arm_plays_a_trajectory_in_its_time(start_graph):
    graph = start_graph('clusters:=global')
    node = graph.start(SimNode())
    joints = graph.collect(JointState, 'joint_states', qos.SENSOR)
    events = graph.collect(EpisodeEvent, 'episode', qos.EVENTS)
    commands = graph.publisher(JointTrajectory, 'joint_commands', qos.LATEST)
    graph.until(lambda: joints)
    graph.spin(0.2)
    home = node._env.positions
    msg = JointTrajectory(joint_names=node._env.arm.joint_names)
    for seconds, off in ((1, 0.4), (2, 0.4), (3, 0.0)):
        msg.points.append(JointTrajectoryPoint(positions=[home[0] + off, *home[1:]]))
        msg.points[-1].time_from_start.sec = seconds
    commands.publish(msg)
    graph.until(lambda: events[-1].event == EpisodeEvent.START)
    graph.spin(3.5)
    off = np.array([state.position[0] - home[0] for state in joints])
    times = np.array([messages.seconds(state.header.stamp) for state in joints])
    times -= messages.seconds(events[-1].header.stamp)
    expected = np.interp(times, [0.0, 1.0, 2.0, 3.0], [0.0, 0.4, 0.4, 0.0])
    assert np.abs(off - expected).max() < 0.15  # what the arm lags behind
    assert np.abs(off - expected)[(times > 1.5) & (times < 1.9)].max() < 0.03

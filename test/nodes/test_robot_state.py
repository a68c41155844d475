# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The arm's description is there for whoever comes, and its frames where tf2_msgs is."""

from xml.etree import ElementTree

import numpy as np
import pytest
from arm import JOINTS
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from vla_ros.core.errors import ConfigError
from vla_ros.nodes.robot_state import RobotStateNode, transform_msgs
from vla_ros.ros import messages, qos
from vla_ros.view.frames import Transform, parse_pose


def test_the_description_reaches_who_joins_late(start_graph):
    graph = start_graph()
    graph.start(RobotStateNode())
    got = graph.collect(String, 'robot_description', qos.LATCHED)
    graph.until(lambda: got)
    assert ElementTree.fromstring(got[0].data).get('name') == 'so101'


def test_a_transform_is_told_in_the_terms_of_ros():
    pose = parse_pose('1 2 3 0 0 1.5707963267948966')
    (msg,) = transform_msgs([Transform('world', 'base_link', pose)], messages.stamp(7.5))
    assert (msg.header.frame_id, msg.child_frame_id) == ('world', 'base_link')
    assert messages.seconds(msg.header.stamp) == 7.5
    place, turn = msg.transform.translation, msg.transform.rotation
    assert (place.x, place.y, place.z) == (1.0, 2.0, 3.0)
    np.testing.assert_allclose([turn.x, turn.y, turn.z, turn.w], [0, 0, 0.5**0.5, 0.5**0.5])


def test_the_frames_of_a_prefixed_arm_make_one_tree_with_those_of_its_joints(start_graph):
    tf2 = pytest.importorskip('tf2_msgs.msg', reason='PyPI has no tf2_msgs; a ROS 2 has')
    graph = start_graph('frame_prefix:=left_', 'base_pose:=0 0.3 0 0 0 0')
    graph.start(RobotStateNode())
    fixed = graph.collect(tf2.TFMessage, '/tf_static', qos.LATCHED)
    moving = graph.collect(tf2.TFMessage, '/tf', qos.EVERY_RELIABLE)
    joints = graph.publisher(JointState, 'joint_states', qos.SENSOR)
    msg = JointState(name=list(JOINTS), position=[0.1] * 6)
    msg.header.stamp = messages.stamp(12.0)
    graph.until(lambda: joints.publish(msg) or (fixed and moving))
    assert messages.seconds(moving[0].transforms[0].header.stamp) == 12.0
    items = [*fixed[0].transforms, *moving[0].transforms]
    above = {item.child_frame_id: item.header.frame_id for item in items}
    assert above['left_base_link'] == 'world' and len(above) == len(items) == 11
    assert set(above.values()) - set(above) == {'world'}


def test_the_log_says_once_where_there_are_no_frames(start_graph, monkeypatch, capfd):
    monkeypatch.setattr('vla_ros.nodes.robot_state.find_spec', lambda name: None)
    graph = start_graph()
    graph.start(RobotStateNode())
    graph.spin(0.2)
    assert capfd.readouterr().err.count('tf2_msgs is not installed') == 1


def test_a_pose_that_is_none_stops_the_start(start_graph):
    start_graph('base_pose:=here')
    with pytest.raises(ConfigError, match="base_pose: got 'here'"):
        RobotStateNode()

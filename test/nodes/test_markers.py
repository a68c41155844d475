# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What RViz draws is what the queue, the joints, the cameras and the recorder say."""

import time

import numpy as np
import pytest
from arm import JOINTS, MEASURED, Arm
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, JointState
from visualization_msgs.msg import Marker, MarkerArray

from vla_ros.dataset.plan import find_plan
from vla_ros.msg import QueueStatus
from vla_ros.nodes.markers import COLOURS, MarkersNode
from vla_ros.ros import qos
from vla_ros.view.path import Origin


class Scene:
    """An arm, the markers node, and what is drawn at the moment."""

    def __init__(self, graph, with_arm=True):
        self.graph = graph
        self.arm = Arm(graph) if with_arm else None
        self.node = graph.start(MarkersNode())
        self._drawn = {}
        graph.collect(MarkerArray, 'markers', qos.LATEST)
        graph.peer.create_subscription(MarkerArray, 'markers', self._draw, qos.LATEST)

    def _draw(self, msg):
        for marker in msg.markers:
            key = marker.ns, marker.id
            if marker.action == Marker.DELETE:
                self._drawn.pop(key)
            else:
                self._drawn[key] = marker

    def named(self, name):
        """Return what is drawn under a name."""
        return [marker for (ns, _), marker in sorted(self._drawn.items()) if ns == name]

    def wait_for(self, name, condition=bool):
        """Wait until ``condition`` holds for what is drawn under a name, and return that."""
        self.graph.until(lambda: condition(self.named(name)))
        return self.named(name)


@pytest.fixture
def start_scene(start_graph):
    """Return the function that starts a scene."""

    def start(*parameters, **given):
        patience = ('action_queue:budget_chunks:=0', 'action_queue:joint_state_timeout:=5.0')
        graph = start_graph('action_queue:enabled:=true', *patience, *parameters)
        return Scene(graph, **given)

    return start


def test_joint_states_that_come_in_parts_at_once_are_all_heard(start_scene):
    scene = start_scene(with_arm=False)
    joints = scene.graph.publisher(JointState, 'joint_states', qos.LATEST)
    for names, values in ((JOINTS[:5], MEASURED[:5]), (JOINTS[5:], MEASURED[5:])):
        joints.publish(JointState(name=list(names), position=values.tolist()))
    time.sleep(0.2)  # the node is busy meanwhile
    scene.graph.spin(0.2)
    np.testing.assert_allclose(scene.node._positions, MEASURED)


def play(scene):
    """Have the arm play a plan; on a busy machine the first answer may come too late."""
    arm, answered = scene.arm, 0

    def is_running():
        nonlocal answered
        if arm.status.request and arm.status.request_id > answered:
            answered = arm.status.request_id
            scene.chunk = arm.play(np.linspace(0, 0.8, 100))
        return arm.status.mode == QueueStatus.RUNNING

    arm.begin()
    arm.graph.until(lambda: arm.node._timelines.get_subscription_count() > 0)
    arm.graph.until(is_running)


def test_the_plan_is_the_path_of_the_tool_and_shrinks_as_it_is_played(start_scene):
    scene = start_scene()
    play(scene)
    (plan,) = scene.wait_for('plan')
    assert plan.header.frame_id == 'base_link' and plan.type == Marker.SPHERE_LIST
    assert len(plan.points) == len(plan.colors)
    last = scene.node._model.pose(scene.node._robot.tool, scene.chunk.values[-1])[:3, 3]
    point = plan.points[-1]
    np.testing.assert_allclose([point.x, point.y, point.z], last, atol=1e-3)
    blue = COLOURS[Origin.NEW]
    assert plan.colors[-1].b == pytest.approx(blue[2])
    rows = len(plan.points)
    assert scene.wait_for('plan', lambda drawn: drawn and len(drawn[0].points) < rows)


def test_an_emergency_stop_is_drawn_large_and_takes_the_plan_away(start_scene):
    scene = start_scene()
    play(scene)
    scene.wait_for('plan')
    scene.arm.trigger('estop')
    (ball,) = scene.wait_for('estop')
    assert ball.color.r > 0.7 and ball.scale.x > 0.05
    assert 'Emergency stop' in scene.wait_for('mode')[0].text
    assert not scene.wait_for('plan', lambda drawn: not drawn)
    scene.arm.trigger('rearm')
    scene.wait_for('estop', lambda drawn: not drawn)
    scene.wait_for('mode', lambda drawn: 'press Enable' in drawn[0].text.replace('P', 'p'))


def test_a_joint_at_its_limit_is_marked_where_it_is(start_scene):
    scene = start_scene()
    positions = MEASURED.copy()
    positions[2] = scene.node._robot.upper[2]
    scene.arm.feel(positions)
    (ball,) = scene.wait_for('limit')
    elbow = scene.node._model.pose('lower_arm_link', positions)[:3, 3]
    place = ball.pose.position
    np.testing.assert_allclose([place.x, place.y, place.z], elbow, atol=1e-6)
    assert scene.named('limit_name')[0].text == 'elbow_flex at its limit 1.69'
    scene.arm.feel(MEASURED)
    scene.wait_for('limit', lambda drawn: not drawn)


def test_a_calibrated_camera_is_drawn_with_what_it_sees(start_scene):
    scene = start_scene('markers:cameras:=top,left')
    infos = scene.graph.publisher(CameraInfo, 'camera/left/camera_info', qos.SENSOR)
    info = CameraInfo(width=640, height=480)
    info.k = [320.0, 0, 320, 0, 320.0, 240, 0, 0, 1]
    scene.arm.feel(MEASURED)
    scene.graph.peer.create_timer(0.1, lambda: infos.publish(info))
    (camera,) = scene.wait_for('camera')
    points = np.array([[p.x, p.y, p.z] for p in camera.points])
    pose = scene.node._model.pose('camera_left_optical_frame', MEASURED)
    np.testing.assert_allclose(points[0], pose[:3, 3], atol=1e-6)
    inside = (points - pose[:3, 3]) @ pose[:3, :3]
    assert np.abs(inside[:, 0]).max() == pytest.approx(0.06)  # a right angle across
    assert np.abs(inside[:, 1]).max() == pytest.approx(0.045)


def test_clusters_are_drawn_with_their_coverage_while_a_recording_runs(start_scene):
    scene = start_scene(with_arm=False)
    values = {
        'cluster 3': '10/10 starts, 2/2 recoveries',
        'cluster 4': '0/10 starts, 0/2 recoveries',
    }
    status = DiagnosticStatus(
        name='/recorder', values=[KeyValue(key=key, value=text) for key, text in values.items()]
    )
    diagnostics = scene.graph.publisher(DiagnosticArray, '/diagnostics', 10)
    scene.graph.peer.create_timer(
        0.2, lambda: diagnostics.publish(DiagnosticArray(status=[status]))
    )
    done, empty = scene.wait_for('cluster', lambda drawn: len(drawn) == 2)
    assert (done.pose.position.x, done.pose.position.y) == find_plan('tea_bag').clusters[3]
    assert done.color.g > done.color.r and empty.color.r == pytest.approx(empty.color.g)
    assert [text.text for text in scene.named('coverage')] == ['3: 10/10 + 2/2', '4: 0/10 + 0/2']


def test_frames_of_one_of_several_arms_carry_its_prefix(start_scene):
    scene = start_scene('markers:frame_prefix:=left_')
    scene.arm.feel()
    assert scene.wait_for('mode')[0].header.frame_id == 'left_base_link'


def test_nothing_is_drawn_while_nobody_looks(start_graph):
    graph = start_graph()
    node = graph.start(MarkersNode())
    Arm(graph).feel()
    graph.spin(0.5)
    assert node._markers.count == 0

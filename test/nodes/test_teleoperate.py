# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A person takes the arm over from whoever commands it, and gives it back."""

import os

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')

from servos import ROBOT, simulated_arm
from std_msgs.msg import Int64, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.hardware.gamepad import AXIS, BUTTON, CLUTCH, EVENT
from vla_ros.nodes.robot import RobotNode
from vla_ros.nodes.teleoperate import TeleoperateNode
from vla_ros.ros import qos


class Scene:
    """A robot node, a teleoperate node with a gamepad, and the peer as the policy."""

    def __init__(self, graph, bus, device):
        self.graph, self.bus, self.device = graph, bus, device
        graph.start(RobotNode())
        graph.start(TeleoperateNode())
        self.commanders = graph.collect(String, 'commander', qos.LATCHED)
        self.obstacles = graph.collect(String, 'arm_obstacle', qos.LATCHED)
        self.interventions = graph.collect(Int64, 'intervention', qos.SENSOR)
        self.followed = graph.collect(JointTrajectory, 'followed_commands', qos.LATEST)
        self._commands = graph.publisher(JointTrajectory, 'joint_commands', qos.LATEST)
        graph.peer.create_timer(0.02, self._drive)
        self.target = np.zeros(6)

    def _drive(self):
        point = JointTrajectoryPoint(positions=self.target.tolist())
        self._commands.publish(JointTrajectory(joint_names=ROBOT.joint_names, points=[point]))

    @property
    def pan(self):
        return self.bus.plant.positions[1]

    def press(self, *events):
        os.write(self.device, b''.join(EVENT.pack(0, *event) for event in events))


@pytest.fixture
def scene(start_graph, tmp_path):
    path = tmp_path / 'js0'
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    with simulated_arm(tmp_path) as (bus, settings):
        graph = start_graph(
            'robot:robot:=so101',
            'robot:unguarded:=true',
            f'robot:port:={settings.port}',
            f'robot:calibration:={settings.calibration}',
            'robot:answer_time:=0.3',
            'teleoperate:robot:=so101',
            'teleoperate:device:=gamepad',
            f'teleoperate:path:={path}',
        )
        yield Scene(graph, bus, writer)
        graph.close()
    os.close(reader), os.close(writer)


def test_person_takes_over_and_gives_back(scene):
    graph = scene.graph
    graph.until(lambda: scene.commanders and scene.commanders[-1].data == 'policy')
    before = scene.pan
    scene.press((1, BUTTON, CLUTCH), (32767, AXIS, 0))
    graph.until(lambda: scene.commanders and scene.commanders[-1].data == 'human')
    graph.until(lambda: scene.pan > before + 100)
    assert scene.obstacles[-1].data == 'a person leads it'  # the policy holds meanwhile
    scene.press((0, BUTTON, CLUTCH))
    graph.until(lambda: scene.commanders[-1].data == 'policy')
    graph.until(lambda: abs(scene.pan - before) < 10)
    assert scene.obstacles[-1].data == ''


def test_every_moment_is_labelled_with_who_leads_and_where_to(scene):
    graph = scene.graph
    graph.until(lambda: scene.interventions and scene.followed)
    assert {label.data for label in scene.interventions} == {0}
    scene.press((1, BUTTON, CLUTCH), (32767, AXIS, 0))
    graph.until(lambda: scene.commanders and scene.commanders[-1].data == 'human')
    scene.interventions.clear(), scene.followed.clear()
    graph.until(lambda: len(scene.interventions) > 20)
    assert scene.interventions[-1].data == 1
    pans = [msg.points[0].positions[0] for msg in scene.followed]
    assert pans[-1] > pans[0]  # the person's commands, though the policy says 0

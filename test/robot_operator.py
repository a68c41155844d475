# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot node on a simulated bus, and whoever commands it."""

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from servos import ROBOT, simulated_arm
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.hardware import sts3215
from vla_ros.nodes.robot import RobotNode
from vla_ros.ros import messages, qos


class Operator:
    """The peer that commands one robot node, and sees what its servos do."""

    def __init__(self, graph, bus):
        self.graph, self.bus = graph, bus
        self.node = graph.start(RobotNode())
        self.states = graph.collect(JointState, 'joint_states', qos.SENSOR)
        self.obstacles = graph.collect(String, 'arm_obstacle', qos.LATCHED)
        self._commands = graph.publisher(JointTrajectory, 'joint_commands', qos.LATEST)
        self._leads = graph.publisher(JointTrajectory, 'teleop_commands', qos.LATEST)
        self._target, self._leader = None, None
        graph.peer.create_timer(0.02, self._command)
        graph.until(lambda: self.states)

    def send(self, target):
        """Command this from now on, 50 times a second; None: fall silent."""
        self._target = target

    def lead(self, target):
        """Have a leader arm be there from now on; None: nobody leads."""
        self._leader = target

    def play(self, *points, stamp=None):
        """Command to be at places at times, s, once."""
        msg = JointTrajectory(joint_names=ROBOT.joint_names)
        for seconds, target in points:
            place = JointTrajectoryPoint(positions=[float(value) for value in target])
            place.time_from_start = Duration(nanosec=round(1e9 * (seconds % 1)), sec=int(seconds))
            msg.points.append(place)
        if stamp is not None:
            now = self.graph.peer.get_clock().now().nanoseconds * 1e-9
            msg.header.stamp = messages.stamp(now + stamp)
        self._commands.publish(msg)

    def _command(self):
        """Say where the arm is sent, and where a person leads it."""
        for publisher, target in ((self._commands, self._target), (self._leads, self._leader)):
            if target is not None:
                point = JointTrajectoryPoint(positions=[float(value) for value in target])
                msg = JointTrajectory(joint_names=ROBOT.joint_names, points=[point])
                publisher.publish(msg)

    @property
    def position(self):
        return np.array(self.states[-1].position)

    def arrives(self, target, atol=0.01):
        """Wait until the arm is there."""
        self.graph.until(lambda: np.abs(self.position - target).max() < atol)

    @property
    def motors(self):
        """Return which motors are on."""
        return [servo.get(sts3215.TORQUE_ENABLE) for servo in self.bus.servos.values()]

    def call(self, service):
        client = self.graph.peer.create_client(Trigger, f'robot/{service}')
        assert client.wait_for_service(10.0)
        future = client.call_async(Trigger.Request())
        self.graph.until(future.done)
        return future.result()


@pytest.fixture
def operate(start_graph, tmp_path):
    """Return the function that starts a robot node with parameters, on a bus."""
    with simulated_arm(tmp_path) as (bus, settings):

        def start(*parameters):
            where = (f'port:={settings.port}', f'calibration:={settings.calibration}')
            free = ('robot:=so101', 'unguarded:=true', 'answer_time:=0.3')
            return Operator(start_graph(*free, *where, *parameters), bus)

        yield start

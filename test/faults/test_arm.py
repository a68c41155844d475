# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The process that drives an arm is killed or frozen, and so is whoever commands it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')

from faults.table import Seen
from servos import ROBOT, simulated_arm

from vla_ros.hardware import sts3215

pytestmark = pytest.mark.faults
COMMANDER = """
import time, rclpy
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from vla_ros.ros import qos
rclpy.init()
node = rclpy.create_node('commander')
publisher = node.create_publisher(JointTrajectory, 'joint_commands', qos.LATEST)
began = time.monotonic()
while True:
    target = 0.3 * (time.monotonic() - began) % 1.0
    point = JointTrajectoryPoint(positions=[target] * 6)
    publisher.publish(JointTrajectory(joint_names={names!r}, points=[point]))
    time.sleep(0.02)
"""


class Arm:
    """The robot node and a commander as processes, on a bus that goes on whatever they do."""

    def __init__(self, bus, settings):
        self.bus, self._settings = bus, settings
        self.driver = self.start_driver()
        script = COMMANDER.format(names=list(ROBOT.joint_names))
        self.commander = subprocess.Popen([sys.executable, '-c', script])
        self.wait(lambda: self.speed > 0.05)

    def start_driver(self):
        parameters = {
            'robot': 'so101',
            'unguarded': 'true',
            'port': self._settings.port,
            'calibration': self._settings.calibration,
            'answer_time': '0.3',
        }
        words = [part for key, value in parameters.items() for part in ('-p', f'{key}:={value}')]
        return subprocess.Popen(
            [sys.executable, '-m', 'vla_ros.nodes.robot', '--ros-args', *words]
        )

    @property
    def position(self):
        with self.bus.lock:
            ticks = self.bus.plant.positions[1] - self.bus.servos[1].get(sts3215.HOMING_OFFSET)
        return ticks * sts3215.RADIANS_PER_TICK

    @property
    def speed(self):
        before = self.position
        time.sleep(0.3)
        return abs(self.position - before) / 0.3

    @property
    def on(self):
        with self.bus.lock:
            return all(s.get(sts3215.TORQUE_ENABLE) for s in self.bus.servos.values())

    def wait(self, condition, timeout=60.0):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, 'timed out'
        return timeout - (end - time.monotonic())

    def close(self):
        for process in (self.driver, self.commander):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.fixture
def arm(tmp_path):
    with simulated_arm(tmp_path) as (bus, settings):
        arm = Arm(bus, settings)
        yield arm
        arm.close()


def holds(arm):
    """Wait until the arm stands; it stays switched on."""
    arm.wait(lambda: arm.speed < 0.01, timeout=10.0)
    assert arm.on
    return arm.position


def test_driver_that_is_killed_leaves_the_arm_where_it_is_and_the_next_goes_on(arm, table):
    arm.driver.kill()
    arm.driver.wait()
    held = holds(arm)
    time.sleep(1.0)
    assert arm.position == pytest.approx(held, abs=0.01)
    arm.driver = arm.start_driver()
    arm.wait(lambda: arm.speed > 0.05)
    table.append(Seen('driver of the arm killed', 'held where it was, went on when restarted'))


def test_driver_that_is_frozen_holds_the_arm_and_goes_on(arm, table):
    os.kill(arm.driver.pid, signal.SIGSTOP)
    holds(arm)
    os.kill(arm.driver.pid, signal.SIGCONT)
    arm.wait(lambda: arm.speed > 0.05)
    table.append(Seen('driver of the arm frozen', 'held where it was, went on'))


def test_commander_that_is_frozen_has_the_arm_brake_and_hold(arm, table):
    os.kill(arm.commander.pid, signal.SIGSTOP)
    held = holds(arm)
    os.kill(arm.commander.pid, signal.SIGCONT)
    arm.wait(lambda: arm.speed > 0.05)
    assert np.isfinite(held)
    table.append(Seen('commander of the arm frozen', 'braked, held, went on'))


def test_cable_that_is_pulled_while_it_moves_holds_the_arm_and_it_goes_on(arm, table):
    arm.bus.unplug()
    time.sleep(1.0)
    assert arm.on
    arm.bus.plug_in()
    arm.wait(lambda: arm.speed > 0.05)
    table.append(Seen('cable of the arm pulled', 'held where it was, went on when plugged in'))

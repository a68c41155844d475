# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The process that drives an arm is killed or frozen, and so is whoever commands it."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')
pytest.importorskip('rclpy')

import rclpy
from faults.table import Seen
from servos import CALIBRATION, ROBOT, simulated_arm
from std_msgs.msg import Bool

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.core.workspace import workspace_of
from vla_ros.hardware import sts3215
from vla_ros.ros import qos

pytestmark = pytest.mark.faults
RISE = '[0.3 * now % 1.0] * 6'  # rad, of a time (s)
LEAPS = '[0.8 - 1.6 * (now // 3 % 2)] * 6'
INTO_THE_TABLE = '[0.0, 0.9 * (now // 3 % 2), 0.3, 0.4, 0.0, 0.2]'
COMMANDER = """
import time, rclpy
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from vla_ros.ros import qos
rclpy.init()
node = rclpy.create_node('commander')
publisher = node.create_publisher(JointTrajectory, 'joint_commands', qos.LATEST)
began = time.monotonic()
while True:
    now = time.monotonic() - began
    point = JointTrajectoryPoint(positions={targets})
    publisher.publish(JointTrajectory(joint_names={names!r}, points=[point]))
    time.sleep(0.02)
"""


class Arm:
    """The robot node and a commander as processes, on a bus that goes on whatever they do."""

    def __init__(self, bus, settings, targets=RISE, **parameters):
        self.bus, self._settings, self._parameters = bus, settings, parameters
        self.driver = self.start_driver()
        script = COMMANDER.format(names=list(ROBOT.joint_names), targets=targets)
        self.commander = subprocess.Popen([sys.executable, '-c', script])

    def start_driver(self):
        parameters = {
            'robot': 'so101',
            'unguarded': 'true',
            'port': self._settings.port,
            'calibration': self._settings.calibration,
            'answer_time': '0.3',
            **self._parameters,
        }
        words = [part for key, value in parameters.items() for part in ('-p', f'{key}:={value}')]
        return subprocess.Popen(
            [sys.executable, '-m', 'vla_ros.nodes.robot', '--ros-args', *words]
        )

    @property
    def positions(self):
        """Return where the joints are, rad, as the calibration has them."""
        with self.bus.lock:
            ticks = [
                self.bus.plant.positions[number] - servo.get(sts3215.HOMING_OFFSET)
                for number, servo in self.bus.servos.items()
            ]
        middles = [(joint.range_min + joint.range_max) / 2 for joint in CALIBRATION.values()]
        return (np.array(ticks) - middles) * sts3215.RADIANS_PER_TICK

    @property
    def position(self):
        return self.positions[0]

    def watch(self, seconds):
        """Return times (n,), s, and positions (n, joints), rad, of a while."""
        times, seen = [], []
        while not times or times[-1] < times[0] + seconds:
            times.append(time.monotonic())
            seen.append(self.positions)
            time.sleep(0.05)
        return np.array(times), np.array(seen)

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
def start_arm(tmp_path):
    with simulated_arm(tmp_path) as (bus, settings), ExitStack() as stack:

        def start(**given):
            arm = Arm(bus, settings, **given)
            stack.callback(arm.close)
            return arm

        yield start


@pytest.fixture
def arm(start_arm):
    arm = start_arm()
    arm.wait(lambda: arm.speed > 0.05)
    return arm


class Button:
    """A switch in somebody's hand, as a node."""

    def __init__(self, topic, profile):
        rclpy.init()
        self._node = rclpy.create_node('button')
        self._publisher = self._node.create_publisher(Bool, topic, profile)
        self._down, self._held = False, True
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._held = False
        self._thread.join()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def press(self, down=True):
        self._down = down

    def _tell(self):
        while self._held:
            if self._down is not None:
                self._publisher.publish(Bool(data=self._down))
            time.sleep(0.03)


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


def test_emergency_stop_brakes_the_arm_and_it_stays_stopped(arm, table):
    with Button('estop', qos.LATCHED) as button:
        button.press()
        held = holds(arm)
        button.press(False)  # let go: the stop is latched all the same
        time.sleep(1.0)
        assert arm.position == pytest.approx(held, abs=0.01)
    assert arm.commander.poll() is None  # it was told to go on all the while
    table.append(Seen('emergency stop on topic estop', 'braked, held, stayed stopped'))


def test_dead_man_who_lets_go_stops_an_arm_that_goes_slowly(start_arm, table):
    slow = 0.3 * ROBOT.velocity[0]
    arm = start_arm(targets=LEAPS, dead_man='true', speed='0.3')
    with Button('dead_man', qos.SENSOR) as button:
        time.sleep(2.0)
        assert arm.speed < 0.01  # nobody presses
        button.press()
        arm.wait(lambda: arm.speed > 0.05)
        times, seen = arm.watch(8.0)
        ends = np.searchsorted(times, times + 0.4)  # a machine that tests is late here and there
        pairs = [(begin, end) for begin, end in enumerate(ends) if end < len(times)]
        speeds = [abs(seen[b, 0] - seen[a, 0]) / (times[b] - times[a]) for a, b in pairs]
        assert 0.3 * slow < max(speeds) < 1.3 * slow  # at full speed it were three times as fast
        button.press(False)
        held = holds(arm)
        time.sleep(2.0)
        assert arm.position == pytest.approx(held, abs=0.01)
    table.append(Seen('dead man lets go, at speed 0.3', 'braked, held; never above 0.3'))


def test_command_through_the_table_is_followed_up_to_it(start_arm, table):
    workspace = workspace_of(load_robot(find_config('robots', 'so101_real')))
    arm = start_arm(targets=INTO_THE_TABLE, robot='so101_real', unguarded='false')
    arm.wait(lambda: np.ptp(arm.watch(1.0)[1], axis=0).max() > 0.1)
    clearance = workspace.clearance(arm.watch(8.0)[1])
    assert clearance.min() > -0.005  # the ticks of the servos are coarse
    assert clearance.min() < 0.03  # it went that far
    table.append(Seen('commands through the table', 'followed up to it'))

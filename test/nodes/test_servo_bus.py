# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated servos between the real driver's library and a simulation elsewhere."""

import numpy as np
import pytest
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

pytest.importorskip('scservo_sdk')

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.hardware.driver import DriverSettings
from vla_ros.hardware.so101 import So101
from vla_ros.nodes.servo_bus import ServoBusNode
from vla_ros.ros import messages, qos

ROBOT = load_robot(find_config('robots', 'so101_real'))
TICK = 0.002  # rad; a servo counts in steps of 0.0015
ANSWER_TIME = 0.3  # s; the machine that tests may be late


@pytest.fixture
def scene(start_graph, tmp_path):
    """Return the graph of a bus, the driver on it, and what the simulation is told."""
    port = tmp_path / 'arm'
    graph = start_graph('robot:=so101_real', f'port:={port}')
    graph.start(ServoBusNode())
    told = graph.collect(JointTrajectory, 'plant/joint_commands', qos.EVERY_RELIABLE)
    driver = So101(DriverSettings(ROBOT, str(port), f'{port}.json', ANSWER_TIME))
    yield graph, driver, told
    driver.close()


def test_arm_is_not_led_away_from_where_the_simulation_has_it(scene):
    graph, driver, told = scene
    found = driver.read().positions
    np.testing.assert_allclose(found, ROBOT.home, atol=TICK)
    driver.write(found)  # a driver that starts holds what it reads
    graph.spin(0.5)
    assert not told  # where the arm is nobody knows yet
    there = np.array(ROBOT.home) + 0.1
    states = graph.publisher(JointState, 'plant/joint_states', qos.SENSOR)
    msg = JointState(name=list(ROBOT.joint_names), position=there.tolist())
    graph.until(lambda: states.publish(msg) or told)
    for command in told:
        np.testing.assert_allclose(
            messages.command_positions(command, ROBOT.joint_names), there, atol=TICK
        )
    np.testing.assert_allclose(driver.read().positions, there, atol=TICK)

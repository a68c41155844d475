# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Arms in namespaces of their own that live by one /clock, and by two."""

import os
import signal
import subprocess
import sys

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock

from vla_ros.msg import QueueStatus
from vla_ros.ros import messages, qos

SIDES = ('left', 'right')


@pytest.fixture
def arms(tmp_path):
    """Return the action queues of two arms, as processes whose log is in a file each."""
    started = {}
    for side in SIDES:
        words = ['-r', f'__ns:=/{side}', '-p', 'use_sim_time:=true', '-p', 'rate:=20.0']
        log = (tmp_path / side).open('w')
        started[side] = subprocess.Popen(
            [sys.executable, '-m', 'vla_ros.nodes.action_queue', '--ros-args', *words],
            stderr=log,
            env=os.environ | {'PYTHONUNBUFFERED': '1'},
        )
    yield tmp_path
    for process in started.values():
        process.send_signal(signal.SIGINT)
        process.wait(20.0)


def tell(graph, publisher, begin):
    """Publish the time (s), 50 times a second, from ``begin`` on."""
    told = [begin]

    def publish():
        told[0] += 0.02
        publisher.publish(Clock(clock=messages.stamp(told[0])))

    graph.peer.create_timer(0.02, publish)
    return told


def test_two_arms_live_by_one_clock_and_a_second_one_is_named(start_graph, arms):
    graph = start_graph()
    statuses = {
        side: graph.collect(QueueStatus, f'/{side}/queue_status', qos.EVERY_RELIABLE)
        for side in SIDES
    }
    told = tell(graph, graph.peer.create_publisher(Clock, '/clock', qos.SENSOR), 5000.0)
    for side in SIDES:
        graph.until(lambda each=statuses[side]: each and each[-1].header.stamp.sec >= 5000)
        assert messages.seconds(statuses[side][-1].header.stamp) == pytest.approx(told[0], abs=1.0)
        assert 'publishers' not in (arms / side).read_text()

    rival = graph.add(rclpy.create_node('gazebo'))
    rival.create_publisher(Clock, '/clock', qos.SENSOR).publish(Clock(clock=Time(sec=5000)))
    wanted = '/clock: got 2 publishers (/gazebo, /peer), expected one'
    for side in SIDES:
        graph.until(lambda log=arms / side: wanted in log.read_text())

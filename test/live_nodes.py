# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in one process, spun by the test, in a ROS domain of their own."""

import gc
import itertools
import os
import time

from patience import PATIENCE
from ros_domain import isolated

os.environ.update(isolated())  # before rclpy is imported

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

# A closed context lives on, as a participant of the domain, until Python collects its garbage, and
# on this host alone Fast DDS looks for the first 32 participants only: a process that comes later
# would find nobody.
CLOSED_CONTEXTS = 8  # that may wait for that
closed = itertools.count(1)


class Graph:
    """Nodes under test, and a peer that talks to them."""

    def __init__(self, *parameters, remappings=()):
        """Start ROS with parameter overrides, each ``name:=value`` or ``node:name:=value``."""
        words = [part for text in parameters for part in ('-p', text)]
        words += [part for text in remappings for part in ('-r', text)]
        rclpy.init(args=['--ros-args', *words])
        self._executor = SingleThreadedExecutor()
        self.nodes = []
        self.peer = self.add(rclpy.create_node('peer'))

    def add(self, node):
        """Spin ``node`` from now on."""
        self.nodes.append(node)
        self._executor.add_node(node)
        return node

    def start(self, node):
        """Spin ``node``, configure and activate it."""
        self.add(node)
        assert node.start()
        return node

    def publisher(self, msg_type, topic, profile):
        """Return a publisher of the peer that a node already listens to."""
        publisher = self.peer.create_publisher(msg_type, topic, profile)
        self.until(lambda: publisher.get_subscription_count() > 0)
        return publisher

    def collect(self, msg_type, topic, profile):
        """Return a list that grows by what a node publishes."""
        got = []
        subscription = self.peer.create_subscription(msg_type, topic, got.append, profile)
        self.until(lambda: subscription.get_publisher_count() > 0)
        return got

    def until(self, condition, timeout=PATIENCE):
        """Spin until ``condition()`` holds; fail after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, 'timed out'
            self._executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds):
        """Spin for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    def close(self):
        """Destroy every node and end ROS."""
        self._executor.shutdown()
        for node in self.nodes:
            node.destroy_node()
        rclpy.try_shutdown()
        if next(closed) % CLOSED_CONTEXTS == 0:
            gc.collect()


@pytest.fixture
def start_graph():
    """Return the function that makes the test's Graph."""
    graphs = []

    def start(*parameters, remappings=()):
        graphs.append(Graph(*parameters, remappings=remappings))
        return graphs[-1]

    yield start
    for graph in graphs:
        graph.close()

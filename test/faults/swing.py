# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot that follows its commands and a policy that swings it: all an action queue needs."""

import sys

import numpy as np
import yaml
from sensor_msgs.msg import JointState

from vla_ros.core.chunk import ActionChunk
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import QueueStatus
from vla_ros.ros import messages, qos

SWING, TURN = 0.4, 1.7  # rad, s: how far and how fast each joint goes to and fro
ROWS, FPS = 50, 30.0
PERIOD = 0.01  # s between two joint states

DRIVER = f"""#!{sys.executable} -S
import signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
time.sleep(600)
"""


class Swing:
    """Publishes joint states and answers requests, in the thread of a Monitor."""

    def __init__(self, monitor):
        node, self._monitor = monitor.node, monitor
        self._names = monitor.recording.robot.joint_names
        self._clock = node.get_clock()
        self._joints = node.create_publisher(JointState, 'joint_states', qos.SENSOR)
        self._chunks = node.create_publisher(ActionChunkMsg, 'action_chunk', qos.LATEST)
        node.create_subscription(QueueStatus, 'queue_status', self._answer, qos.LATEST)
        node.create_timer(PERIOD, self._feel)
        self._answered = None

    def _feel(self):
        commands = self._monitor.recording.commands
        positions = commands[-1].positions if commands else np.zeros(len(self._names))
        msg = JointState(name=self._names, position=positions.tolist())
        msg.header.stamp = self._clock.now().to_msg()
        self._joints.publish(msg)

    def _answer(self, status):
        if status.request and status.request_id != self._answered:
            self._answered, now = status.request_id, self._clock.now().nanoseconds * 1e-9
            phase = 2 * np.pi * (now + np.arange(ROWS) / FPS) / TURN
            rows = SWING * np.sin(phase)[:, None] * np.ones(len(self._names))
            chunk = ActionChunk(rows, now, 1 / FPS, status.request_id, self._names)
            self._chunks.publish(messages.chunk_to_msg(chunk))


def write_queue_job(folder):
    """Write a deployment of an action queue and a driver that knows nothing of this package."""
    driver, path = folder / 'driver', folder / 'job.yaml'
    driver.write_text(DRIVER)
    driver.chmod(0o755)
    queue = {'name': 'action_queue', 'executable': 'action_queue', 'respawn': True}
    queue['parameters'] = {'enabled': True, 'budget_chunks': 0, 'joint_state_timeout': 0.5}
    nodes = [{'name': 'driver', 'executable': str(driver), 'required': True}, queue]
    path.write_text(yaml.safe_dump({'nodes': nodes}))
    return path

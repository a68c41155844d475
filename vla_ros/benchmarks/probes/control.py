# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Robot and policy of an action queue whose ticks `vla_ros benchmark control` looks at."""

import time

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import VlaError
from vla_ros.deployment.fastdds import use_profile
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import QueueStatus
from vla_ros.ros import messages, qos

STATE_RATE = 50.0  # Hz
ROWS, STEP = 60, 1 / 30  # of a chunk, s
START_TIMEOUT = 60.0  # s
NAME = '/action_queue'


class ControlProbe(Node):
    """Feels the joints, answers every request at once, and keeps the newest diagnostics."""

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        super().__init__('control_probe')
        self.values: dict[str, str] = {}
        self.status: QueueStatus | None = None
        self._joint_names = joint_names
        self._answered = -1
        self._states = self.create_publisher(JointState, 'joint_states', qos.SENSOR)
        self._chunks = self.create_publisher(ActionChunkMsg, 'action_chunk', qos.LATEST)
        self.create_subscription(QueueStatus, 'queue_status', self._on_status, qos.LATEST)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        follow = JointTrajectory, 'joint_commands', lambda data: None, qos.LATEST
        self.create_subscription(*follow, raw=True)  # a queue that nobody follows holds
        self.create_timer(1 / STATE_RATE, self._feel)

    def _feel(self) -> None:
        count = len(self._joint_names)
        msg = JointState(name=list(self._joint_names), position=[0.0] * count)
        msg.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(msg)

    def _on_status(self, msg: QueueStatus) -> None:
        self.status = msg
        if not msg.request or msg.request_id == self._answered:
            return
        self._answered = msg.request_id
        rows = np.zeros((ROWS, len(self._joint_names)))
        rows[:] = 0.1 * np.sin(np.linspace(0, 2 * np.pi, ROWS))[:, None]
        now = self.get_clock().now().nanoseconds * 1e-9
        chunk = ActionChunk(rows, now, STEP, msg.request_id, self._joint_names)
        self._chunks.publish(messages.chunk_to_msg(chunk))

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name == NAME:
                self.values = {item.key: item.value for item in status.values}


def watch(joint_names: tuple[str, ...], seconds: float) -> dict[str, str]:
    """Keep an action queue in motion for a while; return its last diagnostics."""
    use_profile()
    rclpy.init()
    probe = ControlProbe(joint_names)
    end = time.monotonic() + START_TIMEOUT
    while 'tick lateness' not in probe.values:
        if time.monotonic() > end:
            raise VlaError('control: the action queue does not answer; look at what it says above')
        rclpy.spin_once(probe, timeout_sec=0.1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rclpy.spin_once(probe, timeout_sec=0.1)
    values = {**probe.values, 'accepted': str(probe.status.accepted if probe.status else 0)}
    probe.destroy_node()
    rclpy.shutdown()
    return values

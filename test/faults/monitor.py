# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A listener that writes down what the robot is told, how it stands, and what the nodes say."""

import threading
import time
from typing import NamedTuple

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from faults.recording import PAUSE, Recording, Reset
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos

MOVING = 0.1  # rad/s; a joint of an arm that stands is slower
RESET_TIME = 0.1  # s after a reset in which the sim node takes no command


class Status(NamedTuple):
    """One queue status, and when it came."""

    time: float  # s
    msg: QueueStatus


class Event(NamedTuple):
    """One event of an episode, and when it came."""

    time: float  # s
    msg: EpisodeEvent


class Monitor:
    """
    Listens in a thread of its own.

    Times are those at which the middleware received, so that they do not wait for the test's
    Python; they are on the clock of ``time.time()``.
    """

    def __init__(self, robot='so101'):
        self.recording = Recording(load_robot(find_config('robots', robot)))
        self.statuses, self.events, self.faults = [], [], []
        self.measured, self._felt = None, 0.0  # the newest, (joints,) rad, and its time, s
        self._speed, self._told = 0.0, 0.0  # of the fastest joint, rad/s; the last command, s
        self.by_arrival = False  # commands have the time of their arrival, for clocks that are set
        self._clients = {}
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node('monitor', context=self.context)
        for msg_type, topic, callback, profile in (
            (JointTrajectory, 'joint_commands', self._on_command, qos.EVERY_RELIABLE),
            (JointState, 'joint_states', self._on_joint_states, qos.SENSOR),
            (QueueStatus, 'queue_status', self._on_status, qos.EVERY_RELIABLE),
            (EpisodeEvent, 'episode', self._on_event, qos.EVENTS),
            (DiagnosticArray, '/diagnostics', self._on_diagnostics, 100),
        ):
            self.node.create_subscription(msg_type, topic, callback, profile)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name='monitor', daemon=True)
        self._thread.start()

    def close(self):
        """Leave the graph."""
        self.context.try_shutdown()
        self._thread.join()

    @property
    def status(self):
        """Return the newest status; an empty one before the first."""
        return self.statuses[-1].msg if self.statuses else QueueStatus()

    @property
    def running(self):
        """Say whether the arm follows chunks now, as far as the last 0.3 s tell."""
        fresh = self.statuses and time.time() - self.statuses[-1].time < 0.3
        return bool(fresh) and self.status.mode == QueueStatus.RUNNING

    @property
    def speed(self):
        """Return how fast the fastest joint was commanded over the last 0.1 s, rad/s."""
        newest = self.recording.commands[-8:]
        if len(newest) < 2 or time.time() - newest[-1].sent > 0.2:
            return 0.0
        ends = newest[0], newest[-1]
        elapsed = ends[1].time - ends[0].time
        return float(abs(ends[1].positions - ends[0].positions).max() / max(elapsed, 1e-3))

    def first_status(self, since, condition):
        """Return the first status sent after ``since`` (s) that ``condition`` holds for."""
        later = (status for status in list(self.statuses) if status.time >= since)
        return next((status for status in later if condition(status.msg)), None)

    def count(self, event, since=0.0):
        """Return how often an event of an episode came after ``since`` (s)."""
        return sum(e.msg.event == event and e.time >= since for e in list(self.events))

    def call(self, srv_type, name, request, timeout=10.0):
        """Call a service and return its answer; fail where there is none in time."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(srv_type, name)
        client = self._clients[name]
        assert client.wait_for_service(timeout), f'{name}: no such service'
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        assert answered.wait(timeout), f'{name}: no answer in {timeout} s'
        return future.result()

    def _spin(self):
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def _on_command(self, msg, info):
        arrived = info['received_timestamp'] * 1e-9
        time, positions = self._time(msg, arrived), msg.points[-1].positions
        # Fast DDS may let the monitor hear a node that follows a killed one a second after the arm
        # does: then this is not the command that the arm began with
        late = arrived - self._told > PAUSE and self._speed > MOVING
        self._told = arrived
        self.recording.add(time, positions, None if late else self.measured, arrived, self._felt)

    def _on_joint_states(self, msg, info):
        before, since = self.measured, self._felt
        self.measured = messages.joint_positions(msg, self.recording.robot.joint_names)
        self._felt = self._time(msg, info['received_timestamp'] * 1e-9)
        if before is not None and self._felt > since:
            self._speed = np.abs(self.measured - before).max() / (self._felt - since)

    def _time(self, msg, arrived):
        """Return when a message was made, s."""
        return arrived if self.by_arrival else messages.seconds(msg.header.stamp)

    def _on_status(self, msg, info):
        self.statuses.append(Status(info['received_timestamp'] * 1e-9, msg))

    def _on_event(self, msg, info):
        arrived = info['received_timestamp'] * 1e-9
        self.events.append(Event(arrived, msg))
        if msg.event == EpisodeEvent.RESET:
            self.recording.resets.append(Reset(self._time(msg, arrived), arrived + RESET_TIME))

    def _on_diagnostics(self, msg):
        for status in msg.status:
            if status.message and status.level != status.OK:
                self.faults.append((status.name, status.message))

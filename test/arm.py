# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The peer of one action queue node: its robot, its policy and its operator."""

import numpy as np
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.ros import messages, qos

JOINTS = load_robot(find_config('robots', 'so101')).joint_names
MEASURED = np.linspace(-0.5, 0.5, len(JOINTS))


class Arm:
    """The peer as robot, policy and operator of one action queue."""

    def __init__(
        self,
        graph,
        commands='joint_commands',
        command_type=JointTrajectory,
        node_type=ActionQueueNode,
    ):
        self.graph = graph
        self.node = graph.start(node_type())
        self._joints = graph.publisher(JointState, 'joint_states', qos.SENSOR)
        self._chunks = graph.publisher(ActionChunkMsg, 'action_chunk', qos.LATEST)
        self._episodes = graph.publisher(EpisodeEvent, 'episode', qos.EVENTS)
        self._enable = graph.peer.create_client(SetBool, 'action_queue/enable')
        self.commands = graph.collect(command_type, commands, qos.EVERY_RELIABLE)
        self.statuses = graph.collect(QueueStatus, 'queue_status', qos.EVERY_RELIABLE)
        self._feeling = None  # what the robot's driver publishes over and over
        graph.peer.create_timer(0.01, lambda: self._feeling and self._feeling())

    @property
    def status(self):
        return self.statuses[-1]

    @property
    def positions(self):
        return [list(command.points[0].positions) for command in self.commands]

    def now(self):
        return self.graph.peer.get_clock().now().nanoseconds * 1e-9

    def feel(self, positions=MEASURED, names=JOINTS, time=None):
        """Publish joint positions at 100 Hz from now on, all at ``time`` where it is given."""
        self._feeling = lambda: self.publish_joints(positions, names, time)
        self.graph.spin(0.06)

    def publish_joints(self, positions, names=JOINTS, time=None):
        """Publish joint positions once, at ``time`` where it is given."""
        msg = JointState(name=list(names), position=[float(value) for value in positions])
        msg.header.stamp = messages.stamp(time or self.now())
        self._joints.publish(msg)

    def fall_silent(self):
        """Publish no joint state from now on."""
        self._feeling = None

    def begin(self):
        """Feel, and wait for the first request; return its number."""
        self.graph.until(lambda: self.feel() or (self.statuses and self.status.request))
        return self.status.request_id

    def play(self, values, **given):
        """Publish a chunk whose joints all follow ``values`` from the measured ones on."""
        rows = MEASURED + np.asarray(values, float)[:, None]
        given = {'start': self.now(), 'step': 0.1, 'sequence': self.status.request_id, **given}
        chunk = ActionChunk(rows, joint_names=JOINTS, **given)
        self._chunks.publish(messages.chunk_to_msg(chunk))
        return chunk

    def play_message(self, **given):
        """Publish a chunk message, sound but for what is ``given``."""
        msg = ActionChunkMsg(
            sequence=self.status.request_id,
            step=0.1,
            joint_names=list(JOINTS),
            values=[0.0] * len(JOINTS) * 20,
            start=messages.stamp(self.now()),
        )
        for name, value in given.items():
            setattr(msg, name, value)
        self._chunks.publish(msg)

    def announce(self, event, time):
        """Publish an event of an episode."""
        msg = EpisodeEvent(event=event)
        msg.header.stamp = messages.stamp(time)
        self._episodes.publish(msg)
        self.graph.spin(0.1)

    def enable(self, on=True):
        """Call the service and return its answer."""
        future = self._enable.call_async(SetBool.Request(data=on))
        self.graph.until(future.done)
        self.graph.spin(0.1)
        return future.result()

    def trigger(self, service):
        """Call ~/estop or ~/rearm and return the answer."""
        client = self.graph.peer.create_client(Trigger, f'action_queue/{service}')
        assert client.wait_for_service(10.0)
        future = client.call_async(Trigger.Request())
        self.graph.until(future.done)
        return future.result()

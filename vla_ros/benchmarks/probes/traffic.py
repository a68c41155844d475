# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Traffic node: as many messages as cameras and an arm send, to measure a recorder with.

It plays the start that next_start asks for: the event START, pictures of noise, joint states and
commands at one rate, and SUCCESS. The pictures go on between the episodes.
"""

import threading
import time
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.msg import EpisodeEvent
from vla_ros.ros import messages, qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param
from vla_ros.ros.process import spin_node

JOINTS = [f'joint_{number}' for number in range(6)]
LEAD = 0.5  # s of pictures between two episodes


@dataclass(frozen=True)
class TrafficParams:
    """Parameters of the traffic node."""

    cameras: str = param('top,gripper,left', 'Names of the cameras, separated by commas.')
    width: int = param(640, 'Width of the pictures in pixels.', 8, 8192)
    height: int = param(480, 'Height of the pictures in pixels.', 8, 8192)
    fps: float = param(30.0, 'Messages of each kind per second.', 0.1, 1000.0)
    seconds: float = param(10.0, 'Length of an episode in s.', 0.1, 3600.0)


class TrafficNode(VlaNode):
    """Publishes in a thread, each message at its time."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('traffic')
        self._params = declare(self, TrafficParams)
        self._wanted: EpisodeEvent | None = None  # the start that was asked for
        self._running: EpisodeEvent | None = None
        self._until = 0.0  # s, when the running episode is over, or the next one may begin
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def configure(self) -> None:
        """Make the pictures: few, for noise costs more than sending it."""
        size = self._params.height, self._params.width, 3
        noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        names = self._params.cameras.split(',')
        self._image = messages.image_to_msg(noise, 0.0, 'camera')
        self._images = [
            self.advertise(Image, f'camera/{name}/image_raw', qos.SENSOR) for name in names
        ]
        self._infos = [
            self.advertise(CameraInfo, f'camera/{name}/camera_info', qos.SENSOR) for name in names
        ]
        self._states = self.advertise(JointState, 'joint_states', qos.SENSOR)
        self._commands = self.advertise(JointTrajectory, 'joint_commands', qos.LATEST)
        self._events = self.advertise(EpisodeEvent, 'episode', qos.EVENTS)

    def activate(self) -> None:
        """Begin to publish, and to listen for what is to be played."""
        self.subscribe(EpisodeEvent, 'next_start', self._on_next_start, qos.LATCHED)
        self._stopped.clear()
        self._thread = self.run_thread(self._play, 'traffic')

    def deactivate(self) -> None:
        """Stop to publish."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def _on_next_start(self, msg: EpisodeEvent) -> None:
        self._wanted = msg

    def _play(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            self._lead(time.monotonic())
            self._send()
            due = max(due + 1 / self._params.fps, time.monotonic())

    def _lead(self, now: float) -> None:
        """End the running episode, or begin the next one, where it is time."""
        if now < self._until:
            return
        if self._running is not None:
            self._tell(EpisodeEvent.SUCCESS, self._running)
            self._running, self._until = None, now + LEAD
        elif self._wanted is not None:
            self._running, self._wanted = self._wanted, None
            self._tell(EpisodeEvent.START, self._running)
            self._until = now + self._params.seconds

    def _tell(self, event: int, start: EpisodeEvent) -> None:
        msg = EpisodeEvent(event=event, seed=start.seed, cluster=start.cluster)
        msg.header.stamp = self.get_clock().now().to_msg()
        msg.detail = start.detail
        self._events.publish(msg)

    def _send(self) -> None:
        stamp = self.get_clock().now().to_msg()
        self._image.header.stamp = stamp
        info = CameraInfo(header=self._image.header, width=self._image.width)
        for images, infos in zip(self._images, self._infos, strict=True):
            images.publish(self._image)
            infos.publish(info)
        zeros = [0.0] * len(JOINTS)
        self._states.publish(JointState(header=info.header, name=JOINTS, position=zeros))
        point = JointTrajectoryPoint(positions=zeros)
        command = JointTrajectory(header=info.header, joint_names=JOINTS, points=[point])
        self._commands.publish(command)


if __name__ == '__main__':
    raise SystemExit(spin_node(TrafficNode))

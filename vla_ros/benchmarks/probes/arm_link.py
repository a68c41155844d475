# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The robot's topics as plain calls, for a control loop that is not a node.

Nothing runs beside the caller: ROS 2 receives without Python, and each call takes the newest
message. Such a loop publishes joint_commands itself, in place of the action queue.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import rclpy
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.errors import VlaError
from vla_ros.deployment.fastdds import use_profile
from vla_ros.ros import messages, qos


class Reading(NamedTuple):
    """What the robot saw and felt last."""

    images: dict[str, np.ndarray]  # by camera, (H, W, 3) uint8 RGB
    positions: np.ndarray  # (joints,) rad
    time: float  # s, stamp of the oldest part


class ArmLink:
    """One robot: its newest pictures and joint positions, and a way to command it."""

    def __init__(self, joint_names: Sequence[str], cameras: Sequence[str]) -> None:
        """Join the ROS graph in a context of its own; signals stay the caller's."""
        self._context = rclpy.Context()
        use_profile()
        rclpy.init(context=self._context)
        self._joint_names = list(joint_names)
        self._node = rclpy.create_node('arm_link', context=self._context)
        topics = {camera: f'camera/{camera}/image_raw' for camera in cameras}
        self._images = {camera: self._subscribe(Image, topics[camera]) for camera in cameras}
        self._joints = self._subscribe(JointState, 'joint_states')
        self._commands = self._node.create_publisher(JointTrajectory, 'joint_commands', qos.LATEST)
        self._newest: dict[Subscription, Any] = {}

    def wait(self, timeout: float) -> None:
        """Return once every camera and the joints were heard; raise VlaError after ``timeout``."""
        end = time.monotonic() + timeout
        while missing := self._missing():
            if time.monotonic() > end:
                raise VlaError(
                    f'robot: got nothing on {", ".join(missing)} within {timeout:.0f} s; '
                    'start its drivers'
                )
            time.sleep(0.01)

    def read(self) -> Reading:
        """Return the newest of everything, once ``wait`` has returned."""
        pictures = {camera: self._take(source) for camera, source in self._images.items()}
        joints = self._take(self._joints)
        stamps = [messages.seconds(msg.header.stamp) for msg in (*pictures.values(), joints)]
        images = {camera: messages.image_from_msg(msg, camera) for camera, msg in pictures.items()}
        return Reading(images, messages.joint_positions(joints, self._joint_names), min(stamps))

    def command(self, positions: Mapping[str, float]) -> int:
        """Command the joints to ``positions`` (rad); return the command's stamp in ns."""
        point = JointTrajectoryPoint(positions=[positions[name] for name in self._joint_names])
        msg = JointTrajectory(joint_names=self._joint_names, points=[point])
        now = self._node.get_clock().now()
        msg.header.stamp = now.to_msg()
        self._commands.publish(msg)
        return int(now.nanoseconds)

    def close(self) -> None:
        """Leave the ROS graph."""
        self._node.destroy_node()
        self._context.try_shutdown()

    def _subscribe(self, msg_type: type, topic: str) -> Subscription:
        return self._node.create_subscription(msg_type, topic, lambda msg: None, qos.SENSOR)

    def _missing(self) -> list[str]:
        sources = (*self._images.values(), self._joints)
        return [source.topic_name for source in sources if self._take(source) is None]

    def _take(self, source: Subscription) -> Any:
        """Return the newest message of ``source``, None before the first."""
        with source.handle:
            taken = source.handle.take_message(source.msg_type, source.raw)
        if taken is not None:
            self._newest[source] = taken[0]
        return self._newest.get(source)

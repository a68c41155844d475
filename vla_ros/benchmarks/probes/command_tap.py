# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A listener that notes what the robot is told, when that arrived, and how the episode went."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile
from trajectory_msgs.msg import JointTrajectory

from vla_ros.deployment.fastdds import use_profile
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos

ENDS = {EpisodeEvent.SUCCESS: True, EpisodeEvent.FAILURE: False, EpisodeEvent.TIMEOUT: False}


class Command(NamedTuple):
    """One command as the robot gets it."""

    received: float  # s, when the middleware had it
    stamp: int  # ns, when it was made
    positions: tuple[float, ...]  # rad


class Taken(NamedTuple):
    """A chunk that the action queue took."""

    stamp: int  # ns, the stamp of the first command after it
    observed: float  # s, the time of its observation


class Ending(NamedTuple):
    """The end of an episode."""

    received: float  # s
    success: bool
    duration: float  # s from the first motion


@dataclass
class CommandTap:
    """
    Listens as long as the context lasts, in a thread of its own.

    The times of arrival are the middleware's, so that they do not wait for Python.
    """

    joint_names: Sequence[str]
    commands: list[Command] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    _accepted: int = 0

    def __enter__(self) -> 'CommandTap':
        """Join the ROS graph."""
        self._context = rclpy.Context()
        use_profile()
        rclpy.init(context=self._context)
        node = rclpy.create_node('command_tap', context=self._context)
        heard: tuple[tuple[type, str, Callable[..., None], QoSProfile], ...] = (
            (JointTrajectory, 'joint_commands', self._on_command, qos.EVERY_RELIABLE),
            (QueueStatus, 'queue_status', self._on_status, qos.EVERY_RELIABLE),
            (EpisodeEvent, 'episode', self._on_event, qos.EVENTS),
        )
        for msg_type, topic, callback, profile in heard:
            node.create_subscription(msg_type, topic, callback, profile)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name='tap', daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave it."""
        self._context.try_shutdown()
        self._thread.join()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def _on_command(self, msg: JointTrajectory, info: dict[str, Any]) -> None:
        position = dict(zip(msg.joint_names, msg.points[-1].positions, strict=True))
        self.commands.append(
            Command(
                info['received_timestamp'] * 1e-9,
                nanoseconds(msg.header.stamp),
                tuple(position[name] for name in self.joint_names),
            )
        )

    def _on_status(self, msg: QueueStatus) -> None:
        """Note a chunk: the status that tells of it has the stamp of that tick's command."""
        if msg.accepted > self._accepted:
            self._accepted = msg.accepted
            observed = messages.seconds(msg.header.stamp) - msg.latency
            self.taken.append(Taken(nanoseconds(msg.header.stamp), observed))

    def _on_event(self, msg: EpisodeEvent, info: dict[str, Any]) -> None:
        if msg.event in ENDS:
            received = info['received_timestamp'] * 1e-9
            self.endings.append(Ending(received, ENDS[msg.event], msg.duration))


def nanoseconds(stamp: Any) -> int:
    """Return a builtin_interfaces/Time in ns."""
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)

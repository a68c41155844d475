# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trial of an arm, seen by a program that is no node: recorded, and how it ended."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Int64, String
from trajectory_msgs.msg import JointTrajectory

from vla_ros.dataset.bag import Episode, EpisodeInfo, Message
from vla_ros.dataset.recording import Recording
from vla_ros.dataset.streams import LABELS
from vla_ros.msg import ActionChunk, EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos
from vla_ros.ros.camera_topics import EVERY_CAMERA, camera_topics

Verdict = tuple[bool, float, str]  # success, s, why not
BUFFER = 256 * 10**6  # bytes that may wait for the disk


class TrialWatch:
    """Records what a policy saw and commanded, and waits for the end of the episode."""

    def __init__(
        self, root: Path, info: EpisodeInfo, cameras: Sequence[str], namespace: str = ''
    ) -> None:
        """Listen from now on, in a context of its own; raise ConfigError for a bad folder."""
        self.verdict: Verdict | None = None
        self.ran = False  # whether the arm followed the policy at any time
        self.reason = ''  # why it does not, as its queue says, until the verdict; '': it does
        self._recording: Recording | None = Recording(root, info, BUFFER, {})
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node('trial', namespace=namespace, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        for msg_type, topic, profile in _topics(cameras):
            full, kind = self._node.resolve_topic_name(topic), messages.type_name(msg_type)
            write = partial(self._write, full, kind)
            watch = {'episode': self._on_episode, 'queue_status': self._on_status}.get(topic)
            take = watch(write) if watch else write
            self._node.create_subscription(msg_type, topic, take, profile, raw=True)
        self._thread = threading.Thread(target=self._spin, name='trial', daemon=True)
        self._thread.start()

    def keep(self, outcome: str) -> Episode:
        """Listen no more, and return the recording; raise VlaError where it was not written."""
        self._close()
        recording, self._recording = self._recording, None
        assert recording is not None
        return recording.keep(outcome)

    def discard(self) -> None:
        """Listen no more, and throw the recording away unless it was kept."""
        if self._recording is not None:
            self._close()
            self._recording.discard()
            self._recording = None

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return  # closed

    def _close(self) -> None:
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()
        self._context.destroy()

    def _write(self, topic: str, msgtype: str, data: bytes) -> None:
        if self._recording is not None:
            self._recording.write(Message(topic, msgtype, time.time_ns(), data))

    def _on_episode(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            write(data)
            msg = deserialize_message(data, EpisodeEvent)
            if msg.event in messages.ENDS and self.verdict is None:
                success = msg.event == EpisodeEvent.SUCCESS
                why = msg.detail or ('' if success else messages.ENDS[msg.event])
                self.verdict = (success, msg.duration, why)

        return take

    def _on_status(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            write(data)
            msg = deserialize_message(data, QueueStatus)
            if self.verdict is None:
                self.ran = self.ran or msg.mode == QueueStatus.RUNNING
                self.reason = msg.reason

        return take


def _topics(cameras: Sequence[str]) -> Iterator[tuple[type, str, QoSProfile]]:
    """Yield what a dataset is made of, and what a page shows besides: type, topic and profile."""
    yield QueueStatus, 'queue_status', qos.EVERY_RELIABLE
    yield ActionChunk, 'action_chunk', qos.EVERY_RELIABLE
    yield ActionChunk, 'queued_actions', qos.EVERY
    yield DiagnosticArray, '/diagnostics', qos.EVERY
    for camera in cameras:
        for compressed in ('', EVERY_CAMERA):  # whichever there is
            topic = camera_topics(cameras, compressed)[camera]
            yield topic.msg_type, topic.name, qos.EVERY
        yield CameraInfo, f'camera/{camera}/camera_info', qos.EVERY
    yield JointState, 'joint_states', qos.EVERY
    yield JointTrajectory, 'joint_commands', qos.EVERY_RELIABLE
    yield from ((Int64, label, qos.EVERY) for label in LABELS)
    yield String, 'instruction', qos.LATCHED
    yield EpisodeEvent, 'episode', qos.EVENTS

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Cameras, joints and queue of several graphs at once, for the benchmarks `split` and `graph`.

Each graph is shown the same observations in turn and asked for a chunk; the time runs from the
moment before the pictures leave until the chunk has been read.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from vla_ros.core.errors import VlaError
from vla_ros.deployment.fastdds import use_profile
from vla_ros.msg import ActionChunk, QueueStatus
from vla_ros.nodes.vision_encoder import JOINT_STATES
from vla_ros.policy.spec import PolicySpec
from vla_ros.ros import messages, qos
from vla_ros.runtime.memory import keep_freed_memory

START_TIMEOUT = 180.0  # s, for all policies to load at once
ANSWER_TIMEOUT = 10.0  # s, after which an observation is taken for lost
TRIES = 3  # observations; pictures are best effort, and some get lost
SAME_TIME = 1e-4  # s between stamps that are one, but for their rounding

Images = Mapping[str, np.ndarray]  # by camera, (height, width, 3) uint8


class Processes(Protocol):
    """The node processes of a graph."""

    @property
    def namespace(self) -> str:
        """Return the namespace of the nodes, with its slash."""

    def cpu_times(self) -> dict[str, float]:
        """Return the CPU time of each node so far, s; raise VlaError where one has ended."""


class Answer(NamedTuple):
    """What a graph made of one observation."""

    seconds: float  # from the observation to its chunk
    chunk: np.ndarray  # (rows, joints) rad
    blocks: dict[str, float]  # s that each block computed
    cpu: dict[str, float]  # s of CPU time that each node took meanwhile
    lost: int  # observations that were sent before, without an answer


class Graph:
    """One graph, as its cameras, its robot and its queue see it."""

    def __init__(self, node: Node, processes: Processes, spec: PolicySpec) -> None:
        """Connect to a graph; raise VlaError where its nodes end, or do not come up in time."""
        self._node, self._spec, self._processes = node, spec, processes
        self._answers: list[ActionChunk] = []
        self._request = 0
        self._stamp = 0.0  # s, of the newest observation
        namespace = processes.namespace
        self._images = {
            camera: node.create_publisher(
                Image, f'{namespace}/camera/{camera.name}/image_raw', qos.SENSOR
            )
            for camera in spec.cameras
        }
        self._joints = node.create_publisher(JointState, f'{namespace}/{JOINT_STATES}', qos.SENSOR)
        self._status = node.create_publisher(QueueStatus, f'{namespace}/queue_status', qos.LATEST)
        self._chunks = node.create_subscription(
            ActionChunk, f'{namespace}/action_chunk', self._answers.append, qos.LATEST
        )
        if not self._spin_until(self._is_whole, START_TIMEOUT):
            raise self._silence(START_TIMEOUT)

    def ask(self, images: Images, state: np.ndarray) -> Answer:
        """
        Return the answer to an observation: pictures, and joint positions (joints,) in rad.

        An observation that was lost on the way is sent anew, and timed anew. Raise VlaError where
        none of several is answered, and where a node has ended.
        """
        for lost in range(TRIES):
            before, began = self._processes.cpu_times(), time.perf_counter()
            self._send(images, state)
            if self._spin_until(self._answer, ANSWER_TIMEOUT):
                msg = self._answer()
                chunk = messages.chunk_from_msg(msg, self._spec.joint_names)
                seconds = time.perf_counter() - began
                after = self._processes.cpu_times()
                cpu = {name: after[name] - before[name] for name in after}
                return Answer(seconds, chunk.values, _durations(msg), cpu, lost)
        raise self._silence(TRIES * ANSWER_TIMEOUT)

    def _is_whole(self) -> bool:
        """Say whether all that the probe sends is heard, and chunks can come."""
        self._processes.cpu_times()  # raises where a node has ended
        publishers = [*self._images.values(), self._joints, self._status]
        return all(publisher.get_subscription_count() for publisher in publishers) and bool(
            self._node.count_publishers(self._chunks.topic_name)
        )

    def _send(self, images: Images, state: np.ndarray) -> None:
        self._request += 1
        self._answers.clear()
        self._stamp = now = time.time()
        for camera, publisher in self._images.items():
            publisher.publish(messages.image_to_msg(images[camera.name], now, camera.name))
        joints = JointState(name=list(self._spec.joint_names), position=state.tolist())
        joints.header.stamp = messages.stamp(now)
        self._joints.publish(joints)
        self._status.publish(QueueStatus(request=True, request_id=self._request))

    def _answer(self) -> ActionChunk | None:
        """
        Return the chunk for the newest observation, None before it is there.

        Where the one before was lost, its request was still open, and this answers that one.
        """
        return next((msg for msg in self._answers if self._is_newest(msg)), None)

    def _is_newest(self, msg: ActionChunk) -> bool:
        return abs(messages.seconds(msg.header.stamp) - self._stamp) < SAME_TIME

    def _spin_until(self, condition: Callable[[], object], timeout: float) -> bool:
        end = time.monotonic() + timeout
        while not condition() and time.monotonic() < end:
            rclpy.spin_once(self._node, timeout_sec=0.05)
        return bool(condition())

    def _silence(self, waited: float) -> VlaError:
        return VlaError(
            f'{self._processes.namespace}: got no answer in {waited:.0f} s, expected a chunk; '
            'look at what the nodes say above'
        )


def compare(
    spec: PolicySpec,
    graphs: Sequence[Processes],
    observations: Iterable[tuple[Images, np.ndarray]],
) -> list[list[Answer]]:
    """
    Return the answers of each graph, one for each of the observations.

    A graph computes while the others wait; the first one changes from observation to observation.
    """
    keep_freed_memory()
    use_profile()
    rclpy.init()
    node = rclpy.create_node('graph_probe')
    try:
        shown = [Graph(node, processes, spec) for processes in graphs]
        answers: list[list[Answer]] = [[] for _ in shown]
        for number, (images, state) in enumerate(observations):
            for i in range(len(shown)):
                turn = (number + i) % len(shown)
                answers[turn].append(shown[turn].ask(images, state))
    finally:
        node.destroy_node()
        rclpy.shutdown()
    return answers


def _durations(msg: ActionChunk) -> dict[str, float]:
    """Return the seconds that each stage worked on a chunk."""
    return {
        timing.stage: messages.seconds(timing.end) - messages.seconds(timing.start)
        for timing in msg.timings
    }

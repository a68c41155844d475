# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Cameras, joints and queue of two graphs at once, for `vla_ros benchmark split`.

One graph runs a node for each block of a policy, the other all blocks in one. Each is shown the
same observations in turn and asked for a chunk; the time runs from the moment before the pictures
leave until the chunk has been read.
"""

import time
from collections.abc import Callable

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from vla_ros.core.errors import VlaError
from vla_ros.msg import ActionChunk, QueueStatus
from vla_ros.nodes import convert, qos
from vla_ros.nodes.lifecycle import keep_freed_memory
from vla_ros.nodes.vision_encoder import JOINT_STATES, image_topic
from vla_ros.policy.spec import PolicySpec

START_TIMEOUT = 60.0  # s, for the policy to load
ANSWER_TIMEOUT = 10.0  # s, after which an observation is taken for lost
TRIES = 12  # observations; pictures are best effort, and the nodes may not have met yet
NO_ANSWER = 'split: the graphs do not answer; look at what the nodes say above'


class Graph:
    """One graph, as its cameras, its robot and its queue see it."""

    def __init__(self, node: Node, namespace: str, spec: PolicySpec) -> None:
        """Connect to the graph in ``namespace``."""
        self._node, self._spec, self._answers = node, spec, []  # type: ignore[var-annotated]
        self._images = {
            camera: node.create_publisher(Image, f'{namespace}/{image_topic(camera)}', qos.SENSOR)
            for camera in spec.cameras
        }
        self._joints = node.create_publisher(JointState, f'{namespace}/{JOINT_STATES}', qos.SENSOR)
        self._status = node.create_publisher(QueueStatus, f'{namespace}/queue_status', qos.LATEST)
        node.create_subscription(
            ActionChunk, f'{namespace}/action_chunk', self._answers.append, qos.LATEST
        )
        self._request = 0
        publishers = [*self._images.values(), self._joints, self._status]
        chunks = f'{namespace}/action_chunk'
        self.wait(
            lambda: (
                all(publisher.get_subscription_count() for publisher in publishers)
                and node.count_publishers(chunks)
            ),
            START_TIMEOUT,
        )

    def ask(self, images: dict[str, np.ndarray], state: np.ndarray) -> tuple[float, np.ndarray]:
        """
        Return the time from an observation to its chunk in s, and the chunk (rows, joints).

        An observation that was lost on the way is sent anew, and timed anew.
        """
        for _ in range(TRIES):
            began = time.perf_counter()
            self._send(images, state)
            if self._spin_until(self._answer, ANSWER_TIMEOUT):
                chunk = convert.chunk_from_msg(self._answer(), self._spec.joint_names)
                return time.perf_counter() - began, chunk.values
        raise VlaError(NO_ANSWER)

    def wait(self, condition: Callable[[], object], timeout: float) -> None:
        """Spin until ``condition()`` holds; raise VlaError after ``timeout`` (s)."""
        if not self._spin_until(condition, timeout):
            raise VlaError(NO_ANSWER)

    def _send(self, images: dict[str, np.ndarray], state: np.ndarray) -> None:
        self._request += 1
        self._answers.clear()
        now = time.time()
        for camera, publisher in self._images.items():
            publisher.publish(convert.image_to_msg(images[camera.name], now, camera.name))
        joints = JointState(name=list(self._spec.joint_names), position=state.tolist())
        joints.header.stamp = convert.stamp(now)
        self._joints.publish(joints)
        self._status.publish(QueueStatus(request=True, request_id=self._request))

    def _answer(self) -> ActionChunk | None:
        """Return the chunk that answers the newest request, None before it is there."""
        return next((msg for msg in self._answers if msg.sequence == self._request), None)

    def _spin_until(self, condition: Callable[[], object], timeout: float) -> bool:
        end = time.monotonic() + timeout
        while not condition() and time.monotonic() < end:
            rclpy.spin_once(self._node, timeout_sec=0.05)
        return bool(condition())


def compare(
    spec: PolicySpec, namespaces: tuple[str, str], rounds: int, warm_up: int
) -> tuple[list[list[float]], float]:
    """
    Return each graph's times (s), and the largest difference between their chunks (rad).

    Both get the same random observations, in turn, the first one changing from round to round.
    """
    keep_freed_memory()
    rclpy.init()
    node = rclpy.create_node('split_probe')
    graphs = [Graph(node, namespace, spec) for namespace in namespaces]
    random = np.random.default_rng(0)
    times: list[list[float]] = [[], []]
    difference = 0.0
    for i in range(warm_up + rounds):
        images = {
            camera.name: random.integers(0, 256, (camera.height, camera.width, 3), np.uint8)
            for camera in spec.cameras
        }
        state = random.uniform(-0.5, 0.5, len(spec.joint_names))
        chunks = {}
        for graph in (0, 1) if i % 2 else (1, 0):
            elapsed, chunks[graph] = graphs[graph].ask(images, state)
            if i >= warm_up:
                times[graph].append(elapsed)
        difference = max(difference, float(np.abs(chunks[0] - chunks[1]).max()))
    node.destroy_node()
    rclpy.shutdown()
    return times, difference

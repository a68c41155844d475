# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the topic episode says of one episode, for a program that is no node."""

import rclpy
from rclpy.executors import SingleThreadedExecutor

from vla_ros.msg import EpisodeEvent
from vla_ros.ros import qos

OVER = {EpisodeEvent.SUCCESS: '', EpisodeEvent.FAILURE: 'failure', EpisodeEvent.TIMEOUT: 'timeout'}
Verdict = tuple[bool, float, str]  # success, s, why not


class VerdictWatch:
    """Waits for the end of the next episode."""

    def __init__(self) -> None:
        """Listen from now on, in a context of its own."""
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node('verdict', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._verdict: Verdict | None = None
        self._node.create_subscription(EpisodeEvent, 'episode', self._on_episode, qos.EVENTS)

    def look(self, timeout: float) -> Verdict | None:
        """Return the verdict, waiting for up to ``timeout`` s; None while there is none."""
        if self._verdict is None:
            self._executor.spin_once(timeout)
        return self._verdict

    def close(self) -> None:
        """Listen no more."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def _on_episode(self, msg: EpisodeEvent) -> None:
        if msg.event in OVER:
            success = msg.event == EpisodeEvent.SUCCESS
            self._verdict = (success, msg.duration, msg.detail or OVER[msg.event])

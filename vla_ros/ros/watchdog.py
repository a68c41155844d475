# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watchdog: which of the nodes that a node depends on are not active, or do not live any more."""

import time
from collections.abc import Callable, Iterable, Mapping

from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from std_msgs.msg import Empty

from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode

LEASE = 0.25  # s


class Watchdog:
    """
    Knows within ``lease`` seconds that a watched node was killed, frozen or deactivated.

    The middleware's threads ask and answer; Python is woken when something changes, and once a
    second by a message. That is because Fast DDS (3.2) loses the news that a node lives where it
    comes while the subscription is being made: it pairs a reader with its writers before it notes
    whom to tell of them (add_reader of BuiltinProtocols). The watched nodes have to run in other
    processes. It watches as long as its own node is there, active or not: Fast DDS does not tell
    a subscription that is made anew who lives already.
    """

    def __init__(self, node: VlaNode, names: Iterable[str], lease: float = LEASE) -> None:
        """Watch the nodes called ``names``, which are in the namespace of ``node``."""
        self._profile = qos.watched(lease)
        self._node = node
        self._alive = dict.fromkeys(names, False)
        self._changed = dict.fromkeys(self._alive, 0)  # ns of the system clock
        self.over = False  # the run is: nodes that end now are no fault
        for name in self._alive:
            self._watch(name)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of the nodes that are not active."""
        return tuple(name for name, alive in self._alive.items() if not alive)

    def _watch(self, name: str) -> None:
        events = SubscriptionEventCallbacks(liveliness=self._note(name))
        self._node.create_subscription(
            Empty, f'{name}/alive', self._hear(name), self._profile, event_callbacks=events
        )

    def _hear(self, name: str) -> Callable[..., None]:
        def on_message(msg: Empty, info: Mapping[str, int]) -> None:
            changed = self._changed[name]
            was_set_back = changed > time.time_ns()  # the clock: no later message would count
            if was_set_back or info['received_timestamp'] > changed:  # else it may be from before
                self._alive[name] = True

        return on_message

    def _note(self, name: str) -> Callable[[QoSLivelinessChangedInfo], None]:
        def on_change(info: QoSLivelinessChangedInfo) -> None:
            self._changed[name] = time.time_ns()
            before, self._alive[name] = self._alive[name], info.alive_count > 0
            lost = before and not self._alive[name]
            ending = self.over or self._node.finished
            if lost and self._node.active and not ending:
                self._node.report(name, f'{name} is gone: killed, frozen or stopped')

        return on_change

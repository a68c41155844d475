# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watchdog: which of the nodes that a node depends on are not active, or do not live any more."""

from collections.abc import Callable, Iterable

from rclpy.event_handler import QoSLivelinessChangedInfo, SubscriptionEventCallbacks
from std_msgs.msg import Empty

from vla_ros.nodes import qos
from vla_ros.nodes.lifecycle import VlaNode

LEASE = 0.25  # s


class Watchdog:
    """
    Knows within ``lease`` seconds that a watched node was killed, frozen or deactivated.

    The middleware's threads ask and answer; Python is woken only when something changes. The
    watched nodes have to run in other processes. It watches as long as its own node is there,
    active or not: Fast DDS does not tell a subscription that is made anew who lives already.
    """

    def __init__(self, node: VlaNode, names: Iterable[str], lease: float = LEASE) -> None:
        """Watch the nodes called ``names``, which are in the namespace of ``node``."""
        self._profile = qos.watched(lease)
        self._node = node
        self._alive = dict.fromkeys(names, False)
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
            Empty, f'{name}/alive', lambda msg: None, self._profile, event_callbacks=events
        )

    def _note(self, name: str) -> Callable[[QoSLivelinessChangedInfo], None]:
        def on_change(info: QoSLivelinessChangedInfo) -> None:
            before, self._alive[name] = self._alive[name], info.alive_count > 0
            lost = before and not self._alive[name]
            ending = self.over or self._node.finished
            if lost and self._node.active and not ending:
                self._node.report(name, f'{name} is gone: killed, frozen or stopped')

        return on_change


def parse_names(text: str) -> tuple[str, ...]:
    """Return the names in a list that is separated by commas."""
    return tuple(name.strip() for name in text.split(',') if name.strip())

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A relay that spoils what passes through it: the wire between two nodes, in the test's hands."""

from threading import Timer

PREFIX = 'relayed'


class Relay:
    """
    Hands the messages of ``topic`` on to ``relayed/<topic>``.

    ``fault`` is a function from a message to the messages that come in its place, None for a
    sound wire; where it has a ``delay`` (s), they come that late.
    """

    def __init__(self, node, msg_type, topic, profile):
        self.fault = None
        self._out = node.create_publisher(msg_type, relayed(topic), profile)
        node.create_subscription(msg_type, topic, self._on_message, profile)

    def _on_message(self, msg):
        fault = self.fault
        delay = getattr(fault, 'delay', 0.0)
        for each in [msg] if fault is None else fault(msg):
            if delay:
                Timer(delay, self.send, [each]).start()
            else:
                self.send(each)

    def send(self, msg):
        """Hand a message on as it is."""
        self._out.publish(msg)


def relayed(topic):
    """Return the name under which a relay hands ``topic`` on."""
    return f'{PREFIX}/{topic}'


def through(*topics):
    """Return the remappings of a node that listens to those topics behind their relays."""
    return {topic: relayed(topic) for topic in topics}

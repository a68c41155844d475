# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who publishes on a topic: which of several it was, and whether somebody else does, too."""

import struct
from collections import deque
from collections.abc import Collection, Hashable, Mapping
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo

from vla_ros.msg import QueueStatus
from vla_ros.ros import qos

LOST = 1000  # messages in a row that may be lost before they count as those of a newcomer
BEHIND = 10  # requests that an answer may be late by, and be one to the same who asks
LOOK_PERIOD = 0.1  # s
REMEMBERED = 200  # statuses of one's own
CLOCK = '/clock'
GONE = 30.0  # s after which the middleware has forgotten a process that was killed (20 s)


class Sources:
    """
    Tells the publishers of one topic apart.

    Jazzy's messages do not say who sent them, but their number: then whose turn it is tells.
    """

    def __init__(self) -> None:
        """Know nobody."""
        self._last: list[int] = []  # number of the last message of each publisher

    def identify(self, info: Mapping[str, Any]) -> Hashable:
        """Return what the publisher of a message with this ``info`` is known by."""
        gid = info.get('publisher_gid')
        if gid is not None:
            return bytes(gid['data'])
        number = info.get('publication_sequence_number') or 0
        steps = [number - last for last in self._last]
        near = [source for source, step in enumerate(steps) if 0 < step <= LOST]
        source = min(near, key=lambda each: steps[each]) if near else len(self._last)
        self._last[source : source + 1] = [number]
        return source


class Speakers:
    """Notices who speaks at the same time as another on a topic that is for one."""

    def __init__(self, silence: float) -> None:
        """Take who said nothing for ``silence`` (s) for one who has ended."""
        self._silence = silence
        self._sources = Sources()
        self._heard: dict[Hashable, float] = {}  # s, by publisher

    def note(self, info: Mapping[str, Any], now: float) -> bool:
        """Take note of a message at ``now`` (s) by its ``info``; say whether others speak, too."""
        heard = self._heard.items()
        self._heard = {who: when for who, when in heard if now - when < self._silence}
        self._heard[self._sources.identify(info)] = now
        return len(self._heard) > 1


class Answerers:
    """
    Whose answers count on a topic on which one node is to answer each request.

    Who answers keeps the word, though another is faster at times: what that says is refused, until
    the first has ended, or left a request to it. A newcomer who answers what the first has not
    answered yet may be its successor, for a process that was killed is listed for a while; one
    that is ``patient`` sees to it by itself that a successor is heard, and lets the first answer.
    """

    def __init__(self, node: Node, topic: str, patient: bool = False) -> None:
        """Know nobody who answers on ``topic``, as ``node`` names it."""
        self._node, self._topic, self._patient = node, topic, patient
        self._sources = Sources()
        self.forget()

    def forget(self) -> None:
        """Take whoever answers next as the first."""
        self._first: Hashable | None = None
        self._answered = 0  # the newest request that the first has answered
        self._others: set[Hashable] = set()  # who answered what the first did

    def objection(self, info: Mapping[str, Any], sequence: int, newest: int | None = None) -> str:
        """
        Return why the answer to request ``sequence`` with this ``info`` does not count, else ''.

        ``newest`` is the last request that was made; None: who makes them may count anew.
        """
        who = self._sources.identify(info)
        if who == self._first:
            self._answered = sequence
            return ''
        ahead = sequence - self._answered - (self._patient or who in self._others)
        late = ahead <= 0 if newest is not None else -BEHIND <= ahead <= 0
        made_up = newest is not None and sequence > newest
        if (late or made_up) and self._first is not None and self._is_there(self._first):
            self._others.add(who)
            return self._complaint(who)
        self._first, self._answered = who, sequence
        self._others.discard(who)
        return ''

    def _complaint(self, other: Hashable) -> str:
        ends = self._names()
        unknown = f'one of {", ".join(sorted(ends.values()))}'
        first, second = (ends.get(who, unknown) for who in (self._first, other))
        return (
            f'{self._topic}: got answers from {first} and from {"another " * (first == second)}'
            f'{second}, expected those of one node: the first keeps the word; end the other'
        )

    def _is_there(self, who: Hashable) -> bool:
        """Say whether a publisher is listed; True where messages do not tell who sent them."""
        return not isinstance(who, bytes) or who in self._names()

    def _names(self) -> dict[Hashable, str]:
        """Return the nodes that publish on the topic, by their publishers."""
        topic = self._node.resolve_topic_name(self._topic)
        return {
            bytes(end.endpoint_gid): _node_of(end)
            for end in self._node.get_publishers_info_by_topic(topic)
        }


class Buttons:
    """
    What is said on the topic of an emergency stop, on which several buttons may speak.

    One counts as pressed until its own publisher says otherwise or ends; and so does, as long as
    nobody else says anything, one whose publisher has ended. Where messages do not say who sent
    them, as in Jazzy, the last word of all counts.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Know of no button on ``topic``, as ``node`` names it."""
        self._node, self._topic = node, topic
        self._sources = Sources()
        self._pressed: set[Hashable] = set()  # publishers
        self._last = False  # the last word of all

    def note(self, pressed: bool, info: Mapping[str, Any]) -> None:
        """Take note of a message, by its ``info``."""
        source, self._last = self._sources.identify(info), pressed
        (self._pressed.add if pressed else self._pressed.discard)(source)

    @property
    def pressed(self) -> bool:
        """Say whether a button is pressed."""
        ends = self._node.get_publishers_info_by_topic(self._node.resolve_topic_name(self._topic))
        self._pressed &= {bytes(end.endpoint_gid) for end in ends}
        return self._last or bool(self._pressed)


class Rivals:
    """
    The other nodes that publish on a topic that must be this node's alone.

    A node of the same name is known by its statuses: the middleware goes on to list a
    predecessor that was killed for a while.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Watch ``topic``, as ``node`` names it, until ``close``."""
        self.names: tuple[str, ...] = ()
        self._node, self._topic = node, node.resolve_topic_name(topic)
        self._own: deque[bytes] = deque(maxlen=REMEMBERED)
        self._twin = False
        self._began = self._now()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(LOOK_PERIOD, self.look, clock=steady)
        self._statuses = node.create_subscription(
            QueueStatus, 'queue_status', self._on_status, qos.EVERY, raw=True
        )

    def note(self, stamp: Time) -> None:
        """Note the stamp of a status of one's own, before it is sent."""
        self._own.append(struct.pack('<iI', stamp.sec, stamp.nanosec))

    def look(self) -> None:
        """See who is there now."""
        if self._node.count_publishers(self._topic) <= 1 and not self._twin:
            self.names = ()
            return
        found = [_node_of(end) for end in self._node.get_publishers_info_by_topic(self._topic)]
        mine = self._node.get_fully_qualified_name()
        others = {name for name in found if name != mine}
        twins = found.count(mine) > 1 and self._now() - self._began > GONE
        self._twin = self._twin and found.count(mine) > 1
        if twins or self._twin:
            others.add(f'another {mine}')
        self.names = tuple(sorted(others))

    def close(self) -> None:
        """Look no more."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._statuses)

    def _on_status(self, data: bytes) -> None:
        """Hear a status, whose stamp is its first field."""
        if data[4:12] not in self._own:
            self._twin = True
            self.look()

    def _now(self) -> float:
        return Clock(clock_type=ClockType.STEADY_TIME).now().nanoseconds * 1e-9


def clock_objection(node: Node, advertised: Collection[str]) -> str:
    """
    Return what is wrong where several nodes set the time that ``node`` lives by, else ''.

    It does so, too, where it sets the time itself: it publishes on the topics ``advertised``.
    """
    if CLOCK not in advertised and not node.get_parameter('use_sim_time').value:
        return ''
    if node.count_publishers(CLOCK) <= 1:
        return ''
    names = sorted(_node_of(end) for end in node.get_publishers_info_by_topic(CLOCK))
    return (
        f'{CLOCK}: got {len(names)} publishers ({", ".join(names)}), expected one: time jumps '
        'between theirs; end all but one'
    )


def _node_of(end: TopicEndpointInfo) -> str:
    """Return the full name of the node that an endpoint of a topic belongs to."""
    return f'{end.node_namespace.rstrip("/")}/{end.node_name}'

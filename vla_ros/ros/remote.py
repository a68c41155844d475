# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a person asks of running nodes from a shell: to do something, or how they are."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from vla_ros.core.errors import VlaError
from vla_ros.core.status import Mode
from vla_ros.deployment.domain import check_domain
from vla_ros.deployment.fastdds import use_profile
from vla_ros.msg import QueueStatus
from vla_ros.ros import qos
from vla_ros.ros.operator import SWITCHES, TRIGGERS
from vla_ros.ros.watched import status_item
from vla_ros.view.words import describe

QUEUE, STATUS, ENABLE = 'action_queue', 'queue_status', 'action_queue/enable'
LISTEN_TIME = 1.5  # s; every node tells once a second how it is
DISCOVERY_TIME = 0.5  # s after a node was found in which others that run may yet be
EVERYWHERE = ('estop',)  # in doubt every arm stops
# in place of what the web page says of its buttons
ADVICE = {
    Mode.ESTOP: 'make sure that it is safe, then: vla_ros rearm, vla_ros enable',
    Mode.HOLDING: 'let it move with: vla_ros enable',
}


def ask(name: str, namespace: str, timeout: float) -> list[str]:
    """
    Have the nodes do the command ``name``; return what came of it, a line for each robot.

    Raise VlaError where nobody offers it within ``timeout`` (s), where several robots do and none
    was chosen, and where it was refused. An emergency stop goes to all of them, to each at the
    moment that it is found, whatever becomes of the others.
    """
    services = (ENABLE,) if name in SWITCHES else TRIGGERS[name]
    with _joined() as node:
        calls = _Calls(node, name)
        found = _find(node, services, namespace, timeout, calls if name in EVERYWHERE else None)
        if not found:
            raise VlaError(
                f'{name}: got nobody who offers {_below(namespace, services[0])} within '
                f'{timeout:g} s, expected a running {services[0].partition("/")[0]}; start it '
                '(vla_ros up), and give both shells the same ROS_DOMAIN_ID'
            )
        spaces = sorted({place.rsplit('/', 2)[0] or '/' for place in found})
        if len(spaces) > 1 and name not in EVERYWHERE:
            raise VlaError(
                f'{name}: got several robots ({", ".join(spaces)}), expected one: --namespace NAME'
            )
        _wait(node, lambda: calls.answered(found), timeout)
        return calls.results(timeout)


class _Calls:
    """One command, asked of several services at once."""

    def __init__(self, node: Node, name: str) -> None:
        """Ask nobody yet."""
        self._node, self._name, self._switch = node, name, name in SWITCHES
        self._clients: dict[str, Client] = {}
        self._answers: dict[str, Future] = {}

    def answered(self, services: Sequence[str]) -> bool:
        """Ask those of ``services`` that can be by now; say whether all of them have answered."""
        for service in services:
            if service not in self._clients:
                kind = SetBool if self._switch else Trigger
                self._clients[service] = self._node.create_client(kind, service)
            if service not in self._answers and self._clients[service].service_is_ready():
                self._answers[service] = self._clients[service].call_async(self._request())
        return all(each in self._answers and self._answers[each].done() for each in services)

    def results(self, timeout: float) -> list[str]:
        """Return what each did; raise VlaError where one refused or has not answered."""
        told = {service: self._result(service, timeout) for service in self._clients}
        lines = [f'{service}: {text}' for service, (_, text) in told.items()]
        if not all(done for done, _ in told.values()):
            raise VlaError(f'{self._name}: {"; ".join(lines)}')
        return lines

    def _request(self) -> Any:
        return SetBool.Request(data=SWITCHES[self._name]) if self._switch else Trigger.Request()

    def _result(self, service: str, timeout: float) -> tuple[bool, str]:
        """Return whether the service did it, and what it said."""
        call = self._answers.get(service)
        response = call.result() if call is not None and call.done() else None
        if response is None:
            return False, f'got no answer within {timeout:g} s; is it frozen?'
        said = 'done' if response.success else 'refused'
        return response.success, response.message or said


@dataclass(frozen=True)
class Look:
    """How the robots are: what their queues say by namespace, and which nodes complain."""

    queues: Mapping[str, QueueStatus]
    complaints: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return in words how each arm is, why it does not move, and the mend."""
        told = [line for space, msg in self.queues.items() for line in _tell(space, msg)]
        return told + [f'{name}: {text}' for name, text in self.complaints.items()]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        queues = {space: status_item(msg) for space, msg in self.queues.items()}
        return {'queues': queues, 'complaints': dict(self.complaints)}


def look(namespace: str, timeout: float) -> Look:
    """
    Return how the robots are.

    Raise VlaError where no action queue says anything within ``timeout`` (s).
    """
    with _joined() as node:
        statuses: dict[str, QueueStatus] = {}
        told: dict[str, DiagnosticStatus] = {}

        def on_diagnostics(msg: DiagnosticArray) -> None:
            told.update({status.name: status for status in msg.status})

        def seen() -> list[str]:
            for topic in _topics(node, namespace):
                if topic not in statuses:
                    statuses[topic] = QueueStatus(reason='')
                    node.create_subscription(
                        QueueStatus, topic, lambda m, t=topic: statuses.update({t: m}), qos.LATEST
                    )
            return [topic for topic, msg in statuses.items() if msg.header.stamp.sec]

        node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)
        _wait(node, seen, timeout)
        _wait(node, lambda: False, LISTEN_TIME)
        heard = {topic.removesuffix(f'/{STATUS}') or '/': statuses[topic] for topic in seen()}
    if not heard:
        nodes = ', '.join(sorted(told)) or 'no node'
        raise VlaError(
            f'status: got nothing from an action queue within {timeout:g} s ({nodes} told '
            'anything on /diagnostics), expected one; start it (vla_ros up), and give both shells '
            'the same ROS_DOMAIN_ID'
        )
    bad = (status for status in told.values() if status.level != DiagnosticStatus.OK)
    return Look(heard, {status.name: status.message for status in sorted(bad, key=_name)})


def _name(status: DiagnosticStatus) -> str:
    return str(status.name)


def _tell(space: str, status: QueueStatus) -> Iterator[str]:
    """Yield what the arm does, why, and what can be done about it."""
    words = describe(status.mode, status.reason)
    yield f'{space}: {Mode(status.mode).name}: {status.reason or words.explanation}'
    own = status.mode == Mode.ESTOP or 'not enabled' in status.reason
    advice = ADVICE[Mode(status.mode)] if own else words.advice
    if advice:
        yield f'  mend: {advice}'
    yield (
        f'  {status.remaining:.2f} s of motion queued, {status.accepted} chunks taken, '
        f'{status.rejected} refused, {status.starved} times dry'
    )


@contextmanager
def _joined() -> Iterator[Node]:
    """Join the graph for as long as the context lasts."""
    check_domain(os.environ)
    use_profile(images=False)
    rclpy.init(args=[])  # name:=value words of a command line are the command's, no remappings
    try:
        yield rclpy.create_node('operator', start_parameter_services=False, enable_rosout=False)
    finally:
        rclpy.shutdown()


def _wait(node: Node, find: Callable[[], Any], timeout: float) -> Any:
    """Spin until ``find`` finds something, for ``timeout`` (s) at most; return that."""
    end = time.monotonic() + timeout
    while not (found := find()) and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
    return found


def _find(
    node: Node, services: Sequence[str], namespace: str, timeout: float, calls: _Calls | None
) -> list[str]:
    """
    Return who offers one of the services, once nobody else was found for a while.

    Nodes are discovered one after the other: who is found first need not be the only one. With
    ``calls`` each is asked as soon as it is found.
    """
    known: dict[str, float] = {}  # s, when each was found

    def look() -> bool:
        for place in _offered(node, services, namespace):
            known.setdefault(place, time.monotonic())
        if calls is not None:
            calls.answered(sorted(known))
        return bool(known) and time.monotonic() - max(known.values()) > DISCOVERY_TIME

    _wait(node, look, timeout)
    return sorted(known)


def _offered(node: Node, services: Sequence[str], namespace: str) -> list[str]:
    names = [name for name, _ in node.get_service_names_and_types()]
    return sorted(n for n in names if any(_matches(n, one, namespace) for one in services))


def _topics(node: Node, namespace: str) -> list[str]:
    names = [name for name, _ in node.get_topic_names_and_types()]
    return sorted(name for name in names if _matches(name, STATUS, namespace))


def _matches(name: str, ending: str, namespace: str) -> bool:
    return name == _below(namespace, ending) if namespace else name.endswith(f'/{ending}')


def _below(namespace: str, name: str) -> str:
    space = namespace.strip('/')
    return f'/{space}/{name}' if space else f'/{name}'

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an operator may do from afar: stop, release, let go, hold, instruct, record."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any

from rclpy.client import Client
from rclpy.publisher import Publisher
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from vla_ros.core.errors import VlaError
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode

ANSWER_TIME = 2.0  # s
SWITCHES = {'enable': True, 'hold': False}
# of the services of a command all are called that somebody offers: the driver of a real arm stops
# by itself, too, and also where a person leads it and there is no action queue
TRIGGERS = {
    'estop': ('action_queue/estop', 'robot/estop'),
    'rearm': ('action_queue/rearm', 'robot/rearm'),
    'start': ('recorder/start',),
    'keep': ('recorder/keep',),
    'discard': ('recorder/discard',),
    'redo': ('recorder/redo',),
}


class Operator:
    """
    Does commands by their name, for callers in the event loop of another thread.

    The node has to be spun meanwhile: it is there that answers come in.
    """

    def __init__(self, node: VlaNode) -> None:
        """Connect to the services and topics below the node's namespace."""
        self._node = node
        self._switch: Client = node.create_client(SetBool, 'action_queue/enable')
        self._triggers: dict[str, list[Client]] = {
            name: [node.create_client(Trigger, service) for service in services]
            for name, services in TRIGGERS.items()
        }
        self._instructions: Publisher = node.advertise(String, 'instruction', qos.LATCHED)

    def close(self) -> None:
        """Let go of the services."""
        for client in (self._switch, *chain(*self._triggers.values())):
            self._node.destroy_client(client)

    async def __call__(self, name: str, text: str) -> str:
        """
        Do what ``name`` says, with ``text`` where it takes one; return what came of it.

        Raise VlaError for a name that is not known, and where it was refused or not answered.
        """
        if name in SWITCHES:
            return await self._ask(self._switch, SetBool.Request(data=SWITCHES[name]), name)
        if name in self._triggers:
            return await self._ask_all(self._triggers[name], name)
        if name == 'instruction':
            return self._instruct(text)
        known = ', '.join([*SWITCHES, *TRIGGERS, 'instruction'])
        raise VlaError(f'command: got {name!r}, expected one of {known}')

    def _instruct(self, text: str) -> str:
        if not text.strip():
            raise VlaError('instruction: got nothing, expected the task in words')
        self._instructions.publish(String(data=text.strip()))
        return f'the policy is asked to: {text.strip()}'

    async def _ask_all(self, clients: Sequence[Client], name: str) -> str:
        """Call all the services at once that somebody offers; each of them has to be done."""
        ready = [client for client in clients if client.service_is_ready()] or clients[:1]
        asked = (self._ask(client, Trigger.Request(), name) for client in ready)
        return '; '.join(dict.fromkeys(await asyncio.gather(*asked)))

    async def _ask(self, client: Client, request: Any, name: str) -> str:
        """Call a service and wait for its answer."""
        if not client.service_is_ready():
            service = self._node.resolve_service_name(client.srv_name)
            raise VlaError(f'{name}: nobody offers {service}: is that node running?')
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def on_answer(future: Any) -> None:
            loop.call_soon_threadsafe(set_once, answered, future.result())

        call = client.call_async(request)
        call.add_done_callback(on_answer)
        try:
            response = await asyncio.wait_for(answered, ANSWER_TIME)
        except asyncio.TimeoutError:  # another class before Python 3.11
            client.remove_pending_request(call)
            raise VlaError(
                f'{name}: no answer from {client.srv_name} within {ANSWER_TIME:.0f} s: whether '
                'it was done is not known'
            ) from None
        if not response.success:
            raise VlaError(f'{name}: {response.message or "refused"}')
        return response.message or 'done'


def set_once(future: 'asyncio.Future[Any]', value: Any) -> None:
    """Give a future its value, unless its waiter has given up."""
    if not future.done():
        future.set_result(value)

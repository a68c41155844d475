# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A person at the live page of a web node: what they ask for and what they see."""

import asyncio
import json
import threading

import aiohttp
from std_srvs.srv import Trigger


def offer_robot(graph):
    """Offer what the driver of a real arm does; return the list of what it is asked for."""
    asked = []

    def offer(name):
        def on_call(request, response):
            asked.append(name)
            response.success = True
            return response

        graph.peer.create_service(Trigger, f'robot/{name}', on_call)

    for name in ('estop', 'rearm'):
        offer(name)
    return asked


class Page:
    """The page of one node in a graph, which is spun while an answer is waited for."""

    def __init__(self, graph, node, token):
        self._graph = graph
        self.url = f'http://127.0.0.1:{node.port}'
        self.token = token

    def visit(self, scene):
        """Run the coroutine ``scene(session)`` beside the graph and return what it returns."""
        results, errors = [], []

        async def main():
            async with aiohttp.ClientSession(self.url) as session:
                return await asyncio.wait_for(scene(session), 150.0)

        def run():
            try:
                results.append(asyncio.run(main()))
            except BaseException as error:  # for the thread that waits  # noqa: BLE001
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self._graph.until(lambda: not thread.is_alive(), timeout=160.0)
        if errors:
            raise errors[0]
        return results[0]

    def command(self, name, text='', token=None, **headers):
        """Post a command; return the status and the answer."""
        given = {'Authorization': f'Bearer {token or self.token}', **headers}

        async def scene(session):
            path = f'/command/{name}'
            async with session.post(path, data=text, headers=given) as answer:
                return answer.status, await answer.json()

        return self.visit(scene)

    def see(self, wanted, done=lambda item: True):
        """Look until an item of the kind ``wanted`` comes for which ``done(item)`` holds."""

        async def scene(session):
            async with session.ws_connect('/live') as page:
                async for message in page:
                    if message.type is aiohttp.WSMsgType.BINARY:
                        item = {'kind': 'picture', 'data': message.data}
                    else:
                        item = json.loads(message.data)
                    if item['kind'] == wanted and done(item):
                        return item

        return self.visit(scene)

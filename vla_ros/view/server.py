# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The server of the live page: its files, a websocket for what is on show, and commands.

It runs in a thread with an event loop of its own. A command is a POST to command/<name> with the
token in the header Authorization; the answer is JSON with ``success`` and ``message``.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from importlib.resources import files
from socket import AF_INET6, SO_REUSEADDR, SOL_SOCKET, socket
from typing import Any

from aiohttp import web

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import to_json
from vla_ros.view.access import Access
from vla_ros.view.hub import Hub, Viewer

Command = Callable[[str, str], Awaitable[str]]  # name and text to what was done; raises VlaError

PING_PERIOD = 5.0  # s after which a viewer is asked whether it is still there
SHUTDOWN_TIME = 1.0  # s that viewers have to leave
LARGEST_COMMAND = 4096  # bytes
KINDS = {'html': 'text/html', 'css': 'text/css', 'js': 'text/javascript', 'svg': 'image/svg+xml'}
HEADERS = {
    'Content-Security-Policy': (
        "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'"
    ),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
}


class Server:
    """Serves the page until it is closed."""

    def __init__(self, hub: Hub, access: Access, command: Command) -> None:
        """Take what is shown, who may do what, and who does it."""
        self._hub, self._access, self._command = hub, access, command
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name='web', daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self, host: str, port: int) -> int:
        """
        Listen, and return the port: a free one where ``port`` is 0 or taken by somebody else.

        Raise ConfigError for a host that this machine does not have.
        """
        listener = bind(host, port)
        self._thread.start()
        self._hub.attach(self._loop)
        self._wait(self._listen(listener))
        return int(listener.getsockname()[1])

    def close(self) -> None:
        """Send the viewers home and stop to listen."""
        self._hub.attach(None)
        self._wait(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._command = refuse  # aiohttp's cache of handlers keeps this object, but not the node

    def _wait(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self, listener: socket) -> None:
        app = web.Application(middlewares=[self._guard], client_max_size=LARGEST_COMMAND)
        app.router.add_get('/', self._on_page)
        app.router.add_get('/assets/{name}', self._on_asset)
        app.router.add_get('/live', self._on_viewer)
        app.router.add_post('/command/{name}', self._on_command)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIME)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def _leave(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Refuse what comes from elsewhere; add the headers that keep a browser from harm."""
        objection = self._access.objection(request.host, request.headers.get('Origin'))
        if objection:
            return web.json_response({'success': False, 'message': objection}, status=403)
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _on_page(self, request: web.Request) -> web.Response:
        return asset('index.html')

    async def _on_asset(self, request: web.Request) -> web.Response:
        return asset(request.match_info['name'])

    async def _on_viewer(self, request: web.Request) -> web.WebSocketResponse:
        """Show the newest of everything until the viewer leaves; what it says is not heard."""
        page = web.WebSocketResponse(heartbeat=PING_PERIOD, compress=False)
        await page.prepare(request)
        with self._hub.viewer() as viewer:
            feeding = asyncio.ensure_future(feed(page, viewer))
            try:
                async for _ in page:
                    pass
            finally:
                feeding.cancel()
        return page

    async def _on_command(self, request: web.Request) -> web.Response:
        """Do what is asked for by somebody who may."""
        if not self._access.may_command(request.headers.get('Authorization')):
            text = 'wrong token: open the link that the log of the node shows'
            return web.json_response({'success': False, 'message': text}, status=401)
        try:
            text = (await request.read()).decode()
            message = await self._command(request.match_info['name'], text)
        except UnicodeDecodeError:
            refusal = {'success': False, 'message': 'got bytes that are no text in UTF-8'}
            return web.json_response(refusal, status=400)
        except VlaError as error:
            return web.json_response({'success': False, 'message': str(error)}, status=409)
        return web.json_response({'success': True, 'message': message})


async def refuse(name: str, text: str) -> str:
    """Do nothing that is asked for once the page is closed."""
    raise VlaError(f'{name}: the page is closed')


async def feed(page: web.WebSocketResponse, viewer: Viewer) -> None:
    """Send a viewer one item after the other, each once it has room for it."""
    try:
        while not page.closed:
            item = await viewer.take()
            if isinstance(item, bytes):
                await page.send_bytes(item)
            else:
                await page.send_str(item)
    except ConnectionResetError:  # the viewer has left
        return


def asset(name: str) -> web.Response:
    """Return a file of the page; 404 for a name that is none of them."""
    known = {item.name: item for item in files('vla_ros.view').joinpath('assets').iterdir()}
    kind = KINDS.get(name.rpartition('.')[2])
    if name not in known or kind is None:
        raise web.HTTPNotFound(text=f'{name}: not found')
    return web.Response(body=known[name].read_bytes(), content_type=kind, charset='utf-8')


def bind(host: str, port: int) -> socket:
    """Return a socket bound to ``port`` of ``host``, or to a free one where that is taken."""
    for candidate in (port, 0):
        listener = socket(AF_INET6) if ':' in host else socket()
        # a node that is started again finds its viewers, who ask for the port that they know
        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen()  # now: until then a port is free for others who start meanwhile
        except PermissionError as error:
            listener.close()
            raise ConfigError(f'port: got {port}: {error.strerror}; take one above 1023') from None
        except OSError as error:
            listener.close()
            if candidate == 0:
                raise ConfigError(
                    f'host: got {host!r}: {error.strerror}; expected 127.0.0.1 for this machine '
                    'only, 0.0.0.0 for every network, or one of its addresses'
                ) from None
        else:
            return listener
    raise AssertionError('the last candidate is bound or refused')


def as_json(kind: str, **content: Any) -> str:
    """Return an item of the page: what ``kind`` it is, and its content; NaN becomes null."""
    return to_json({'kind': kind, **content}, separators=(',', ':'))

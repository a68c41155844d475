# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The server of the live page, asked over real sockets."""

import asyncio
import gc
import json
import re
import socket
import time
import weakref
from importlib.resources import files

import aiohttp
import pytest
from patience import PATIENCE

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.view.access import Access
from vla_ros.view.hub import Hub
from vla_ros.view.server import Server, as_json, bind

TOKEN = {'Authorization': 'Bearer secret'}


class Site:
    """A server, what it was told to do, and a client."""

    def __init__(self):
        self.commands = []
        self.hub = Hub()
        self.server = Server(self.hub, Access('secret'), self._command)
        self.port = self.server.start('127.0.0.1', 0)
        self.url = f'http://127.0.0.1:{self.port}'

    async def _command(self, name, text):
        self.commands.append((name, text))
        if name == 'refused':
            raise VlaError('refused: not now')
        return f'{name} done'

    def visit(self, scene):
        """Run the coroutine ``scene(session)`` and return what it returns."""

        async def main():
            async with aiohttp.ClientSession(self.url) as session:
                return await asyncio.wait_for(scene(session), 20.0)

        return asyncio.run(main())

    def ask(self, method, path, **given):
        """Return the status, the headers and the text of one answer."""

        async def scene(session):
            async with session.request(method, path, **given) as answer:
                return answer.status, answer.headers, await answer.text()

        return self.visit(scene)


@pytest.fixture
def site():
    site = Site()
    yield site
    site.server.close()


def test_the_page_and_all_that_it_names_is_served_with_its_kind(site):
    status, headers, page = site.ask('GET', '/')
    assert status == 200 and headers['Content-Type'].startswith('text/html')
    names = set(re.findall(r'assets/([\w.]+)', page))
    scripts = [name for name in names if name.endswith('.js')]
    for name in scripts:
        names |= set(re.findall(r"from '\./([\w.]+)'", site.ask('GET', f'/assets/{name}')[2]))
    assert {'page.js', 'arm.js', 'plots.js', 'page.css', 'icon.svg'} <= names
    for name in names:
        status, headers, _ = site.ask('GET', f'/assets/{name}')
        kind = {'js': 'text/javascript', 'css': 'text/css', 'svg': 'image/svg+xml'}
        assert status == 200 and headers['Content-Type'].startswith(kind[name.split('.')[1]])


def test_nothing_is_fetched_from_elsewhere(site):
    policy = site.ask('GET', '/')[1]['Content-Security-Policy']
    assert policy.startswith("default-src 'self'")
    for file in files('vla_ros.view').joinpath('assets').iterdir():
        addresses = set(re.findall(r'(?:https?:)?//[a-z][\w.-]+\.[a-z]+', file.read_text()))
        assert addresses <= {'http://www.w3.org'}, file.name  # the name of SVG's namespace


@pytest.mark.parametrize('path', ['/assets/nothing.js', '/assets/..%2Fserver.py', '/etc/passwd'])
def test_other_files_are_not_there(site, path):
    assert site.ask('GET', path)[0] == 404


def test_a_command_with_the_token_is_done_and_answered(site):
    status, _, text = site.ask('POST', '/command/hold', headers=TOKEN, data='now')
    assert (status, json.loads(text)) == (200, {'success': True, 'message': 'hold done'})
    assert site.commands == [('hold', 'now')]


@pytest.mark.parametrize('headers', [{}, {'Authorization': 'Bearer wrong'}])
def test_a_wrong_token_commands_nothing(site, headers):
    for name in ('estop', 'enable', 'hold', 'rearm', 'instruction', 'start'):
        status, _, text = site.ask('POST', f'/command/{name}', headers=headers)
        assert status == 401 and not json.loads(text)['success']
    assert site.commands == []


def test_a_page_of_another_site_sees_and_commands_nothing(site):
    foreign = {**TOKEN, 'Origin': 'http://evil.example'}
    assert site.ask('POST', '/command/enable', headers=foreign)[0] == 403
    assert site.ask('GET', '/', headers={'Host': 'evil.example'})[0] == 403

    async def scene(session):
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await session.ws_connect('/live', origin='http://evil.example')
        return error.value.status

    assert site.visit(scene) == 403
    assert site.commands == [] and site.hub.viewers == 0


def test_what_is_refused_says_why(site):
    status, _, text = site.ask('POST', '/command/refused', headers=TOKEN)
    assert (status, json.loads(text)['message']) == (409, 'refused: not now')


def test_a_command_that_is_too_long_is_refused(site):
    assert site.ask('POST', '/command/instruction', headers=TOKEN, data='x' * 10_000)[0] == 413
    assert site.commands == []


def test_commands_are_posted_and_not_fetched(site):
    assert site.ask('GET', '/command/enable', headers=TOKEN)[0] == 405


def test_numbers_that_json_lacks_are_null():
    item = as_json('episode', duration=float('nan'))
    assert json.loads(item) == {'kind': 'episode', 'duration': None}


def test_viewers_see_what_is_shown_before_and_after_they_came(site):
    site.hub.show('hello', as_json('hello', name='so101'))

    async def scene(session):
        async with session.ws_connect('/live') as first, session.ws_connect('/live') as second:
            greetings = [json.loads((await page.receive()).data) for page in (first, second)]
            site.hub.show('picture 0', b'\0jpeg')
            pictures = [(await page.receive()).data for page in (first, second)]
            return greetings, pictures, site.hub.viewers

    greetings, pictures, viewers = site.visit(scene)
    assert greetings == [{'kind': 'hello', 'name': 'so101'}] * 2
    assert pictures == [b'\0jpeg'] * 2 and viewers == 2


def test_a_viewer_that_does_not_read_delays_no_other(site):
    picture = bytes(200_000)

    async def scene(session):
        raw = socket.create_connection(('127.0.0.1', site.port))
        raw.sendall(
            b'GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n'
            b'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
            b'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n'
        )
        async with session.ws_connect('/live', max_msg_size=0) as quick:
            while site.hub.viewers < 2:
                await asyncio.sleep(0.01)
            for number in range(300):  # 60 MB: more than any buffer on the way
                site.hub.show('picture 0', picture)
                site.hub.show('status', f'{number}')
                while (await quick.receive()).data != f'{number}':
                    pass
            raw.close()
            return number

    assert site.visit(scene) == 299


def test_a_viewer_that_leaves_is_no_longer_counted(site):
    async def scene(session):
        async with session.ws_connect('/live'):
            pass

    site.visit(scene)
    end = time.monotonic() + PATIENCE
    while site.hub.viewers and time.monotonic() < end:
        site.hub.show('status', 'x')
        time.sleep(0.02)
    assert site.hub.viewers == 0


def test_servers_that_start_at_the_same_time_have_each_a_port():
    with bind('127.0.0.1', 0) as first:
        port = first.getsockname()[1]
        with bind('127.0.0.1', port) as second:
            assert second.getsockname()[1] != port


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        (b'Host: [::1', 403),
        (b'Host: 127.0.0.1\r\nOrigin: http://[::1', 403),
        (b'Host: 127.0.0.1\r\nAuthorization: Bearer \xff', 401),
        (b'Host: 127.0.0.1\r\nAuthorization: Bearer secret', 400),
    ],
)
def test_what_no_browser_sends_is_refused_and_leaves_nothing_in_the_log(
    site, caplog, headers, status
):
    with socket.create_connection(('127.0.0.1', site.port)) as raw:
        start = b'POST /command/hold HTTP/1.1\r\nContent-Length: 1\r\n'
        raw.sendall(start + headers + b'\r\n\r\n\xff')
        assert raw.recv(64).split()[1] == str(status).encode()
    assert (site.commands, caplog.text) == ([], '')


def test_a_port_that_is_taken_is_replaced_by_a_free_one(site):
    other = Server(Hub(), Access('secret'), site._command)
    port = other.start('127.0.0.1', site.port)
    other.close()
    assert port not in (0, site.port)


def test_a_server_that_is_started_again_has_the_port_that_its_viewers_know():
    first = Site()
    with socket.create_connection(('127.0.0.1', first.port)) as viewer:
        viewer.sendall(b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
        assert viewer.recv(64)
        first.server.close()  # it ends the connection, whose port the kernel keeps for a while
        assert viewer.recv(1 << 20) is not None
    again = Server(Hub(), Access('secret'), first._command)
    assert again.start('127.0.0.1', first.port) == first.port
    again.close()


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ConfigError, match="host: got '192.0.2.1': .*expected 127.0.0.1"):
        Server(Hub(), Access('secret'), None).start('192.0.2.1', 0)


def test_a_closed_server_sends_its_viewers_home_and_is_gone():
    site = Site()

    async def scene(session):
        page = await session.ws_connect('/live')
        await asyncio.get_running_loop().run_in_executor(None, site.server.close)
        return (await page.receive()).type

    assert site.visit(scene) in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    with pytest.raises(OSError):
        socket.create_connection(('127.0.0.1', site.port), timeout=1.0)


def test_a_closed_server_lets_go_of_who_did_its_commands():
    site = Site()
    assert site.ask('POST', '/command/enable', headers=TOKEN)[0] == 200
    site.server.close()
    gone = weakref.ref(site)
    del site
    gc.collect()
    assert gone() is None

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that a test drives, by the DevTools protocol."""

import asyncio
import json
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from patience import PATIENCE

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
FLAGS = (
    '--headless=new',
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--remote-debugging-port=0',
    '--remote-allow-origins=*',
)
WITH_WEBGL = ('--use-angle=swiftshader', '--enable-unsafe-swiftshader')
WITHOUT_WEBGL = ('--disable-gpu', '--disable-3d-apis')


class Tab:
    """One page in the browser."""

    def __init__(self, socket):
        self._socket = socket
        self._calls = 0
        self.errors = []  # exceptions of the page's scripts

    async def call(self, method, **params):
        """Call a method of the protocol and return its result."""
        self._calls += 1
        await self._socket.send_json({'id': self._calls, 'method': method, 'params': params})
        while True:
            answer = json.loads((await self._socket.receive()).data)
            if answer.get('method') == 'Runtime.exceptionThrown':
                self.errors.append(answer['params']['exceptionDetails'])
            if answer.get('id') == self._calls:
                return answer['result']

    async def evaluate(self, script):
        """Return the value of a JavaScript expression in the page."""
        answer = await self.call('Runtime.evaluate', expression=script, awaitPromise=True)
        return answer['result'].get('value')

    async def until(self, script):
        """Wait until a JavaScript expression is true, and return its value."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not (value := await self.evaluate(script)):
            assert asyncio.get_running_loop().time() < end, f'timed out: {script}'
            await asyncio.sleep(0.05)
        return value

    async def text(self, identifier):
        """Return the text of the element with an id."""
        return await self.evaluate(f'document.getElementById({identifier!r}).textContent')

    async def press(self, key, code):
        """Press and release a key."""
        for kind in ('keyDown', 'keyUp'):
            await self.call('Input.dispatchKeyEvent', type=kind, key=key, code=code, text='')

    async def click(self, selector):
        """Press the left mouse button in the middle of an element."""
        box = json.loads(
            await self.evaluate(
                f'JSON.stringify(document.querySelector({selector!r}).getBoundingClientRect())'
            )
        )
        place = {'x': box['x'] + box['width'] / 2, 'y': box['y'] + box['height'] / 2}
        for kind in ('mousePressed', 'mouseReleased'):
            await self.call(
                'Input.dispatchMouseEvent', type=kind, button='left', clickCount=1, **place
            )


@asynccontextmanager
async def open_page(url, folder, drawing=False, width=640, height=480):
    """
    Open a page in a browser that keeps its files in ``folder``.

    Only for ``drawing`` it has WebGL, which costs a lot without a graphics card.
    """
    profile = Path(folder, 'chromium')
    size = f'--window-size={width},{height}'
    command = [
        CHROMIUM,
        *FLAGS,
        *(WITH_WEBGL if drawing else WITHOUT_WEBGL),
        size,
        f'--user-data-dir={profile}',
        'about:blank',
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        port = await _read_port(profile / 'DevToolsActivePort')
        async with aiohttp.ClientSession(f'http://127.0.0.1:{port}') as session:
            async with session.get('/json') as answer:
                tabs = await answer.json()
            address = next(t['webSocketDebuggerUrl'] for t in tabs if t['type'] == 'page')
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.call('Runtime.enable')
                await tab.call('Page.navigate', url=url)
                yield tab
    finally:
        process.terminate()
        process.wait()


async def _read_port(path):
    end = asyncio.get_running_loop().time() + PATIENCE
    while not (path.exists() and path.read_text().strip()):
        assert asyncio.get_running_loop().time() < end, 'the browser did not start'
        await asyncio.sleep(0.05)
    return path.read_text().split()[0]

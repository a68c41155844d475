# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Viewers get the newest of everything, each at its own pace."""

import asyncio
import threading

from vla_ros.view.hub import Hub


def run(scene):
    """Run the coroutine ``scene(hub)`` with a hub that serves its loop."""

    async def main():
        hub = Hub()
        hub.attach(asyncio.get_running_loop())
        return await asyncio.wait_for(scene(hub), 10.0)

    return asyncio.run(main())


async def settle():
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_viewer_first_gets_what_is_on_show():
    async def scene(hub):
        hub.show('a', 'first'), hub.show('b', b'second'), hub.show('a', 'newer')
        await settle()
        with hub.viewer() as viewer:
            return [await viewer.take(), await viewer.take()]

    assert run(scene) == ['newer', b'second']


def test_a_slow_viewer_skips_what_is_old_and_holds_up_nobody():
    async def scene(hub):
        with hub.viewer() as slow, hub.viewer() as quick:
            got = []
            for number in range(1000):
                hub.show('picture', f'{number}')
                hub.show('status', f's{number}')
                await settle()
                got += [await quick.take(), await quick.take()]
            assert got[-2:] == ['999', 's999'] and len(got) == 2000
            return [await slow.take(), await slow.take()], slow

    items, slow = run(scene)
    assert items == ['999', 's999']
    assert not slow._waiting


def test_each_key_has_its_turn_even_where_another_one_always_has_news():
    async def scene(hub):
        with hub.viewer() as viewer:
            hub.show('busy', 'b'), hub.show('rare', 'r')
            got = []
            for _ in range(3):
                hub.show('busy', 'b')
                await settle()
                got.append(await viewer.take())
            return got

    assert run(scene) == ['b', 'r', 'b']


def test_a_viewer_waits_until_there_is_something_from_another_thread():
    async def scene(hub):
        with hub.viewer() as viewer:
            threading.Timer(0.05, hub.show, ('a', 'late')).start()
            return await viewer.take()

    assert run(scene) == 'late'


def test_viewers_are_counted_until_they_leave():
    async def scene(hub):
        with hub.viewer(), hub.viewer():
            assert hub.viewers == 2
        return hub.viewers

    assert run(scene) == 0


def test_nothing_happens_where_nobody_serves():
    hub = Hub()
    hub.show('a', '1')
    assert hub.viewers == 0

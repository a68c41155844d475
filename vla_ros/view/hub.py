# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is on show now, for any number of viewers, each at its own pace.

Whoever shows something leaves it under a key, in place of what was there before; a viewer takes
the newest of each key whenever it is ready for more. A viewer that is slow or gone therefore skips
what it is too late for, and holds up nobody.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

Item = str | bytes  # JSON, or a picture with the number of its camera before it


class Viewer:
    """The newest item of each key that one viewer has not taken yet."""

    def __init__(self, items: dict[str, Item]) -> None:
        """Begin with all that is on show."""
        self._waiting = dict(items)
        self._news = asyncio.Event()
        if items:
            self._news.set()

    def put(self, key: str, item: Item) -> None:
        """Have an item taken, instead of the one of that key that is still waiting."""
        self._waiting[key] = item
        self._news.set()

    async def take(self) -> Item:
        """Return the item that has been waiting longest, as soon as there is one."""
        await self._news.wait()
        item = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._news.clear()
        return item


class Hub:
    """
    Hands items from any thread to the viewers, who all live in one event loop.

    ``show`` costs the caller the same whether there are many viewers or none.
    """

    def __init__(self) -> None:
        """Begin with nothing on show and nobody who looks."""
        self._items: dict[str, Item] = {}
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        """Return how many look at the moment."""
        return len(self._viewers)

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Serve viewers in ``loop`` from now on; None: there are no more."""
        self._loop = loop

    def show(self, key: str, item: Item) -> None:
        """Put an item on show in place of the one with the same key; from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._put, key, item)

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Return a viewer that gets what is shown until the context ends."""
        viewer = Viewer(self._items)
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            self._viewers.remove(viewer)

    def _put(self, key: str, item: Item) -> None:
        self._items[key] = item
        for viewer in self._viewers:
            viewer.put(key, item)

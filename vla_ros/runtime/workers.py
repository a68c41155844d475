# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Work in several processes that end with the one that asked for it, whatever ends that."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from threading import current_thread, main_thread
from typing import TypeVar

from vla_ros.core.errors import VlaError
from vla_ros.runtime.tether import end_with_parent

Task = TypeVar('Task')
Result = TypeVar('Result')


def work(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    """
    Yield what ``function`` makes of each task, in their order; several new processes compute it.

    Raise what ``function`` raises, and VlaError where a process died instead of answering. No
    process outlives the iteration: it waits for those that are done, and ends the others.
    """
    others, count = active_children(), max(1, min(workers, len(tasks)))
    with _terminal_ignored():  # which the new processes inherit: this one answers for them
        pool = ProcessPoolExecutor(count, get_context('spawn'), end_with_parent, (os.getpid(),))
        results = pool.map(function, tasks)
    try:
        yield from results
    except BrokenProcessPool:
        raise VlaError(
            'a worker process died: killed, or out of memory; run it again with fewer --workers'
        ) from None
    except BaseException:
        for child in set(active_children()) - set(others):
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _terminal_ignored() -> Iterator[None]:
    """Ignore Ctrl-C, and the end of the terminal, where this is the thread that may say so."""
    numbers = (signal.SIGINT, signal.SIGHUP) if current_thread() is main_thread() else ()
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

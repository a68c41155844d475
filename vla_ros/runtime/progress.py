# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far a command's work is, for whoever sits before it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

OnProgress = Callable[[int, int], None]  # done, of how many


@contextmanager
def progress(unit: str) -> Iterator[OnProgress]:
    """
    Show a bar that is told what is done; it is gone at the end.

    There is none where standard error is no terminal: it would fill a log.
    """
    from tqdm import tqdm

    with tqdm(unit=unit, leave=False, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show

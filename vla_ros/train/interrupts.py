# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in the middle of training: what was learned is saved first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """
    Holds Ctrl-C and SIGTERM back within its context, so that no step is left half taken.

    ``asked`` says that one came; a second one is not held back any more.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.asked = False
        self._held = True

    def __enter__(self) -> 'Interrupts':
        """Listen, where this is the thread that signals come to."""
        mine = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS * mine}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the signals to those who had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at once within the context, where nothing can be lost."""
        self._held = False
        try:
            yield
        finally:
            self._held = True

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self._held:
            raise KeyboardInterrupt
        self.asked = True

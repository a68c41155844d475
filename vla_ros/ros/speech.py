# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What was said on a topic, by whom and in which order, where the middleware keeps neither."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from rclpy.publisher import Publisher

REMEMBERED = 64  # messages, of those that may still come again


class Ear:
    """
    What to take of a topic on which several may have spoken before anybody listened.

    Two subscriptions may hear the same message. And of what each speaker latched, what was said
    first may arrive last: with ``newest`` it is not taken any more then. After that the order of
    arrival counts, whatever the clocks of the speakers say.
    """

    def __init__(self, newest: bool = False) -> None:
        """Listen from now on."""
        self._newest = newest
        self._since = time.time_ns()
        self._last = 0  # when what was taken last was said, ns
        self._known: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)

    def takes(self, info: Mapping[str, Any]) -> bool:
        """Whether a message counts, by what the middleware knows of it."""
        said, number = info['source_timestamp'], info['publication_sequence_number']
        if (said, number) in self._known or (self._newest and self._was_replaced(info)):
            return False
        self._known.append((said, number))
        self._last = said
        return True

    def _was_replaced(self, info: Mapping[str, Any]) -> bool:
        """Whether it was said before all this, and by now there is something newer."""
        said = info['source_timestamp']
        return bool(said < self._since <= info['received_timestamp'] and said < self._last)


class Voice:
    """A publisher that knows its own words when they come round."""

    def __init__(self, publisher: Publisher) -> None:
        """Speak through ``publisher``."""
        self._publisher = publisher
        self._times: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)  # ns, of the system's clock

    def say(self, msg: Any) -> None:
        """Publish ``msg``."""
        before = time.time_ns()
        self._publisher.publish(msg)
        self._times.append((before, time.time_ns()))

    def said(self, info: Mapping[str, Any]) -> bool:
        """Whether the message of which the middleware knows ``info`` is one of its own."""
        return any(first <= info['source_timestamp'] <= last for first, last in self._times)

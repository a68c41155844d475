# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An emergency stop as a node takes it, from a topic or a service, until it is armed again."""

from collections.abc import Mapping
from typing import Any

from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.publishers import Buttons
from vla_ros.runtime.latch import ESTOP, Latch


class EmergencyStop:
    """Why the arm of a node stays stopped, and what stops it."""

    def __init__(self, node: VlaNode) -> None:
        """Be as ``node`` was left."""
        self._latch = Latch(node.get_fully_qualified_name(), node.report)
        self._buttons = Buttons(node, 'estop')

    @property
    def why(self) -> str:
        """Return why it is stopped, '' where it is not."""
        return self._latch.why

    def press(self) -> None:
        """Stop it; the reason of an earlier stop stays."""
        self._latch.why = self._latch.why or ESTOP

    def add(self, why: str) -> None:
        """Stop it, for this reason as well."""
        self._latch.why = '; '.join(filter(None, (self._latch.why, why)))

    def release(self) -> bool:
        """Let go, unless a button is down; say whether that was done."""
        released = not self._buttons.pressed
        if released:
            self._latch.why = ''
        return released

    def on_button(self, msg: Bool, info: Mapping[str, Any]) -> None:
        """Take what is said on the topic estop."""
        self._buttons.note(msg.data, info)
        if msg.data:
            self.press()

    def on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Answer the service."""
        self.press()
        response.success = True
        return response

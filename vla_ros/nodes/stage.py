# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The base of the nodes that compute one block of a policy."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from vla_ros.core.config import find_config
from vla_ros.msg import StageTiming
from vla_ros.nodes import convert
from vla_ros.nodes.lifecycle import VlaNode
from vla_ros.nodes.params import declare, param
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.runtime.session import Session

T = TypeVar('T')


@dataclass(frozen=True)
class StageParams:
    """Parameters of every stage."""

    policy: str = param(
        'tea_bag_act', 'Policy bundle: its folder, or its name in config/policies.'
    )


class StageNode(VlaNode):
    """A node named after the block that it computes."""

    def __init__(self, block: str) -> None:
        """Declare the parameters."""
        super().__init__(block)
        self._block = block
        self._stage_params = declare(self, StageParams)
        self._session: Session | None = None
        self._answers = 0
        self._duration = 0.0  # s, of the last computation

    def load_bundle(self) -> Bundle:
        """Return the bundle that the parameters name, with this block's file checked."""
        return load_bundle(find_config('policies', self._stage_params.policy), (self._block,))

    def ready(self, session: Session) -> None:
        """Say on what the block really runs."""
        self._session = session
        self.get_logger().info(f'{session.path.name} is ready on {", ".join(session.providers)}')

    def timed(self, work: Callable[[], T]) -> tuple[T, StageTiming]:
        """Return what ``work`` returns, and when it was done by the node's clock."""
        start, began = self.now(), perf_counter()
        result = work()
        self._duration = perf_counter() - began
        self._answers += 1
        return result, convert.timing_to_msg(self._block, start, self.now())

    def diagnostics(self) -> dict[str, str]:
        """Return what runs where and how fast."""
        return {
            'policy': self._stage_params.policy,
            'providers': ', '.join(self._session.providers) if self._session else 'none loaded',
            'answers': str(self._answers),
            'duration': f'{self._duration:.4f} s',
        }

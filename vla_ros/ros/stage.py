# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The base of the nodes that compute one block of a policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any, TypeVar

from vla_ros.core.config import find_config
from vla_ros.core.defaults import POLICY
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.msg import Features, StageTiming
from vla_ros.planning.blocks import predict
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.known_answer import find_other_model
from vla_ros.policy.spec import BLOCKS
from vla_ros.ros import messages, qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import Change, declare, param
from vla_ros.ros.publishers import Answerers
from vla_ros.ros.tensors import TensorReceiver, TensorSender
from vla_ros.runtime.session import Session

T = TypeVar('T')


@dataclass(frozen=True)
class StageParams:
    """Parameters of every stage."""

    policy: str = param(POLICY, 'Policy bundle: its folder, or its name in config/policies.')
    shared_memory: str = param(
        'auto',
        'Where large tensors go. auto: through shared memory while every reader is on this host; '
        'always; never (for readers in containers of their own and for recordings).',
    )
    simulate_latency: str = param(
        '',
        'Board in config/boards that this machine plays: an answer comes when the time has passed '
        'that the block is predicted to take there. Empty: as fast as it is.',
    )
    largest_answer_error: float = param(
        0.5,
        'Largest difference of a block from the answer that its bundle knows, as a share of that: '
        'beyond it the back end computes another model, and the node is not configured. It warns '
        'above 0.2.',
        low=0.0,
        high=1e9,
    )


class StageNode(VlaNode):
    """A node named after the block that it computes."""

    def __init__(self, block: str) -> None:
        """Declare the parameters."""
        super().__init__(block)
        self._block = block
        self._stage_params = declare(self, StageParams, Change.CONFIGURE)
        self._sessions: list[Session] = []
        self._senders: list[TensorSender] = []
        self.received = TensorReceiver()
        self._answers = 0
        self._duration = 0.0  # s, of the last computation
        self._played: dict[str, float] = {}  # s that each block takes on the board that is played

    def load_bundle(self) -> Bundle:
        """Return the bundle that the parameters name, the files of the node's blocks checked."""
        blocks = (self._block,) if self._block in BLOCKS else BLOCKS
        bundle = load_bundle(find_config('policies', self._stage_params.policy), blocks)
        board = self._stage_params.simulate_latency
        predicted = predict(self._stage_params.policy, board, blocks) if board else {}
        self._played = {block: placed.seconds for block, placed in predicted.items()}
        for block, seconds in self._played.items():
            self.get_logger().info(f'{block} plays {board}: {seconds:.3f} s for each answer')
        return bundle

    def advertise_tensors(self, topic: str) -> TensorSender:
        """Return the publisher of a topic of Features; it lives until the node is cleaned up."""
        publisher = self.advertise(Features, topic, qos.LATEST)
        self._senders.append(TensorSender(self, publisher, self._stage_params.shared_memory))
        return self._senders[-1]

    def listen(self, topic: str, callback: Callable[[Features], None]) -> None:
        """Have ``callback`` compute on what the block before tells, and not on two by turns."""
        answerers = Answerers(self, topic)

        def on_features(msg: Features, info: Mapping[str, Any]) -> None:
            objection = answerers.objection(info, msg.sequence)
            if objection:
                raise VlaError(objection)
            callback(msg)

        self.subscribe(Features, topic, on_features, qos.LATEST, info=True)

    def cleanup(self) -> None:
        """Give the shared memory back."""
        while self._senders:
            self._senders.pop().close()
        self._sessions.clear()

    def ready(self, session: Session) -> None:
        """Say on what the block really runs; raise ConfigError where that is another model."""
        other = find_other_model(session, self._stage_params.largest_answer_error)
        if other:
            raise ConfigError(f'{other}; parameter largest_answer_error lets it go')
        doubt = find_other_model(session)
        if doubt:
            self.warn(doubt)
        self._sessions.append(session)
        facts = ', '.join(f'{name} {value}' for name, value in session.facts.items())
        known = '' if session.answer_error is None else f', off by {session.answer_error:.2g}'
        self.get_logger().info(f'{session.path.name} is ready: {facts}{known}')

    def timed(self, work: Callable[[], T], stage: str = '') -> tuple[T, StageTiming]:
        """Return what ``work`` returns, and when it was done by the node's clock."""
        start, began = self.now(), perf_counter()
        result = work()
        left = self._played.get(stage or self._block, 0.0) - (perf_counter() - began)
        if left > 0:
            sleep(left)
        self._duration = perf_counter() - began
        self._answers += 1
        return result, messages.timing_to_msg(stage or self._block, start, self.now())

    def diagnostics(self) -> dict[str, str]:
        """Return what runs where and how fast."""
        return {
            'policy': self._stage_params.policy,
            **(self._sessions[-1].facts if self._sessions else {'providers': 'none loaded'}),
            'answer_error': self._answer_error(),
            'answers': str(self._answers),
            'duration': f'{self._duration:.4f} s',
        }

    def _answer_error(self) -> str:
        """Return how far the blocks are, at most, from the answers that the bundle knows."""
        known = [s.answer_error for s in self._sessions if s.answer_error is not None]
        return f'{max(known):.2g}' if known else 'unknown'

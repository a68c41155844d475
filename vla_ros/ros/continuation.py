# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a node has its action expert answer, and what of the queue the answer shall continue."""

from dataclasses import dataclass
from secrets import randbelow

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import VlaError
from vla_ros.msg import QueueStatus
from vla_ros.policy.family import CONTINUATIONS, ExpertSettings, Queued
from vla_ros.policy.spec import PolicySpec
from vla_ros.ros import messages
from vla_ros.ros.params import param

SEEDS = 1 << 31


@dataclass(frozen=True)
class ExpertParams:
    """Parameters of a node that runs an action expert."""

    denoise_steps: int = param(
        0, 'Steps in which a flow policy denoises; 0: as many as its bundle says.', 0, 1000
    )
    seed: int = param(
        0,
        'Of the noise that a flow policy starts from; with the number of the request it decides '
        'the answer. -1: another one at each start.',
        -1,
        SEEDS - 1,
    )
    noise_scale: float = param(
        -1.0,
        'Of the noise that a flow policy starts from: 1 as it was trained, less for answers that '
        'scatter less, 0 for always the same one. -1: as its bundle says.',
        -1.0,
        1.0,
    )
    continuation: str = param(
        'none',
        f'How a flow policy continues what is being played, one of {", ".join(CONTINUATIONS)}: '
        'guide leads to it (real-time chunking), hold begins with it (training-time). The '
        'action_queue needs real_time_chunking for it, and latest_only as blending.',
    )

    @property
    def settings(self) -> ExpertSettings:
        """Return what the policy is told; raise ConfigError for what can't be."""
        seed = randbelow(SEEDS) if self.seed < 0 else self.seed
        scale = None if self.noise_scale < 0 else self.noise_scale
        return ExpertSettings(self.denoise_steps, seed, self.continuation, scale)


class BeingPlayed:
    """What the action queue has said that it plays, for the policy to continue."""

    def __init__(self, spec: PolicySpec) -> None:
        """Begin with nothing."""
        self._joint_names = spec.joint_names
        self._chunk: ActionChunk | None = None
        self._delay = 0  # rows

    def note(self, status: QueueStatus) -> None:
        """
        Take note of what is queued with a request.

        Raise VlaError where rows are queued and not told, and where joints are missing in them.
        """
        if not status.request:
            return
        self._chunk, self._delay = None, status.inference_delay
        if status.queued:
            self._chunk = messages.chunk_from_msg(status.queued[0], self._joint_names)
        elif status.remaining > 0:
            raise VlaError(
                'queue_status: got a request without the rows that are queued, expected them for '
                'a policy that continues them; set real_time_chunking:=true in the action_queue'
            )

    def since(self, start: float) -> Queued | None:
        """Return what a chunk that begins at ``start`` (s) shall continue, None if nothing."""
        return None if self._chunk is None else Queued(self._chunk, start, self._delay)

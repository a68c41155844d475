# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a bag is replayed; two replays with the same settings give the same scores."""

from dataclasses import dataclass
from math import inf

from vla_ros.core.chunk import SHORTEST_STEP
from vla_ros.core.errors import ConfigError
from vla_ros.core.settings import ExecutorConfig


@dataclass(frozen=True)
class Settings:
    """What decides which observations the policy is asked about, and how its chunks are played."""

    mode: str = 'async'
    chunk_size_threshold: float = 0.2
    aggregate_fn_name: str = 'weighted_average'
    latency: float = 0.1  # s from a request to its chunk, in recorded time
    every: float = 0.5  # s, longest time between two observations that the policy is asked about
    rate: float = 60.0  # Hz, commands
    max_skew: float = 0.05  # s, as the vision encoder's
    max_age: float = 0.5  # s, as the vision encoder's

    def __post_init__(self) -> None:
        """Check every value that the executor does not check itself."""
        if not 0.0 <= self.latency < inf:
            raise ConfigError(f'latency: got {self.latency} s, expected 0 or more')
        if not 0.0 < self.rate <= 1 / SHORTEST_STEP:
            raise ConfigError(
                f'rate: got {self.rate} Hz, expected above 0, at most {1 / SHORTEST_STEP:g}'
            )
        for name in ('every', 'max_skew', 'max_age'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'{name}: got {getattr(self, name)}, expected above 0')

    def executor(self) -> ExecutorConfig:
        """
        Return the executor's settings.

        No chunk is refused for what it says: when the policy is asked must not depend on that.
        """
        return ExecutorConfig(
            mode=self.mode,
            chunk_size_threshold=self.chunk_size_threshold,
            aggregate_fn_name=self.aggregate_fn_name,
            request_timeout=max(5.0, 2 * self.latency),
            jump_time=inf,
            observation_timeout=inf,
        )

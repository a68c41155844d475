# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Settings of an executor."""

from dataclasses import dataclass

from vla_ros.core.blending import ENSEMBLE_COEFFICIENT, aggregate_function
from vla_ros.core.errors import ConfigError

MODES = ('async', 'sync')


@dataclass(frozen=True)
class ExecutorConfig:
    """How chunks are asked for, checked and blended; where LeRobot has a name, it is LeRobot's."""

    mode: str = 'async'
    chunk_size_threshold: float = 0.2  # fill of the queue at which the next chunk is asked for
    aggregate_fn_name: str = 'weighted_average'
    request_timeout: float = 5.0  # s, at most, after which a request is lost and repeated
    temporal_ensemble_coeff: float = ENSEMBLE_COEFFICIENT
    jump_time: float = 0.5  # s at full velocity; a chunk that begins further away is refused
    observation_timeout: float = 10.0  # s; the arm stops where what it acts on is older
    budget_chunks: int = 0  # asked for before the first motion, to measure the latency; the
    # first pays for the warm-up. 0: the arm goes at once, whether the budget holds or not
    auto_budget: bool = False  # raise the threshold where the budget does not hold

    def __post_init__(self) -> None:
        """Check every value."""
        if self.mode not in MODES:
            raise ConfigError(f'mode: got {self.mode!r}, expected one of {", ".join(MODES)}')
        if not 0.0 <= self.chunk_size_threshold <= 1.0:
            raise ConfigError(
                f'chunk_size_threshold: got {self.chunk_size_threshold}, expected 0 to 1'
            )
        for name in ('request_timeout', 'jump_time', 'observation_timeout'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'{name}: got {getattr(self, name)} s, expected above 0')
        if self.budget_chunks < 0 or self.budget_chunks == 1:
            raise ConfigError(
                f'budget_chunks: got {self.budget_chunks}, expected 0, or 2 and more: the first '
                'chunk pays for the warm-up and does not count'
            )
        if not abs(self.temporal_ensemble_coeff) <= 100.0:
            raise ConfigError(
                f'temporal_ensemble_coeff: got {self.temporal_ensemble_coeff}, expected -100 to '
                '100; ACT has 0.01'
            )
        aggregate_function(self.aggregate_fn_name)

    @property
    def threshold(self) -> float:
        """Return the fill of the queue at which the next chunk is asked for in this mode."""
        return self.chunk_size_threshold if self.mode == 'async' else 0.0

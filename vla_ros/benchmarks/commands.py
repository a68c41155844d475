# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that a robot received say about whoever sent them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STILL = 1e-9  # rad; a command that differs by less repeats the one before it


@dataclass(frozen=True)
class Play:
    """The commands of one episode, from the first one of the first chunk to the end."""

    rate: float  # commands per second, as asked for
    received: np.ndarray  # (n,) s
    positions: np.ndarray  # (n, joints) rad
    first: np.ndarray  # (chunks,) index of the first command that a new chunk has a part in
    observed: np.ndarray  # (chunks,) s, time of the observation that each chunk answers
    strides: np.ndarray  # (n - 1,) how far the plan went on from each command to the next, steps
    success: bool
    duration: float  # s, as the referee measured it

    @property
    def latencies(self) -> np.ndarray:
        """Return the time from each chunk's observation to its first command (chunks,), s."""
        return self.received[self.first] - self.observed

    @property
    def steps(self) -> np.ndarray:
        """Return the largest change of any joint from each command to the next (n - 1,), rad."""
        return np.abs(np.diff(self.positions, axis=0)).max(axis=1, initial=0.0)

    @property
    def is_seam(self) -> np.ndarray:
        """Return which of the steps lead into a new chunk (n - 1,)."""
        seam = np.zeros(len(self.received), bool)
        seam[self.first[1:]] = True
        return seam[1:]

    @property
    def gaps(self) -> np.ndarray:
        """Return the times between commands that say something new, s; a held one does not."""
        new = np.concatenate([[True], (self.steps > STILL) | self.is_seam])
        return np.diff(self.received[new])

    @property
    def missed(self) -> int:
        """Return the number of control periods without a new command."""
        return int(np.maximum(np.rint(self.gaps * self.rate) - 1, 0).sum())

    @property
    def twice(self) -> int:
        """Return the number of actions that the plan had gone past already."""
        return int((self.strides <= 0).sum())

    @property
    def skipped(self) -> int:
        """Return the number of the plan's steps that no command was sent for."""
        return int(np.maximum(np.rint(self.strides) - 1, 0).sum())


def summarize(plays: Sequence[Play]) -> dict[str, float]:
    """
    Return the figures of several episodes together, in ms, mrad and shares.

    The first chunk of an episode, for which the arm waits, counts for ``first_latency_ms`` only.
    """
    gaps = np.concatenate([play.gaps for play in plays])
    periods = np.concatenate([np.diff(play.received) for play in plays])
    steps = np.concatenate([play.steps for play in plays])
    is_seam = np.concatenate([play.is_seam for play in plays])
    later = np.concatenate([play.latencies[1:] for play in plays])
    missed = sum(play.missed for play in plays)
    seams, inside = steps[is_seam], steps[~is_seam]
    return {
        'episodes': len(plays),
        'success': sum(play.success for play in plays) / len(plays),
        'seconds_per_episode': float(np.mean([play.duration for play in plays])),
        'chunks_per_episode': float(np.mean([len(play.first) for play in plays])),
        'latency_p50_ms': 1e3 * percentile(later, 50),
        'latency_p95_ms': 1e3 * percentile(later, 95),
        'first_latency_ms': 1e3 * percentile([play.latencies[0] for play in plays], 50),
        'starved_share': missed / (missed + len(gaps)),
        'longest_gap_ms': 1e3 * percentile(gaps, 100),
        'period_p50_ms': 1e3 * percentile(periods, 50),
        'period_p99_ms': 1e3 * percentile(periods, 99),
        'seam_p95_mrad': 1e3 * percentile(seams, 95),
        'seam_max_mrad': 1e3 * percentile(seams, 100),
        'inside_p95_mrad': 1e3 * percentile(inside, 95),
        'inside_max_mrad': 1e3 * percentile(inside, 100),
        'seam_max_to_inside_max': percentile(seams, 100) / percentile(inside, 100),
        'played_twice': sum(play.twice for play in plays),
        'skipped': sum(play.skipped for play in plays),
    }


def percentile(values: Sequence[float] | np.ndarray, percent: float) -> float:
    """Return the percentile, NaN of nothing."""
    return float(np.percentile(values, percent)) if len(values) else float('nan')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of an evaluation: how sure a success rate is."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

_Z95 = 1.959964  # standard normal quantile of 97.5 %


class Rate(NamedTuple):
    """A share of successes and its 95 % confidence interval, all 0 to 1."""

    successes: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Return the share; 0 without trials."""
        return self.successes / self.trials if self.trials else 0.0

    def __str__(self) -> str:
        """Return the share with its interval."""
        return f'{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]'


def success_rate(successes: int, trials: int) -> Rate:
    """Return the share with Wilson's score interval, which holds for few trials and near 1."""
    if trials == 0:
        return Rate(0, 0, 0.0, 1.0)
    share, z2 = successes / trials, _Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Rate(successes, trials, max(0.0, centre - half), min(1.0, centre + half))


class Interval(NamedTuple):
    """A median, or a ratio of medians, and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def median_interval(values: Sequence[float]) -> Interval:
    """Return the median of ``values``; raise ValueError for none."""
    return _interval(np.asarray(values, float), lambda rows: np.median(rows, axis=-1))


def ratio_interval(base: Sequence[float], values: Sequence[float]) -> Interval:
    """
    Return median(base) / median(values): how many times faster ``values`` are.

    Both were measured in turn, the same number of times: pairs are drawn together, for what
    slows the machine slows both. Raise ValueError for none.
    """
    pairs = np.stack([np.asarray(base, float), np.asarray(values, float)])

    def ratio(rows: np.ndarray) -> np.ndarray:
        base_median, median = np.median(rows, axis=-1)
        return np.asarray(base_median / median)

    return _interval(pairs, ratio)


def _interval(
    values: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], resamples: int = 1000
) -> Interval:
    """Return ``statistic`` over the last axis with its percentile bootstrap interval."""
    count = values.shape[-1]
    if not count:
        raise ValueError('values: got none, expected at least one')
    drawn = np.random.default_rng(0).integers(0, count, (resamples, count))
    low, high = np.percentile(statistic(values[..., drawn]), (2.5, 97.5))
    return Interval(float(statistic(values)), float(low), float(high))

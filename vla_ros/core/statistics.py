# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of an evaluation: how sure a success rate is."""

from math import sqrt
from typing import NamedTuple

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

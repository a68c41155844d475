# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of two policies that played the same episodes."""

from collections.abc import Sequence
from math import comb, sqrt
from typing import NamedTuple

from vla_ros.core.errors import ConfigError
from vla_ros.evaluation.statistics import success_rate


class PairedDifference(NamedTuple):
    """By how much the share of successes changed on the same episodes, with its 95 % interval."""

    episodes: int
    lost: int  # episodes that only the first succeeded in
    gained: int  # that only the second succeeded in
    value: float  # second minus first, -1 to 1
    low: float
    high: float
    p: float  # of McNemar's exact test: how likely so uneven a change is by chance

    def __str__(self) -> str:
        """Return the difference in points, with its interval."""
        return f'{self.value * 100:+.1f} [{self.low * 100:+.1f}, {self.high * 100:+.1f}]'


def paired_difference(first: Sequence[bool], second: Sequence[bool]) -> PairedDifference:
    """
    Compare two series of outcomes of the same episodes, in the same order.

    The interval is the score method for paired proportions (Newcombe 1998, Statistics in
    Medicine 17, 2635-2650, method 10). Raise ConfigError where the series do not match.
    """
    count = len(first)
    if count != len(second) or not count:
        raise ConfigError(
            f'outcomes: got {count} and {len(second)}, expected as many of both, at least one'
        )
    both = sum(a and b for a, b in zip(first, second, strict=True))
    lost, gained = sum(first) - both, sum(second) - both
    neither = count - both - lost - gained
    before, after = success_rate(sum(first), count), success_rate(sum(second), count)
    link = _correlation(both, lost, gained, neither)
    value = after.value - before.value
    down = _spread(after.value - after.low, before.high - before.value, link)
    up = _spread(after.high - after.value, before.value - before.low, link)
    return PairedDifference(
        count, lost, gained, value, value - down, value + up, _mcnemar(lost, gained)
    )


def _spread(one: float, other: float, correlation: float) -> float:
    return sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))


def _correlation(both: int, lost: int, gained: int, neither: int) -> float:
    """Return the correlation of the outcomes, corrected for continuity; 0 without variation."""
    product = (both + lost) * (gained + neither) * (both + gained) * (lost + neither)
    excess = float(both * neither - lost * gained)
    if excess > 0:
        excess = max(0.0, excess - (both + lost + gained + neither) / 2)
    return excess / sqrt(product) if product else 0.0


def _mcnemar(lost: int, gained: int) -> float:
    changed = lost + gained
    tail = sum(comb(changed, k) for k in range(min(lost, gained) + 1))
    return min(1.0, 2 * tail / 2**changed)

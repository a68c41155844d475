# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a check finds: a number, the limits that it should keep to, and how to mend it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Limit(NamedTuple):
    """The range of values that pass; both ends belong to it."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: object) -> bool:
        """Whether a number lies in the range; NaN never does."""
        return isinstance(value, (int, float)) and self.low <= value <= self.high

    def __str__(self) -> str:
        """Return the range as one reads it: ``<= 3``, ``>= 1`` or ``1 to 3``."""
        if math.isinf(self.low):
            return f'<= {self.high:.3g}'
        if math.isinf(self.high):
            return f'>= {self.low:.3g}'
        return f'{self.low:.3g} to {self.high:.3g}'


@dataclass(frozen=True)
class Finding:
    """
    The outcome of one check in one scope.

    name: the check; scope: what was looked at, with the episodes or keys at fault; value: the
    worst number there, in ``unit``; threshold: the values that pass; mend: what to do about it;
    guilty: the value of each episode that does not pass, the worst first.
    """

    name: str
    scope: str
    value: float
    unit: str
    threshold: Limit
    mend: str
    guilty: Mapping[int, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the value keeps to the threshold."""
        return self.value in self.threshold

    def as_json(self) -> dict[str, Any]:
        """Return the finding in JSON's types; an open end and a missing number are null."""
        low, high = (end if math.isfinite(end) else None for end in self.threshold)
        value = round(self.value, 6) if math.isfinite(self.value) else None
        return {
            'name': self.name,
            'scope': self.scope,
            'value': value,
            'unit': self.unit,
            'threshold': {'low': low, 'high': high},
            'passed': self.passed,
            'mend': self.mend,
            'episodes': list(self.guilty),
        }


def name_episodes(indices: list[int]) -> str:
    """Return ``episodes 1-3, 7`` for [1, 2, 3, 7]; empty for none."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][-1] + 1:
            runs[-1][1:] = [index]
        else:
            runs.append([index])
    words = ', '.join('-'.join(map(str, run)) for run in runs)
    return f'episode{"s" * (len(indices) > 1)} {words}' if runs else ''


def judge(
    name: str, scope: str, values: Mapping[int, float], unit: str, threshold: Limit, mend: str
) -> Finding:
    """Return the finding on one value per episode: the worst of them, and who is at fault."""

    def excess(value: float) -> float:
        if math.isnan(value):
            return math.inf
        return max(threshold.low - value, value - threshold.high)

    wrong = [index for index, value in values.items() if value not in threshold]
    scope = ': '.join(filter(None, [scope, name_episodes(wrong)]))
    guilty = {i: values[i] for i in sorted(wrong, key=lambda i: excess(values[i]), reverse=True)}
    worst = max(values.values(), key=excess)
    return Finding(name, scope or 'all', worst, unit, threshold, mend, guilty)

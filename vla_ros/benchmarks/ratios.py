# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of runs that took turns with others, and their cells in a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.evaluation.statistics import median_interval, ratio_interval
from vla_ros.policy.spec import PolicySpec


def check_count(option: str, count: int) -> None:
    """Raise ConfigError where so many runs would leave nothing to tell."""
    if count < 1:
        raise ConfigError(f'--{option}: got {count}, expected at least 1')


def subject(spec: PolicySpec, threads: int) -> dict[str, Any]:
    """Return what was run: the policy, its pictures and its threads."""
    camera = spec.cameras[0]
    return {
        'policy': spec.name,
        'height': camera.height,
        'width': camera.width,
        'cameras': len(spec.cameras),
        'threads': threads,
    }


def compared(base: Sequence[float], values: Sequence[float]) -> dict[str, Any]:
    """
    Return the figures of ``values`` (s), which took turns with ``base`` (s).

    These are the number of runs, percentiles, the interval of the median (low, high), and how
    many times faster than the base they are, with its interval. Raise ValueError for none.
    """
    median, ratio = median_interval(values), ratio_interval(base, values)
    p50, p95, p99 = np.percentile(values, (50, 95, 99)).tolist()
    return {
        'runs': len(values),
        'p50': p50,
        'p95': p95,
        'p99': p99,
        'low': median.low,
        'high': median.high,
        'ratio': ratio.value,
        'ratio_low': ratio.low,
        'ratio_high': ratio.high,
    }


def cpu_compared(base: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """
    Return the median of the CPU times ``values`` (s), which took turns with ``base`` (s).

    Beside it stands how many times less than the base's it is, with the interval.
    """
    ratio = ratio_interval(base, values)
    return {
        'cpu': float(np.median(values)),
        'cpu_ratio': ratio.value,
        'cpu_ratio_low': ratio.low,
        'cpu_ratio_high': ratio.high,
    }


def times_cell(row: Mapping[str, Any], *names: str) -> str:
    """Return the percentiles ``names`` of a row in ms."""
    return ' /'.join(f'{1e3 * row[name]:7.1f}' for name in names)


def ratio_cell(row: Mapping[str, Any]) -> str:
    """Return how many times faster a row is, with the interval."""
    return f'{row["ratio"]:5.2f}x [{row["ratio_low"]:.2f}, {row["ratio_high"]:.2f}]'

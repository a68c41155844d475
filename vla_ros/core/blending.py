# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How the rows of a new chunk are merged with the queued rows for the same times.

The names and weights are LeRobot's aggregate functions. Every function takes the queued rows and
the new ones, both (rows, joints), and how far ahead of now each row is, (rows,) s, and returns
the merged rows.
"""

from collections.abc import Callable

import numpy as np

from vla_ros.core.errors import ConfigError

Aggregate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # old, new, ahead


def latest_only(old: np.ndarray, new: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return the new rows."""
    return new


def average(old: np.ndarray, new: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return the mean of both."""
    return 0.5 * old + 0.5 * new


def weighted_average(old: np.ndarray, new: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return 0.3 of the old and 0.7 of the new rows."""
    return 0.3 * old + 0.7 * new


def conservative(old: np.ndarray, new: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return 0.7 of the old and 0.3 of the new rows."""
    return 0.7 * old + 0.3 * new


AGGREGATES: dict[str, Aggregate] = {
    'latest_only': latest_only,
    'average': average,
    'weighted_average': weighted_average,
    'conservative': conservative,
}


def aggregate_function(name: str) -> Aggregate:
    """Return the function of that name; raise ConfigError listing the names there are."""
    if name not in AGGREGATES:
        raise ConfigError(
            f'aggregate_fn_name: got {name!r}, expected one of {", ".join(AGGREGATES)}'
        )
    return AGGREGATES[name]

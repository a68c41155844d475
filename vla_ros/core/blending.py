# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a new chunk is merged with what is queued for the same times.

latest_only, average, weighted_average and conservative are LeRobot's aggregate functions, with
its weights. They are the same at every row, so that a seam may step by their share of what the
chunks disagree about. linear_ramp goes over from the old rows to the new ones and has no step
there. temporal_ensemble is ACT's: a weighted mean of all chunks that have a row for a time.

Each takes the timeline that is queued, the newest chunks (oldest first, the new one last) and the
time now (s), and returns the new timeline. A timeline that results is bound to time as a chunk
is. Where the new chunk has no row, before its first and after its last one, the old rows stay,
but no timeline has more than MOST_ROWS: what is further in the future is dropped.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, floor

import numpy as np

from vla_ros.core.chunk import MOST_ROWS, ActionChunk
from vla_ros.core.errors import ConfigError

Aggregate = Callable[[ActionChunk, Sequence[ActionChunk], float], ActionChunk]

RESOLUTION = 1e-6  # s; seconds since 1970 as a float are known to 0.24 us
ENSEMBLE_COEFFICIENT = 0.01  # ACT's: w_i = exp(-0.01 i), the oldest chunk first
ENSEMBLE_CHUNKS = 32  # newest chunks that temporal_ensemble takes into account


def weighted(
    share: float, old: ActionChunk, chunks: Sequence[ActionChunk], now: float
) -> ActionChunk:
    """Return ``share`` (0 to 1) of the new rows and the rest of the old ones, on the new grid."""
    new = chunks[-1]
    index, times = _grid(old, new, now)
    fresh, known = (index >= 0) & (index < len(new.values)), _covers(old, times)
    rows = old.at(times)
    rows[fresh & ~known] = new.values[index[fresh & ~known]]
    both = fresh & known
    if share == 1.0:
        rows[both] = new.values[index[both]]
    else:
        rows[both] = (1.0 - share) * rows[both] + share * new.values[index[both]]
    return _timeline(rows, float(times[0]), new)


def linear_ramp(old: ActionChunk, chunks: Sequence[ActionChunk], now: float) -> ActionChunk:
    """
    Go over from the old rows to the new ones in a straight line over the time that both have.

    The timeline begins at ``now`` with what was about to be commanded, and no joint moves faster
    in it than at its fastest inside the two chunks; but for the case that the new chunk's end
    could not be reached otherwise.
    """
    new = chunks[-1]
    count = floor((max(old.end, new.end) - now + RESOLUTION) / new.step) + 1
    times = now + new.step * np.arange(min(max(1, count), MOST_ROWS))
    first, last = max(now, new.start), min(old.end, new.end)
    weight = np.clip((times - first) / max(last - first, RESOLUTION), 0.0, 1.0)
    weight[times > new.end + RESOLUTION] = 0.0
    rows = old.at(times)
    rows += weight[:, None] * (new.at(times) - rows)
    speed = np.maximum(old.largest_step / old.step, new.largest_step / new.step)
    return _timeline(_paced(rows, speed * new.step), now, new)


def temporal_ensemble(
    coefficient: float, old: ActionChunk, chunks: Sequence[ActionChunk], now: float
) -> ActionChunk:
    """
    Return the mean of the chunks that have a row for a time, weighted by exp(-coefficient * i).

    i counts from the oldest of them (Zhao et al. 2023, algorithm 2; LeRobot's
    temporal_ensemble_coeff). Positive coefficients trust the older chunks more.
    """
    index, times = _grid(old, chunks[-1], now)
    spans = [(chunk, _span(chunk, times)) for chunk in chunks[-ENSEMBLE_CHUNKS:]]
    count, seen, weights = np.zeros((3, len(index)))
    for _, rows in spans:
        count[rows] += 1.0
    heaviest = np.maximum(0.0, -coefficient * (count - 1.0))  # so that no exponential is too large
    total = np.zeros((len(index), old.values.shape[1]))
    for chunk, rows in spans:
        weight = np.exp(-coefficient * seen[rows] - heaviest[rows])
        total[rows] += weight[:, None] * chunk.at(times[rows])
        weights[rows] += weight
        seen[rows] += 1.0
    blended = old.at(times)
    blended[seen > 0] = total[seen > 0] / weights[seen > 0, None]
    return _timeline(blended, float(times[0]), chunks[-1])


AGGREGATES: dict[str, Aggregate] = {
    'latest_only': partial(weighted, 1.0),
    'average': partial(weighted, 0.5),
    'weighted_average': partial(weighted, 0.7),
    'conservative': partial(weighted, 0.3),
    'linear_ramp': linear_ramp,
    'temporal_ensemble': partial(temporal_ensemble, ENSEMBLE_COEFFICIENT),
}


def aggregate_function(name: str, coefficient: float = ENSEMBLE_COEFFICIENT) -> Aggregate:
    """
    Return the function of that name; raise ConfigError listing the names there are.

    ``coefficient`` is that of temporal_ensemble.
    """
    if name not in AGGREGATES:
        raise ConfigError(
            f'aggregate_fn_name: got {name!r}, expected one of {", ".join(AGGREGATES)}'
        )
    if name == 'temporal_ensemble':
        return partial(temporal_ensemble, coefficient)
    return AGGREGATES[name]


def _paced(rows: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Have ``rows`` (n, joints), in place, go on in steps of at most ``largest`` (joints,)."""
    if len(rows) < 2:
        return rows
    largest = np.maximum(largest, np.abs(rows[-1] - rows[0]) / (len(rows) - 1))
    for joint in np.flatnonzero((np.abs(np.diff(rows, axis=0)) > largest).any(axis=0)):
        rows[:, joint] = _paced_joint(rows[:, joint].tolist(), float(largest[joint]))
    return rows


def _paced_joint(rows: list[float], largest: float) -> list[float]:
    """Do so for one joint: floats in a list cost a tenth of the same steps in arrays."""
    paced = rows[:1]
    for row in rows[1:]:
        paced.append(min(max(row, paced[-1] - largest), paced[-1] + largest))
    return paced


def _grid(old: ActionChunk, new: ActionChunk, now: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the timeline, as rows of the new chunk, and their times (s)."""
    slack = RESOLUTION / new.step
    first = floor((now - new.start) / new.step + slack)
    if now < old.start:  # neither has begun
        first = max(first, min(0, ceil((old.start - new.start) / new.step - slack)))
    last = max(len(new.values) - 1, floor((old.end - new.start) / new.step + slack))
    index = np.arange(first, min(last, first + MOST_ROWS - 1) + 1)
    return index, new.start + new.step * index


def _span(chunk: ActionChunk, times: np.ndarray) -> slice:
    """Return which of the ascending times (s) the chunk has positions of its own for."""
    ends = (chunk.start - RESOLUTION, chunk.end + RESOLUTION)
    first, last = np.searchsorted(times, ends)
    return slice(int(first), int(last))


def _covers(chunk: ActionChunk, times: np.ndarray) -> np.ndarray:
    """Say for which times the chunk has positions of its own, (n,) bool."""
    covered: np.ndarray = (times >= chunk.start - RESOLUTION) & (times <= chunk.end + RESOLUTION)
    return covered


def _timeline(rows: np.ndarray, start: float, new: ActionChunk) -> ActionChunk:
    return ActionChunk(rows, start, new.step, new.sequence, new.joint_names)

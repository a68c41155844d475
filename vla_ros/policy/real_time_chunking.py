# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Real-time chunking: a flow policy continues the chunk that is being played.

The rows that will have been played when the new chunk arrives are frozen, and those after them
guide it less and less, so that the new chunk is continuous with the old one by itself and the
queue may switch with latest_only (Black, Galliker and Levine 2025, arXiv 2506.07339). The policy
gets the queued rows and the expected inference delay with the request (QueueStatus), and calls
``guide`` in every denoising step. Names and numbers are LeRobot's (policies/rtc).
"""

from collections.abc import Callable
from math import e

import numpy as np

from vla_ros.core.chunk import ActionChunk
from vla_ros.core.errors import ConfigError

MAX_GUIDANCE_WEIGHT = 10.0
EXECUTION_HORIZON = 10  # rows


def _zeros(ramp: np.ndarray) -> np.ndarray:
    return np.zeros_like(ramp)


def _ones(ramp: np.ndarray) -> np.ndarray:
    return np.ones_like(ramp)


def _linear(ramp: np.ndarray) -> np.ndarray:
    return ramp


def _exp(ramp: np.ndarray) -> np.ndarray:
    return ramp * np.expm1(ramp) / (e - 1.0)


PREFIX_ATTENTION_SCHEDULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'zeros': _zeros,
    'ones': _ones,
    'linear': _linear,
    'exp': _exp,
}


def prefix_weights(
    inference_delay: int, execution_horizon: int, chunk_size: int, schedule: str = 'linear'
) -> np.ndarray:
    """
    Return how much each row of the new chunk is held to the old one, (chunk_size,), 1 to 0.

    The first ``inference_delay`` rows are frozen, those up to ``execution_horizon`` follow the
    schedule, and the rest is free. Raises ConfigError for an unknown schedule.
    """
    if schedule not in PREFIX_ATTENTION_SCHEDULES:
        raise ConfigError(
            f'prefix_attention_schedule: got {schedule!r}, expected one of '
            f'{", ".join(PREFIX_ATTENTION_SCHEDULES)}'
        )
    end = min(execution_horizon, chunk_size)
    start = min(inference_delay, end)
    weights = np.zeros(chunk_size)
    weights[:start] = 1.0
    ramp = np.linspace(1.0, 0.0, end - start + 2)[1:-1]
    weights[start:end] = PREFIX_ATTENTION_SCHEDULES[schedule](ramp)
    return weights


def prefix_rows(queued: ActionChunk, start: float, step: float, chunk_size: int) -> np.ndarray:
    """
    Return the queued rows as the first rows of a chunk that begins at ``start`` (s), (n, joints).

    They end where the queue does, or with the chunk; n is 0 where the queue ends before ``start``.
    """
    times = start + step * np.arange(chunk_size)
    return queued.at(times[times <= queued.end + 1e-6])


def guidance_weight(time: float, max_guidance_weight: float = MAX_GUIDANCE_WEIGHT) -> float:
    """Return the weight of the guidance at flow ``time``, which goes from 1 (noise) to 0."""
    tau = 1.0 - time
    if tau <= 0.0 or time <= 0.0:
        return max_guidance_weight
    return min(max_guidance_weight, (time / tau) * (time**2 + tau**2) / time**2)


def guide(
    noisy: np.ndarray,
    velocity: np.ndarray,
    time: float,
    prefix: np.ndarray,
    weights: np.ndarray,
    max_guidance_weight: float = MAX_GUIDANCE_WEIGHT,
) -> np.ndarray:
    """
    Return the velocity (chunk, joints) that also leads the chunk to the prefix (n, joints).

    ``noisy`` and ``velocity`` (chunk, joints) are those of the denoising step at flow ``time``;
    the chunk that they lead to is ``noisy - time * velocity``. All are in the units in which the
    policy denoises, normalised as a rule. ``weights`` are those of ``prefix_weights``; rows that
    the prefix does not have are free.
    """
    rows = min(len(prefix), len(noisy))
    error = np.zeros_like(noisy)
    aim = noisy[:rows] - time * velocity[:rows]
    error[:rows] = (prefix[:rows] - aim) * weights[:rows, None]
    return velocity - guidance_weight(time, max_guidance_weight) * error

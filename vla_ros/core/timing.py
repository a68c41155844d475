# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long chunks take, as an estimate that forgets."""

from collections import deque
from math import ceil

import numpy as np

WARM_UP = 1  # the first chunk pays for caches and memory that the others find ready


class LatencyEstimator:
    """Percentiles of the newest latencies; no warm-up counts, and spikes are forgotten."""

    def __init__(self, window: int = 50) -> None:
        """Judge by the last ``window`` latencies."""
        self._newest: deque[float] = deque(maxlen=window)
        self._seen = 0
        self._known: dict[float, float] = {}  # percentiles, until the next latency comes

    def add(self, latency: float) -> None:
        """Take note of one latency (s)."""
        self._seen += 1
        if self._seen > WARM_UP:
            self._newest.append(latency)
            self._known.clear()

    def percentile(self, percent: float) -> float | None:
        """Return the latency (s) that ``percent`` of the newest stayed below; None without any."""
        if not self._newest:
            return None
        if percent not in self._known:
            self._known[percent] = float(np.percentile(self._newest, percent))
        return self._known[percent]


def round_up(seconds: float) -> float:
    """Return a time rounded up to the ms: what is beyond its limit is never told as the limit."""
    return ceil(1e3 * seconds - 1e-6) / 1e3

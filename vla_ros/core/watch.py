# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watch over the budget: before the first motion, and while the arm moves."""

from math import ceil

from vla_ros.core.budget import Budget
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.refill import Refill
from vla_ros.core.settings import ExecutorConfig
from vla_ros.core.timing import LatencyEstimator


class BudgetWatch:
    """
    Measures how long chunks take, and says whether the queue will run dry.

    Before the first motion, ``budget_chunks`` chunks are only measured; then the arm is let go,
    unless the queue is bound to run dry at the latency that is typical (p50). In synchronous
    mode, which waits for each chunk by intention, it has nothing to say.
    """

    def __init__(self, config: ExecutorConfig, refill: Refill) -> None:
        """Watch over the threshold of ``refill``, which ``auto_budget`` raises where needed."""
        self.objection = ''  # to letting the arm go
        self._asynchronous = config.mode == 'async'
        self._auto = config.auto_budget and self._asynchronous
        self._left = config.budget_chunks if self._asynchronous else 0
        self._refill = refill
        self._latencies = LatencyEstimator()
        self._latest = 0.0  # s
        self._newest: ActionChunk | None = None

    @property
    def satisfied(self) -> bool:
        """Whether chunks may be played."""
        return self._left <= 0 and not self.objection

    @property
    def inference_delay(self) -> int:
        """
        Return the rows that go by while a chunk is computed (p95), 0 before the first has come.

        As long as no other is known, that one counts, though it paid for the warm-up: it is better
        to continue too much of the first chunk with the second one than nothing.
        """
        known = self._latencies.percentile(95.0)
        latency = self._latest if known is None else known
        return 0 if self._newest is None else ceil(latency / self._newest.step)

    def add(self, chunk: ActionChunk, latency: float) -> None:
        """Take note of a chunk that took ``latency`` seconds from its observation to here."""
        measuring = not self.satisfied
        self._latencies.add(latency)
        self._newest, self._latest = chunk, latency
        budget = self.budget(95.0)
        if budget is not None:
            self._refill.expect(budget.latency)
            if self._auto:
                self._refill.threshold = budget.raised_threshold
        if measuring:
            self._left -= 1
            typical = self.budget(50.0)
            late = self._left <= 0 and typical is not None and typical.margin < 0
            self.objection = f'the arm is not let go: {typical}' if late else ''

    def budget(self, percent: float) -> Budget | None:
        """Return the budget at that percentile of the latency; None before it is known."""
        latency = self._latencies.percentile(percent)
        if latency is None or self._newest is None:
            return None
        rate, size = 1.0 / self._newest.step, len(self._newest.values)
        return Budget(latency, rate, size, self._refill.threshold)

    def forecast(self, now: float, remaining: float) -> float:
        """
        Return the seconds of motion that will be left when the next chunk comes (p95).

        ``remaining`` seconds are left now. Below 0 the queue will run dry; nan before the latency
        is known, and in synchronous mode. A chunk that is overdue is expected to stay away for as
        long again as it is overdue.
        """
        budget = self.budget(95.0) if self._asynchronous else None
        if budget is None:
            return float('nan')
        if self._refill.open is None:
            return budget.margin
        return remaining - abs(budget.latency - (now - self._refill.asked_at))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rule g >= T * f / H."""

import pytest
from plans import chunk, robot

from vla_ros.core.budget import Budget
from vla_ros.core.executor import Executor, ExecutorConfig


@pytest.mark.parametrize(
    'latency, rate, size, needed',
    [(0.32, 60.0, 100, 0.192), (2.86, 60.0, 100, 1.716), (6.15, 30.0, 50, 3.69)],
)
def test_needed_threshold_is_that_of_the_study(latency, rate, size, needed):
    assert Budget(latency, rate, size, 0.2).needed_threshold == pytest.approx(needed)


def test_margin_is_the_motion_left_when_the_next_chunk_comes():
    assert Budget(0.5, 30.0, 100, 0.2).margin == pytest.approx(1 / 6)
    assert Budget(1.0, 30.0, 100, 0.2).margin == pytest.approx(-1 / 3)


def test_text_names_the_mend():
    assert 'raise' not in str(Budget(0.5, 30.0, 100, 0.2))
    assert 'needs chunk_size_threshold 0.30, it is 0.20; raise it' in str(
        Budget(1.0, 30.0, 100, 0.2)
    )
    assert 'no threshold is enough' in str(Budget(4.0, 30.0, 100, 0.2))


def test_margin_agrees_with_the_queue_of_an_executor():
    for latency in (0.05, 0.15, 0.25, 0.35):
        executor = Executor(robot(), ExecutorConfig(chunk_size_threshold=0.2))
        executor.enable()
        due, asked = 1e9, None
        for now in [k / 100 for k in range(800)]:
            if now >= due - 1e-9:
                executor.push(chunk([0.0] * 10, *asked), now)
                due = 1e9
            request = executor.tick(now, robot().lower * 0).request
            if request is not None:
                asked, due = (now, request), now + latency
        budget = executor.budget()
        assert budget.latency == pytest.approx(latency)
        assert (executor.counters.starved > 0) == (budget.margin < 0)

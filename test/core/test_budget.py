# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rule g >= T * f / H, and T at most half of H / f."""

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
    assert Budget(1.0, 30.0, 50, 0.8).margin == pytest.approx(-1 / 3)  # of 1.67 s, 0.67 s are left


def test_text_names_the_mend():
    assert 'raise' not in str(Budget(0.5, 30.0, 100, 0.2))
    assert 'needs chunk_size_threshold 0.30, it is 0.20; raise it' in str(
        Budget(1.0, 30.0, 100, 0.2)
    )
    for latency, size, threshold in ((4.0, 100, 0.2), (1.0, 50, 0.2), (1.0, 50, 0.8)):
        assert 'no threshold is enough' in str(Budget(latency, 30.0, size, threshold))


@pytest.mark.parametrize('threshold', [0.2, 0.5, 0.6, 0.95])
def test_margin_agrees_with_the_queue_of_an_executor(threshold):
    for latency in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75):
        executor = Executor(robot(), ExecutorConfig(chunk_size_threshold=threshold))
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

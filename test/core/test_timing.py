# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An estimate of latency that forgets what is over."""

import pytest

from vla_ros.core.timing import LatencyEstimator, round_up


def test_estimate_is_unknown_before_the_warm_up_is_over():
    estimator = LatencyEstimator()
    assert estimator.percentile(50) is None
    estimator.add(9.0)
    assert estimator.percentile(50) is None


def test_warm_up_never_counts():
    estimator = LatencyEstimator()
    for latency in (9.0, 0.3, 0.3):
        estimator.add(latency)
    assert estimator.percentile(100) == pytest.approx(0.3)


def test_percentiles_are_those_of_the_newest_latencies():
    estimator = LatencyEstimator(window=101)
    for latency in range(-50, 102):
        estimator.add(latency / 100)
    assert estimator.percentile(50) == pytest.approx(0.51)
    assert estimator.percentile(95) == pytest.approx(0.96)


def test_spike_is_forgotten_after_one_window():
    estimator = LatencyEstimator(window=10)
    for latency in (0.1, 5.0, *[0.1] * 10):
        estimator.add(latency)
    assert estimator.percentile(100) == pytest.approx(0.1)


def test_a_time_beyond_its_limit_is_never_told_as_the_limit():
    assert (round_up(0.0801), round_up(0.08), round_up(1.6 - 1.0)) == (0.081, 0.08, 0.6)

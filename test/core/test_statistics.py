# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The interval of a success rate."""

import pytest

from vla_ros.core.statistics import success_rate


def test_wilson_interval_matches_published_values():
    rate = success_rate(27, 30)  # Wilson (1927): 0.744 to 0.965
    assert rate.value == 0.9
    assert (rate.low, rate.high) == pytest.approx((0.7438, 0.9654), abs=1e-3)


def test_interval_of_a_perfect_score_does_not_claim_certainty():
    rate = success_rate(20, 20)
    assert rate.high == pytest.approx(1.0) and rate.low == pytest.approx(0.8389, abs=1e-3)


def test_no_trials_say_nothing():
    assert success_rate(0, 0)[2:] == (0.0, 1.0)

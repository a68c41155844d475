# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The interval of a success rate."""

import numpy as np
import pytest

from vla_ros.evaluation.statistics import median_interval, ratio_interval, success_rate


def test_wilson_interval_matches_published_values():
    rate = success_rate(27, 30)  # Wilson (1927): 0.744 to 0.965
    assert rate.value == 0.9
    assert (rate.low, rate.high) == pytest.approx((0.7438, 0.9654), abs=1e-3)


def test_interval_of_a_perfect_score_does_not_claim_certainty():
    rate = success_rate(20, 20)
    assert rate.high == pytest.approx(1.0) and rate.low == pytest.approx(0.8389, abs=1e-3)


def test_no_trials_say_nothing():
    assert success_rate(0, 0)[2:] == (0.0, 1.0)


def test_median_has_an_interval_that_holds_it_and_narrows_with_more_values():
    rng = np.random.default_rng(1)
    few, many = (median_interval(rng.normal(5, 1, count)) for count in (20, 2000))
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 3
    assert median_interval([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)


def test_ratio_is_of_medians_and_what_slows_both_leaves_it_alone():
    slow_machine = np.array([1.0, 1.0, 9.0, 1.0, 5.0] * 4)
    assert ratio_interval(4 * slow_machine, 2 * slow_machine) == (2.0, 2.0, 2.0)


def test_statistics_of_nothing_are_refused():
    with pytest.raises(ValueError, match='expected at least one'):
        median_interval([])

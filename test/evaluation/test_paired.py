# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two policies on the same episodes: difference, interval, chance."""

import numpy as np
import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.evaluation.paired import paired_difference


def outcomes(both, lost, gained, neither):
    first = [True] * (both + lost) + [False] * (gained + neither)
    second = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return first, second


def test_equal_outcomes_differ_by_nothing_and_the_interval_says_how_sure_that_is():
    few, many = (paired_difference(*outcomes(8 * n, 0, 0, 2 * n)) for n in (1, 20))
    assert few.value == many.value == 0
    assert few.low < many.low < 0 < many.high < few.high
    assert many.p == 1


def test_lost_and_gained_episodes_are_counted():
    found = paired_difference(*outcomes(150, 14, 4, 32))
    assert (found.episodes, found.lost, found.gained) == (200, 14, 4)
    assert found.value == pytest.approx(-0.05)
    assert found.low < -0.05 < found.high < 0.01


def test_the_chance_is_that_of_the_binomial_distribution():
    assert paired_difference(*outcomes(0, 5, 0, 5)).p == pytest.approx(2 / 2**5)
    assert paired_difference(*outcomes(0, 3, 1, 5)).p == pytest.approx(2 * 5 / 2**4)


def test_swapping_the_policies_turns_the_difference_round():
    first, second = outcomes(90, 20, 5, 35)
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert back.value == -there.value
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


@pytest.mark.parametrize(('base', 'change'), [(0.8, 0.05), (0.95, 0.02)])
def test_the_interval_holds_the_true_difference_as_often_as_it_promises(base, change):
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        first = rng.random(200) < base
        flips = rng.random(200)
        second = np.where(first, flips > change, flips < change)
        found = paired_difference(first.tolist(), second.tolist())
        hits += found.low <= change * (1 - 2 * base) <= found.high
    assert hits / 400 > 0.92


def test_the_difference_is_told_in_points():
    assert str(paired_difference(*outcomes(150, 14, 4, 32))).startswith('-5.0 [-')


def test_series_of_other_lengths_are_refused():
    with pytest.raises(ConfigError, match='got 2 and 1'):
        paired_difference([True, True], [True])

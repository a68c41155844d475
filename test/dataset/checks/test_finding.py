# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Findings: limits, and how they are written."""

import json
import math

import pytest

from vla_ros.dataset.checks.finding import Finding, Limit, judge, name_episodes


@pytest.mark.parametrize(
    ('limit', 'text'),
    [(Limit(high=3), '<= 3'), (Limit(low=0.5), '>= 0.5'), (Limit(1, 2), '1 to 2')],
)
def test_limit_reads_as_one_says_it(limit, text):
    assert str(limit) == text


def test_ends_of_a_limit_pass_and_a_missing_number_does_not():
    assert 1 in Limit(1, 2) and 2.0 in Limit(1, 2) and 2.1 not in Limit(1, 2)
    assert math.nan not in Limit()


def test_worst_episode_counts_and_all_at_fault_are_named():
    finding = judge('rate', 'top', {0: 30.0, 1: 12.0, 2: 29.0, 4: 20.0}, 'Hz', Limit(25, 35), 'x')
    assert (finding.value, finding.scope) == (12.0, 'top: episodes 1, 4')


def test_value_that_could_not_be_measured_is_the_worst():
    assert not judge('rate', '', {0: 30.0, 1: math.nan}, 'Hz', Limit(25, 35), 'x').passed


@pytest.mark.parametrize(
    ('indices', 'text'),
    [([], ''), ([5], 'episode 5'), ([3, 1, 2, 7], 'episodes 1-3, 7'), ([1, 2], 'episodes 1-2')],
)
def test_runs_of_episodes_are_short(indices, text):
    assert name_episodes(indices) == text


def test_json_has_null_for_an_open_end_and_a_missing_number():
    finding = Finding('rate', 'all', math.nan, 'Hz', Limit(low=25), 'x')
    read = json.loads(json.dumps(finding.as_json(), allow_nan=False))
    assert read['value'] is None and read['threshold'] == {'low': 25, 'high': None}
    assert read['passed'] is False

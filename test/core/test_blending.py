# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Blending by name, with LeRobot's weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vla_ros.core.blending import AGGREGATES, aggregate_function
from vla_ros.core.errors import ConfigError

WEIGHTS_OF_THE_NEW = {
    'latest_only': 1.0,
    'average': 0.5,
    'weighted_average': 0.7,
    'conservative': 0.3,
}

old_and_new = st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=1, max_size=9)


def blend(name, old, new):
    """Return the merged rows of one joint."""
    rows = (np.array(values, float)[:, None] for values in (old, new))
    return aggregate_function(name)(*rows, 0.1 * np.arange(len(old)))[:, 0]


def test_every_name_has_its_weight_here():
    assert set(AGGREGATES) == set(WEIGHTS_OF_THE_NEW)


@pytest.mark.parametrize(('name', 'weight'), WEIGHTS_OF_THE_NEW.items())
def test_weights_are_those_of_lerobot(name, weight):
    np.testing.assert_allclose(blend(name, [0.0, 1.0], [1.0, 1.0]), [weight, 1.0])


@pytest.mark.parametrize('name', AGGREGATES)
@given(rows=old_and_new)
def test_merged_row_lies_between_the_old_and_the_new_one(name, rows):
    old, new = np.array(rows).T
    merged = blend(name, old, new)
    assert (merged >= np.minimum(old, new) - 1e-9).all()
    assert (merged <= np.maximum(old, new) + 1e-9).all()


@pytest.mark.parametrize('name', AGGREGATES)
def test_rows_that_agree_stay_as_they_are_and_none_is_altered(name):
    old, new = np.full((2, 3), 0.4), np.full((2, 3), 0.4)
    np.testing.assert_allclose(aggregate_function(name)(old, new, np.zeros(2)), old)
    assert (old == 0.4).all() and (new == 0.4).all()


@pytest.mark.parametrize('name', AGGREGATES)
def test_no_rows_give_no_rows(name):
    none = np.empty((0, 2))
    assert aggregate_function(name)(none, none, np.empty(0)).shape == (0, 2)


def test_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ConfigError) as error:
        aggregate_function('median')
    assert str(error.value) == (
        "aggregate_fn_name: got 'median', expected one of latest_only, average, "
        'weighted_average, conservative'
    )

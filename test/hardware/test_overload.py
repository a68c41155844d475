# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motors that are not well stop the arm."""

import numpy as np
import pytest

from vla_ros.hardware.driver import Reading
from vla_ros.hardware.overload import OverloadWatch

NAMES = ('shoulder', 'gripper')


def reading(current=(0.1, 0.1), temperature=(30.0, 30.0), **faults):
    return Reading(
        np.zeros(2), current=np.array(current), temperature=np.array(temperature), faults=faults
    )


@pytest.fixture
def watch():
    return OverloadWatch(NAMES, max_temperature=60.0, max_current=2.0, overload_time=0.5)


def test_motors_that_are_well_are_left_alone(watch):
    assert [watch.objection(reading(), time) for time in (0.0, 1.0, 2.0)] == [''] * 3


def test_motor_that_complains_is_named(watch):
    assert watch.objection(reading(gripper='overloaded'), 0.0) == (
        'gripper: its motor complains: overloaded'
    )


def test_motor_that_is_too_hot_is_named(watch):
    hot = reading(temperature=(61.0, np.nan))
    assert watch.objection(hot, 0.0) == 'shoulder: 61 degrees Celsius, expected at most 60'


@pytest.mark.parametrize('amperes', [2.5, -2.5])
def test_current_counts_where_it_lasts_whichever_way_it_flows(watch, amperes):
    high = reading(current=(0.1, amperes))
    assert not watch.objection(high, 0.0) and not watch.objection(high, 0.4)
    assert watch.objection(high, 0.5) == 'gripper: 2.50 A for 0.50 s, expected at most 2.00 A'


def test_current_that_falls_between_begins_anew(watch):
    high = reading(current=(0.1, 2.5))
    told = [watch.objection(high if time != 0.3 else reading(), time) for time in (0, 0.3, 0.6, 1)]
    assert told == [''] * 4
    assert watch.objection(high, 1.1)


def test_arm_that_tells_nothing_of_its_motors_is_well(watch):
    assert not watch.objection(Reading(np.zeros(2)), 0.0)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""No command leaves the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import robot

from vla_ros.core.limits import LONGEST_TICK, within_limits

ARM = robot(velocity=2.0, limit=1.0)
LOW, HIGH = ARM.lower, ARM.upper
any_position = st.floats(-1e6, 1e6)


def test_target_within_the_limits_is_reached():
    target = np.array([0.01, -0.01])
    assert np.array_equal(within_limits(ARM, target, np.zeros(2), 0.01), target)


def test_joint_moves_no_faster_than_its_velocity():
    assert within_limits(ARM, HIGH, np.zeros(2), 0.01) == pytest.approx([0.02, 0.02])


def test_command_after_a_pause_goes_no_further_than_one_long_tick():
    moved = within_limits(ARM, HIGH, LOW, elapsed=60.0)
    assert moved - LOW == pytest.approx(2.0 * LONGEST_TICK)


def test_arm_found_beyond_a_limit_comes_back_at_its_velocity():
    assert within_limits(ARM, HIGH, HIGH + 0.5, 0.01) == pytest.approx(HIGH + 0.48)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(any_position, any_position, st.floats(0.0, 10.0)), max_size=40))
def test_no_sequence_of_targets_leads_beyond_position_or_velocity(targets):
    last = np.zeros(2)
    for *target, elapsed in targets:
        command = within_limits(ARM, np.array(target), last, elapsed)
        assert (command >= LOW).all() and (command <= HIGH).all()
        reach = ARM.velocity * min(elapsed, LONGEST_TICK)
        assert (np.abs(command - last) <= reach + 1e-12).all()
        last = command

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motions: they begin at the speed that the arm has, and end at rest where they should."""

import numpy as np
import pytest

from vla_ros.sim.motion import Segment, minimum_jerk, slowing_down

RATE, TICKS = 1000.0, 500
SPEED = np.array([0.8, -0.3])  # rad/s
WAYPOINTS = np.array([[0.0, 0.0], [0.2, 0.1], [0.4, -0.3]])


@pytest.fixture
def motion():
    segment = Segment(WAYPOINTS, TICKS, SPEED)
    return np.array([segment.at(tick, RATE) for tick in range(TICKS + 1)])


def test_motion_leads_from_the_first_waypoint_to_the_last(motion):
    assert np.allclose(motion[0], WAYPOINTS[0]) and np.allclose(motion[-1], WAYPOINTS[-1])


def test_motion_begins_at_the_speed_of_the_arm_and_ends_at_rest(motion):
    speed = np.diff(motion, axis=0) * RATE
    assert np.allclose(speed[0], SPEED, atol=0.01)
    assert np.allclose(speed[-1], 0, atol=0.01)


def test_motion_has_no_jolt_at_either_end():
    part = np.linspace(0, 1, 2001)
    for way in (minimum_jerk, slowing_down):
        acceleration = np.diff([way(p) for p in part], 2) / part[1] ** 2
        assert abs(acceleration[0]) < 0.1 and abs(acceleration[-1]) < 0.1


def test_arm_that_is_at_the_end_stays_there():
    assert minimum_jerk(1.7) == 1 and slowing_down(1.7) == pytest.approx(0)

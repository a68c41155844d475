# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A trajectory is played in its time: where the joints are to be before, on, between and after."""

import numpy as np
import pytest
from plans import robot

from vla_ros.core.errors import VlaError
from vla_ros.core.follower import Follower
from vla_ros.core.trajectory import SET_POINT, Trajectory

STILL = np.zeros(2)


def way(times, values, velocities=None):
    """Return a trajectory of two joints that both follow ``values``."""
    rows = [None if each is None else np.repeat(np.array(each, float)[:, None], 2, axis=1)
            for each in (values, velocities)]  # fmt: skip
    return Trajectory(np.array(times, float), *rows)


def test_joints_go_straight_from_point_to_point_and_stay_at_the_last():
    line = way([1.0, 2.0, 4.0], [0.0, 1.0, 0.0])
    seen = [line.at(time)[0] for time in (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0)]
    assert seen == [0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0]


def test_joints_have_the_velocities_that_the_points_have():
    curve, step = way([0.0, 2.0, 3.0], [0.0, 1.0, 3.0], [0.5, 1.0, 0.0]), 1e-6
    for time, velocity in ((0.0, 0.5), (2.0, 1.0), (3.0 - step, 0.0)):
        speed = (curve.at(time + step) - curve.at(time)) / step
        np.testing.assert_allclose(speed, velocity, atol=1e-4)
    np.testing.assert_allclose(curve.at(2.0 - step), 1.0, atol=1e-5)


def test_way_to_the_first_point_begins_where_the_joints_are():
    joined = way([1.0, 2.0], [1.0, 2.0]).joined(np.array([0.0, 3.0]), STILL, late=0.0)
    np.testing.assert_allclose(joined.at(0.0), [0.0, 3.0])
    np.testing.assert_allclose(joined.at(0.5), [0.5, 2.0])
    np.testing.assert_allclose(joined.at(1.5), 1.5)


def test_points_that_went_by_are_passed_over():
    joined = way([1.0, 2.0], [1.0, 2.0]).joined(STILL, STILL, late=1.5)
    np.testing.assert_allclose([joined.at(time)[0] for time in (0.0, 0.25, 0.5)], [0.0, 1.0, 2.0])
    over = way([1.0, 2.0], [1.0, 2.0]).joined(STILL, STILL, late=5.0)
    np.testing.assert_allclose(over.at(0.0), 2.0)


def test_way_to_a_trajectory_that_begins_later_takes_until_its_first_point():
    joined = way([1.0, 2.0], [1.0, 2.0]).joined(STILL, STILL, late=-1.0)
    np.testing.assert_allclose([joined.at(time)[0] for time in (1.0, 2.0, 3.0)], [0.5, 1.0, 2.0])


def test_joint_that_moves_goes_on_at_its_speed_where_points_have_velocities():
    joined = way([1.0], [1.0], [0.0]).joined(STILL, np.full(2, 0.7), late=0.0)
    np.testing.assert_allclose(joined.at(1e-6) / 1e-6, 0.7, atol=1e-4)


@pytest.mark.parametrize(
    'times, values, at_once',
    [
        ([0.0], [1.0], True),
        ([SET_POINT, 2.0], [1.0, 1.0], True),  # as the action queue commands
        ([SET_POINT + 0.01], [1.0], False),
        ([0.02, 2.0], [1.0, 1.1], False),
    ],
)
def test_one_place_that_is_to_be_reached_soon_is_followed_at_once(times, values, at_once):
    assert way(times, values).is_set_point is at_once
    joined = way(times, values).joined(STILL, STILL, late=-0.05)
    assert bool(joined.at(0.0)[0] == 1.0) is at_once


def test_trajectory_has_settled_where_nothing_changes_any_more():
    assert way([0.02, 2.0], [1.0, 1.0]).settled == 0.02
    assert way([1.0, 2.0, 9.0], [0.0, 1.0, 1.0]).settled == 2.0
    assert way([3.0], [1.0]).settled == 3.0


@pytest.mark.parametrize(
    'times, values, velocities, complaint',
    [
        ([0.0, 1.0, 1.0], [0, 1, 2], None, r'got point 2 at 1 s, behind one at 1 s, expected tim'),
        ([2.0, 1.0], [0, 1], None, 'got point 1 at 1 s, behind one at 2 s'),
        ([-1.0, 1.0], [0, 1], None, 'got its first point at -1 s, expected 0 or later'),
        ([0.0, 1.0], [0, np.nan], None, 'got NaN or infinity'),
        ([0.0, 1.0], [0, 1], [0, np.inf], 'got NaN or infinity'),
        ([0.0], [0, 1], None, 'got 1 times for positions of shape'),
        ([], [], None, 'one point at least'),
    ],
)
def test_trajectory_that_makes_no_sense_is_refused(times, values, velocities, complaint):
    with pytest.raises(VlaError, match=complaint):
        way(times, values, velocities)


# --- an arm that plays one

TICK, SILENCE = 0.02, 0.2
ARM = robot(velocity=1.0, limit=2.0, acceleration=10.0)


class World:
    """A follower whose arm does as it is told."""

    def __init__(self):
        self.follower, self.position, self.now = Follower(ARM, SILENCE), np.zeros(2), 0.0
        self.sent = []

    def play(self, times, values, begin=None):
        begin = self.now if begin is None else begin
        self.follower.play(way(times, values), self.now, begin)
        return self

    def run(self, seconds):
        for _ in range(round(seconds / TICK)):
            command = self.follower.tick(self.now, TICK, self.position)
            self.position = self.position if command is None else command
            self.sent.append(self.position)
            self.now += TICK
        return self

    def check_limits(self):
        velocity = np.diff(self.sent, axis=0) / TICK
        assert np.abs(velocity).max() <= 1.0 + 1e-9
        assert np.abs(np.diff(velocity, axis=0)).max() <= 10.0 * TICK + 1e-9


def test_arm_is_at_each_point_when_it_is_to_be():
    world = World().play([1.0, 2.0, 3.0], [0.5, 0.5, -0.2])
    for place in (0.5, 0.5, -0.2):
        world.run(1.0)
        np.testing.assert_allclose(world.position, place, atol=0.03)
    world.check_limits()


def test_arm_plays_a_trajectory_to_its_end_though_nobody_says_more():
    world = World().play([3.0], [0.6])
    assert world.run(2.9).follower.following
    world.run(SILENCE + 0.2)
    assert not world.follower.following
    np.testing.assert_allclose(world.position, 0.6, atol=1e-6)


def test_trajectory_that_is_faster_than_the_arm_is_followed_within_the_limits():
    world = World().play([0.2, 0.4], [1.5, -1.5]).run(6.0)
    world.check_limits()


def test_new_trajectory_replaces_the_old_one_from_where_the_arm_is():
    world = World().play([4.0], [1.6]).run(2.0)
    before = world.position.copy()
    np.testing.assert_allclose(before, 0.8, atol=0.03)
    world.play([1.0], [before[0]]).run(1.0).check_limits()
    np.testing.assert_allclose(world.position, before, atol=0.03)
    world.run(3.0)
    np.testing.assert_allclose(world.position, before, atol=0.03)  # and not 1.6


def test_tick_that_comes_late_leads_no_joint_to_and_fro():
    world = World().play([4.0], [1.6]).run(1.0)
    for elapsed in (0.3, TICK, TICK, 0.08, TICK, TICK):
        world.now += elapsed - TICK
        world.position = world.follower.tick(world.now, elapsed, world.position)
        world.sent.append(world.position)
        world.now += TICK
    world.run(1.0)
    assert (np.diff(world.sent, axis=0) >= 0.0).all()


def test_stop_ends_a_trajectory_for_good():
    world = World().play([4.0], [1.6]).run(2.0)
    world.follower.stop()
    world.run(1.0)
    held = world.position
    assert not world.follower.following and held[0] < 1.0
    assert np.array_equal(world.run(3.0).position, held)
    world.check_limits()


def test_arm_that_was_lost_sight_of_goes_on_where_the_trajectory_is_by_then():
    world = World().play([4.0], [1.6]).run(1.0)
    for _ in range(50):
        world.follower.tick(world.now, TICK, None)
        world.now += TICK
    world.run(2.3)
    np.testing.assert_allclose(world.position, 1.6, atol=0.05)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An arm that follows commands: from where it stands, within its limits, until they end."""

import numpy as np
import pytest
from plans import robot

from vla_ros.core.errors import VlaError
from vla_ros.core.follower import PAUSE, Follower
from vla_ros.core.trajectory import Trajectory

TICK, SILENCE = 0.01, 0.1
ARM = robot(velocity=1.0, limit=2.0, acceleration=10.0)


class World:
    """A follower and an arm that does what it is told."""

    def __init__(self, arm=ARM):
        self.follower = Follower(arm, SILENCE)
        self.now, self.position, self.sent = 0.0, np.array([0.5, -0.5]), []

    def run(self, seconds, target=None, seen=True, led=False):
        """Let time pass, with a command at every tick where there is a target."""
        for _ in range(round(seconds / TICK)):
            if target is not None:
                trajectory = Trajectory.to(np.array(target))
                self.follower.play(trajectory, self.now, self.now, led)
            command = self.follower.tick(self.now, TICK, self.position if seen else None)
            self.sent.append(command)
            if command is not None:
                self.position = command
            self.now += TICK
        return self

    @property
    def told(self):
        return np.array([command for command in self.sent if command is not None])


def test_nothing_is_sent_before_the_first_command():
    world = World().run(1.0)
    assert world.sent == [None] * 100


def test_first_command_is_where_the_arm_stands():
    world = World().run(0.5, [1.0, 1.0])
    assert world.told[0].tolist() == [0.5, -0.5]


def test_far_target_is_gone_to_within_velocity_and_acceleration():
    world = World().run(4.0, [1.5, -1.5])
    np.testing.assert_allclose(world.position, [1.5, -1.5], atol=1e-6)
    velocity = np.diff(world.told, axis=0) / TICK
    assert np.abs(velocity).max() <= 1.0 + 1e-9
    assert np.abs(np.diff(velocity, axis=0)).max() <= 10.0 * TICK + 1e-9


def test_target_beyond_the_limits_is_not_gone_to():
    assert World().run(6.0, [9.0, -9.0]).position.tolist() == [2.0, -2.0]


def test_silence_is_a_brake_and_then_nothing_is_sent():
    world = World().run(0.6, [2.0, 2.0])
    before = world.position.copy()
    world.run(1.0)
    assert world.sent[-1] is None and not world.follower.following
    assert (world.position > before).all()  # it brakes, and does not stand at once
    velocity = np.diff(world.told, axis=0) / TICK
    assert np.abs(np.diff(velocity, axis=0)).max() <= 10.0 * TICK + 1e-9


def test_arm_that_cannot_be_seen_brakes_though_commands_come():
    world = World().run(0.6, [2.0, 2.0]).run(1.0, [2.0, 2.0], seen=False)
    assert world.sent[-1] is None and not world.follower.moving
    held = world.position.copy()
    world.run(0.1, [2.0, 2.0])
    np.testing.assert_allclose(world.position, held, atol=0.02)
    np.testing.assert_allclose(world.run(4.0, [2.0, 2.0]).position, 2.0)


def test_arm_that_was_moved_by_hand_goes_on_from_there():
    world = World().run(2.0, [1.0, 0.0]).run(1.0)
    world.position = np.array([0.2, 0.9])
    told = len(world.told)
    world.run(0.1, [1.0, 0.0])
    np.testing.assert_allclose(world.told[told], [0.2, 0.9])


def test_gripper_that_squeezes_goes_on_squeezing_after_a_stop():
    world = World().run(2.0, [1.0, 0.0])
    for target in ([1.0, 0.0], None, [1.0, 0.0]):
        for _ in range(60):
            if target:
                world.follower.take(np.array(target), world.now)
            command = world.follower.tick(world.now, TICK, np.array([1.0, 0.08]))
            world.now += TICK
            assert command is None or abs(command[1]) < 1e-9


def test_arm_that_was_let_go_begins_where_it_is():
    world = World().run(2.0, [1.0, 0.0])
    world.follower.forget()
    world.run(2 * SILENCE)
    world.follower.take(np.array([1.0, 0.0]), world.now)
    command = world.follower.tick(world.now, TICK, np.array([0.6, 0.2]))
    assert command.tolist() == [0.6, 0.2]


@pytest.mark.parametrize('led', [True, False])
def test_arm_that_was_let_go_is_not_switched_on_by_commands_that_came_already(led):
    world = World().run(1.0, [0.5, -0.5], led=led)
    world.follower.forget()
    told = len(world.told)
    world.run(2.0, [0.5, -0.5], led=led)
    assert len(world.told) == told
    world.run(2 * SILENCE).run(0.5, [0.5, -0.5], led=led)
    assert len(world.told) > told


def test_nothing_is_known_to_give_way_to_before_a_command():
    assert not World().run(0.1).follower.give_way()


@pytest.mark.parametrize('target', [[1.0], [np.nan, 0.0], [np.inf, 0.0], [1.0, 2.0, 3.0]])
def test_command_that_is_no_position_is_refused_and_the_last_one_followed(target):
    world = World().run(0.1, [1.0, 1.0])
    with pytest.raises(VlaError, match='command: got .*expected a finite position for each of'):
        world.follower.take(np.array(target), world.now)
    assert world.follower.tick(world.now, TICK, world.position) is not None


def test_command_that_came_while_the_tick_began_is_none_of_the_past():
    world = World().run(0.3, [2.0, 2.0])
    world.follower.take(np.array([2.0, 2.0]), world.now + 0.001)
    world.follower.tick(world.now, TICK, world.position)
    assert world.follower.following


def test_clock_that_is_set_back_is_a_silence():
    world = World().run(0.3, [2.0, 2.0])
    world.now -= 100.0
    world.run(1.0)
    assert world.sent[-1] is None


# --- where a command may begin


def test_leader_that_is_elsewhere_moves_nothing_until_it_is_brought_to_the_arm():
    world = World().run(1.0, [0.5, 0.9], led=True)
    assert not world.follower.following and not len(world.told)
    assert world.follower.astray == 'gripper is 1.4 rad off, expected at most 0.2'
    world.run(0.1, [0.6, -0.4], led=True)
    assert world.follower.following and not world.follower.astray
    world.run(3.0, [0.5, 0.9], led=True)  # from then on as far as it likes
    np.testing.assert_allclose(world.position, [0.5, 0.9], atol=1e-6)


def test_leader_that_takes_over_from_a_policy_begins_where_the_arm_is():
    world = World().run(2.0, [1.0, 0.0]).run(0.5, [-1.0, 0.0], led=True)
    np.testing.assert_allclose(world.position, [1.0, 0.0], atol=1e-6)
    told = len(world.told)
    world.run(0.5, [0.9, 0.0], led=True)
    assert len(world.told) > told


def test_person_who_takes_a_moving_arm_over_where_it_is_does_not_stop_it():
    world = World().run(0.5, [1.5, 0.0])
    velocity = np.diff(world.told, axis=0)[-1, 0] / TICK
    world.run(TICK, world.position + 0.01, led=True)
    assert np.diff(world.told, axis=0)[-1, 0] / TICK > 0.8 * velocity


@pytest.mark.parametrize('gap, follows', [(0.5 * PAUSE, True), (1.5 * PAUSE, False)])
@pytest.mark.parametrize('seen', [True, False])
def test_leader_has_to_come_back_to_the_arm_after_a_pause(gap, follows, seen):
    world = World().run(1.0, [0.5, -0.5], led=True)
    world.run(gap, None if seen else [0.5, -0.5], seen=seen, led=True)  # silent, or unseen
    world.run(0.5, [1.2, -0.5], led=True)
    assert world.follower.following is follows
    assert bool(world.follower.astray) is not follows


@pytest.mark.parametrize('led', [True, False])
def test_release_of_a_stop_moves_nothing_by_itself(led):
    world = World().run(1.0, [0.5, -0.5], led=led)
    world.follower.stop()
    world.run(0.3)
    world.follower.halt()
    told = len(world.told)
    world.run(0.6, [1.5, -0.5], led=led)
    assert len(world.told) == told and 'shoulder is 1.0 rad off' in world.follower.astray
    world.run(0.1, [0.6, -0.5], led=led).run(2.0, [1.5, -0.5], led=led)
    np.testing.assert_allclose(world.position, [1.5, -0.5], atol=1e-6)


def test_trajectory_that_leads_from_where_the_arm_is_may_follow_a_stop():
    world = World().run(1.0, [0.5, -0.5])
    world.follower.halt()
    world.follower.play(Trajectory(np.array([1.0]), np.array([[1.5, -0.5]])), world.now, world.now)
    world.run(1.5)
    np.testing.assert_allclose(world.position, [1.5, -0.5], atol=1e-3)


def test_what_a_gripper_squeezes_is_no_way_to_go_for_a_leader():
    world = World()  # something keeps its gripper where it is

    def lead(squeezed):
        target = Trajectory.to(np.array([0.5, -0.5 - squeezed]))
        world.follower.play(target, world.now, world.now, led=True)
        world.now += TICK
        return world.follower.tick(world.now, TICK, np.array([0.5, -0.5]))

    for squeezed in np.linspace(0.0, 0.5, 100):
        lead(squeezed)
    world.follower.halt()
    lead(0.5)
    assert not world.follower.astray

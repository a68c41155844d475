# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An arm that is far behind its command when it is stopped: no command steps back to it."""

import numpy as np
import pytest
from plans import ramp, robot

from vla_ros.core.executor import Executor
from vla_ros.core.follower import Follower
from vla_ros.core.settings import ExecutorConfig

TICK, SILENCE = 0.02, 0.1
ARM = robot(velocity=3.0, limit=9.0, acceleration=30.0)
LAG = ARM.largest_lag


class Servos:
    """Two joints that go to their goals, the further the faster, as far as they can."""

    def __init__(self, speed=1.0, gain=12.0, bias=0.0):
        self.position, self.velocity = np.zeros(2), np.zeros(2)
        self.goal = np.zeros(2)
        self.speed, self.gain, self.bias = np.broadcast_to(speed, 2), gain, bias
        self.most = np.full(2, np.inf)  # rad, where something is in the way

    def turn(self):
        error = self.goal - self.position
        wanted = np.clip(self.gain * (error + self.bias), -self.speed, self.speed)
        before = self.position
        self.position = np.minimum(before + wanted * TICK, self.most)
        self.velocity = (self.position - before) / TICK


class World:
    """A follower that leads servos which can't keep up."""

    def __init__(self, servos=None, arm=ARM):
        self.servos, self.arm = servos or Servos(), arm
        self.follower = Follower(arm, SILENCE)
        self.now, self.told, self.seen = 0.0, [], []

    def run(self, seconds, target=None):
        for _ in range(round(seconds / TICK)):
            if target is not None:
                self.follower.take(np.array(target), self.now)
            command = self.follower.tick(self.now, TICK, self.servos.position.copy())
            if command is not None:
                self.servos.goal = command
            self.servos.turn()
            self.told.append(self.servos.goal)
            self.seen.append(self.servos.position)
            self.now += TICK
        return self

    @property
    def lag(self):
        return np.abs(self.servos.goal - self.servos.position)

    def check_limits(self):
        check_limits(self.told, self.arm)


def check_limits(told, arm=ARM):
    velocity = np.diff(told, axis=0) / TICK
    assert np.abs(velocity).max() <= arm.velocity[0] + 1e-9
    assert np.abs(np.diff(velocity, axis=0)).max() <= arm.acceleration[0] * TICK + 1e-9


def turned_round(positions):
    """Return by how much each joint went back on its way up (joints,), rad."""
    return (np.maximum.accumulate(positions, axis=0) - positions).max(axis=0)


@pytest.mark.parametrize('speed', [0.3, 1.0, 2.0, [0.3, 2.0]])
def test_arm_that_is_far_behind_is_met_within_the_limits_and_never_turns_round(speed):
    world = World(Servos(speed)).run(0.5, [5.0, 5.0])
    assert world.lag.max() > 2 * LAG
    stopped = len(world.seen)
    world.run(2.0)
    world.check_limits()
    assert turned_round(world.seen).max() == 0.0
    went = world.servos.position - world.seen[stopped]
    assert world.lag.max() < 0.01 and (went > 0.0).all() and not world.follower.moving


def test_arm_that_is_far_behind_stops_sooner_than_where_its_command_would_lead_it():
    world = World(Servos(1.0)).run(1.0, [5.0, 5.0])
    behind, here = world.lag[0], world.servos.position[0]
    world.run(2.0)
    assert world.servos.position[0] - here < 0.6 * behind


def test_arm_that_something_stops_while_it_brakes_presses_no_more():
    servos = Servos(3.0)
    world = World(servos, robot(velocity=3.0, limit=9.0, acceleration=10.0)).run(0.6, [5.0, 0.5])
    servos.most[0] = here = servos.position[0]
    world.run(0.3)
    assert world.lag[0] > 2 * LAG
    world.run(1.0)
    world.check_limits()
    np.testing.assert_allclose(servos.goal[0], here, atol=1e-3)
    np.testing.assert_allclose(servos.goal[1], 0.5, atol=0.02)  # the other joint is left alone


def test_joint_that_squeezes_goes_on_to_squeeze():
    servos = Servos(3.0)
    servos.most[1] = 0.2
    world = World(servos).run(1.0, [0.5, 0.7])
    world.run(1.0)
    np.testing.assert_allclose(servos.goal, [0.5, 0.7], atol=1e-3)


def test_arm_that_gives_way_presses_nowhere_whatever_it_squeezed():
    servos = Servos(3.0)
    servos.most[1] = 0.2
    world = World(servos).run(1.0, [0.5, 0.7])
    assert world.follower.give_way()
    world.run(0.6)
    world.check_limits()
    np.testing.assert_allclose(servos.goal, [0.5, 0.2], atol=2e-3)


def test_arm_that_gives_way_while_it_moves_brakes_and_does_not_turn_round():
    world = World(Servos(2.0)).run(0.6, [5.0, 5.0])
    assert world.follower.give_way()
    world.run(1.0)
    world.check_limits()
    assert turned_round(world.seen).max() < 0.01 and world.lag.max() < 0.01


def test_arm_that_sags_under_its_weight_is_not_followed_down():
    servos = Servos(3.0, bias=-0.1)  # it stands 0.1 rad below where it is sent
    world = World(servos).run(1.0, [1.0, 1.0])
    assert world.follower.give_way()
    world.run(3.0)
    assert servos.position.min() > 1.0 - 0.1 - 0.1 - 0.01  # once more as low, and no further


def test_command_that_comes_meanwhile_waits_for_the_arm():
    world = World(Servos(1.0)).run(0.5, [5.0, 5.0])
    world.run(0.15)
    world.run(8.0, [5.0, 5.0])
    world.check_limits()
    np.testing.assert_allclose(world.servos.position, 5.0, atol=0.01)


def test_arm_that_can_not_be_seen_is_braked_and_led_nowhere():
    world = World(Servos(1.0)).run(0.5, [5.0, 5.0])
    world.follower.stop()
    for _ in range(100):
        command = world.follower.tick(world.now, TICK, None)
        world.told.append(world.told[-1] if command is None else command)
        world.now += TICK
    world.check_limits()
    assert (np.diff(world.told, axis=0) >= 0.0).all()


@pytest.mark.parametrize('late', [0, 3, 8])
def test_arm_that_is_put_elsewhere_is_not_pulled_back_to_be_led_there(late):
    """As a simulation does that begins anew: its servos hold where they are put."""
    world = World(Servos(3.0)).run(1.0, [0.5, 0.5])
    world.run(SILENCE + late * TICK)
    world.servos.position = world.servos.goal = np.array([-0.8, 1.5])
    world.run(1.0)
    np.testing.assert_allclose(world.seen[-50:], np.tile([-0.8, 1.5], (50, 1)), atol=1e-9)
    world.run(1.0, [-0.8, 1.5])
    np.testing.assert_allclose(world.seen[-50:], np.tile([-0.8, 1.5], (50, 1)), atol=1e-9)


@pytest.mark.parametrize('tick', range(12))
def test_arm_that_is_misread_once_is_not_led_there(tick):
    world = World(Servos(3.0)).run(1.0, [0.5, 0.5])
    for number in range(100):
        wrong = np.array([1.0, 0.0]) if number == tick else 0.0
        command = world.follower.tick(world.now, TICK, world.servos.position + wrong)
        world.servos.goal = world.servos.goal if command is None else command
        world.servos.turn()
        world.told.append(world.servos.goal)
        world.now += TICK
    np.testing.assert_allclose(world.told[-100:], 0.5, atol=0.05)


@pytest.mark.parametrize('stop', ['disable', 'estop'])
def test_executor_meets_an_arm_that_is_far_behind(stop):
    executor, servos = Executor(ARM, ExecutorConfig()), Servos(1.0)
    executor.enable()
    told, seen, now = [], [], 0.0
    for number in range(150):
        tick = executor.tick(now, servos.position.copy(), TICK)
        if tick.request is not None:
            executor.push(ramp(150, now, tick.request, TICK, slope=2.5), now)
        if tick.send:
            servos.goal = tick.positions
        servos.turn()
        told.append(servos.goal)
        seen.append(servos.position)
        now += TICK
        if number == 30:
            assert np.abs(servos.goal - servos.position).max() > 2 * LAG
            getattr(executor, stop)()
    check_limits(told)
    assert turned_round(seen).max() == 0.0
    assert np.abs(servos.goal - servos.position).max() < 0.01

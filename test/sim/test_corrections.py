# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the expert would do from wherever a policy has led."""

import numpy as np
import pytest

pytest.importorskip('mujoco')

from demonstrator import FPS, Demonstrator

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.sim.corrections import Corrector, Misled, corrections
from vla_ros.sim.robots.so101 import inverse
from vla_ros.sim.rollout import Rollout, RolloutConfig
from vla_ros.sim.task import TaskChoice
from vla_ros.sim.tea_bag.env import OPEN
from vla_ros.sim.tea_bag.grasp import GraspPlanner
from vla_ros.sim.tea_bag.task import TeaBag

RATE, ROWS = 30.0, 100


@pytest.fixture(scope='module')
def corrector():
    return Corrector(TaskChoice().make(RATE), ROWS)


@pytest.fixture(scope='module')
def env():
    return TaskChoice().make(RATE)


def play(env, corrector, rows, seconds=20.0):
    """Play ``rows`` of each correction, and then the next; return the phases that they begin."""
    phases, speed, rng = [], np.zeros(6), np.random.default_rng(env.seed)
    while env.time < seconds and not env.success:
        correction = corrector.correct(env, speed, rng)
        phases.append(correction.phase)
        for action in correction.actions[:rows]:
            env.step(action)
        speed = (correction.actions[rows - 1] - correction.actions[rows - 2]) * RATE
    return phases


@pytest.mark.parametrize(('cluster', 'rows'), [(2, 20), (6, 6), (9, 20)])
def test_expert_that_takes_over_again_and_again_brings_the_bag_to_the_mug(
    env, corrector, cluster, rows
):
    env.reset(7, cluster)
    phases = play(env, corrector, rows)
    assert env.success
    assert list(dict.fromkeys(phases))[:5] == ['raise', 'reach', 'descend', 'close', 'lift']


def test_correction_leaves_the_world_of_the_policy_alone(env, corrector):
    env.reset(3, 4)
    before = env.scene.state()
    correction = corrector.correct(env, np.zeros(6), np.random.default_rng(0))
    assert env.time == 0 and np.array_equal(env.scene.state().qpos, before.qpos)
    assert np.array_equal(correction.scene.qpos, before.qpos)
    assert correction.actions.shape == (ROWS, 6)


def test_moving_arm_is_taken_over_without_a_jolt(env, corrector):
    env.reset(3, 4)
    rng = np.random.default_rng(0)
    first = corrector.correct(env, np.zeros(6), rng)
    for action in first.actions[:30]:  # amid the reach
        env.step(action)
    speed = (first.actions[29] - first.actions[28]) * RATE
    then = corrector.correct(env, speed, rng)
    assert np.abs(speed).max() > 0.5
    assert np.abs((then.actions[0] - env.data.ctrl) * RATE - speed)[:5].max() < 0.15


def lower_beside_the_bag(env, corrector, rng):
    """Bring the open hand to where its fingers close; return what comes then."""
    env.reset(5, 4)
    speed, phase = np.zeros(6), ''
    while phase != 'close':
        correction = corrector.correct(env, speed, rng)
        phase = correction.phase
        for action in correction.actions[: 6 if phase != 'close' else 0]:
            env.step(action)
        speed = (correction.actions[5] - correction.actions[4]) * RATE
    return correction


def test_hand_that_is_askew_beside_the_bag_is_raised_and_one_that_is_not_goes_on(env, corrector):
    rng = np.random.default_rng(0)
    lower_beside_the_bag(env, corrector, rng)
    turned = env.data.ctrl + [0, 0, 0, 0, 0.4, 0]
    for _ in range(15):
        env.step(turned)
    assert corrector.correct(env, np.zeros(6), rng).phase == 'raise'


@pytest.mark.parametrize('shift', [0.0, -0.018])
def test_half_closed_jaw_closes_and_what_is_learned_ends_where_a_miss_is_seen(
    env, corrector, shift
):
    rng = np.random.default_rng(0)
    closing = lower_beside_the_bag(env, corrector, rng)
    for action in closing.actions[:10]:
        env.step(action)
    assert 0.2 < env.positions[5] < 0.7
    env.data.qpos[env.model.joint('bag').qposadr[0] + 1] += shift
    correction = corrector.correct(env, np.zeros(6), rng)
    assert correction.phase == 'close'
    assert (np.diff(correction.actions[:, 5]) <= 1e-9).all()  # nothing is opened again
    for action in correction.actions:
        env.step(action)
    assert env.holding == (not shift)
    assert (len(correction.actions) == ROWS) == env.holding
    after = corrector.correct(env, np.zeros(6), rng)
    assert after.phase in (('reach', 'raise') if shift else ('transfer', 'lower'))


def test_hand_that_goes_for_another_side_of_the_bag_is_not_turned_back(env, corrector):
    env.reset(5, 4)
    rng = np.random.default_rng(0)
    planner = GraspPlanner(env)
    best = planner.plan()
    others = [planner.plan(roll) for roll in np.radians(range(-150, 151, 30))]
    other = max(others, key=lambda grasp: abs(grasp.roll - best.roll))
    assert abs(other.roll - best.roll) > 1.5
    reach = inverse(np.array([*other.centre, 0.07]), other.pitch, other.roll, OPEN)
    env.data.qpos[:6] = env.data.ctrl[:] = reach.joints
    env.step(reach.joints)
    correction = corrector.correct(env, np.zeros(6), rng)
    assert np.abs(correction.actions[:, 4] - other.roll).max() < 0.3


def test_each_correction_says_what_the_policy_was_told_in_that_state():
    policy = Demonstrator(5, 8)
    rollout = Rollout(policy, load_robot(find_config('robots', 'so101')), RolloutConfig(latency=0))
    policy.row = lambda: round(rollout.task.time * FPS)
    told = 'Place the tea bag in the mug.'
    planned = policy.planned._replace(goal='mug', instruction=told, then='saucer')
    made = corrections(rollout, planned, Corrector(TaskChoice().make(RATE), 2), 0.3)
    rollout.close()
    assert [*dict.fromkeys(each.instruction for each in made)] == [
        told,
        TeaBag.goals['saucer'].instruction,
    ]
    after = [each for each in made if each.instruction != told]
    assert all(each.held for each in after[:2]) and len(after) > 2


class Still:
    """A policy that wants to stay where the arm is."""

    spec = Demonstrator.spec

    def predict(self, images, state, instruction=None, sequence=0, queued=None):
        return np.tile(state, (20, 1)), {'computing': 0.1}


def test_policy_is_led_astray_at_first_and_is_its_own_then():
    misled, state, now = Misled(Still()), np.linspace(0, 1, 6), 0.0
    misled.clock = lambda: now
    misled.begin(np.random.default_rng(1), share=1.0)
    actions, seconds = misled.predict({}, state, queued=None)
    offset = actions - state
    assert np.all(offset == offset[0]) and offset[0, 0] != 0 and offset[0, 4] != 0
    assert np.all(offset[:, 5] == 0) and seconds == {'computing': 0.1}
    now = 2.9
    assert np.array_equal(misled.predict({}, state)[0], actions)
    now = 5.0
    assert np.array_equal(misled.predict({}, state)[0], np.tile(state, (20, 1)))


def test_share_of_episodes_goes_astray():
    misled, state, rng = Misled(Still()), np.zeros(6), np.random.default_rng(2)
    astray = 0
    for _ in range(400):
        misled.begin(rng, share=0.25)
        astray += bool(np.any(misled.predict({}, state)[0]))
    assert 70 < astray < 130
    for _ in range(20):
        misled.begin(rng, share=0.0)
        assert not np.any(misled.predict({}, state)[0])

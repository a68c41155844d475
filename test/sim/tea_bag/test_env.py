# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated task: seeds, resets and what counts as success."""

import numpy as np
import pytest

pytest.importorskip('mujoco')

from vla_ros.core.errors import VlaError
from vla_ros.dataset.plan import find_plan
from vla_ros.sim.robots.so101 import HOME
from vla_ros.sim.task import TaskChoice


@pytest.fixture(scope='module')
def env():
    return TaskChoice().make()


def test_same_seed_gives_the_same_scene_and_another_seed_another(env):
    env.reset(3, 4)
    first = env.scene.state()
    env.reset(4, 4)
    other = env.scene.state()
    env.reset(3, 4)
    again = env.scene.state()
    assert np.array_equal(first.qpos, again.qpos) and first.values == again.values
    assert not np.array_equal(first.qpos, other.qpos)


CENTRES = find_plan('tea_bag').clusters


@pytest.mark.parametrize('cluster', CENTRES)
def test_bag_starts_inside_its_cluster_and_outside_the_mug(env, cluster):
    for seed in range(5):
        env.reset(seed, cluster)
        offset = env.bag_position[:2] - CENTRES[cluster]
        assert np.abs(offset).max() < 0.05
        assert not env.success


def test_scene_state_tells_how_the_bag_is_turned(env):
    env.reset(7, 4)
    across = env.bag_rotation[:, 0]
    assert env.rotation == pytest.approx(np.arctan2(across[1], across[0]), abs=1e-3)


def test_arm_holds_the_position_that_it_is_told(env):
    env.reset(0, 6)
    for _ in range(60):
        env.step(HOME)
    assert np.abs(env.positions - HOME).max() < 0.05


def test_a_target_beyond_the_joint_limits_is_clipped(env):
    env.reset(0, 6)
    for _ in range(90):
        env.step(HOME + np.array([10.0, 0, 0, 0, 0, 0]))
    assert env.positions[0] == pytest.approx(1.92, abs=0.05)


def test_bag_in_the_mug_counts_only_when_it_was_let_go(env):
    env.reset(0, 6)
    address = env.model.joint('bag').qposadr[0]
    env.data.qpos[address : address + 3] = [*env.scene.mug_pose[:2], 0.03]
    env.step(HOME)
    assert env.bag_at_goal and env.success


def test_unknown_cluster_and_odd_rate_are_named():
    with pytest.raises(VlaError, match='cluster: got 12, expected one of 1, 2, 3, 4'):
        TaskChoice().make().reset(0, 12)
    with pytest.raises(VlaError, match='divisor of 600'):
        TaskChoice().make(70.0)

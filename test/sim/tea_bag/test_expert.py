# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scripted expert: it always gets the bag into the mug, also after something went wrong."""

import numpy as np
import pytest

pytest.importorskip('mujoco')

from vla_ros.dataset.plan import PlannedEpisode, find_plan
from vla_ros.sim.episode import attempt_episode, demonstrate
from vla_ros.sim.task import TaskChoice
from vla_ros.sim.tea_bag.expert import PHASES
from vla_ros.sim.tea_bag.perturbations import STYLES


@pytest.fixture(scope='module')
def env():
    return TaskChoice().make()


@pytest.mark.parametrize('cluster', find_plan('tea_bag').clusters)
def test_expert_succeeds_in_every_cluster(env, cluster):
    for seed in (1, 2, 3):
        assert attempt_episode(env, PlannedEpisode(0, cluster, '', seed)) is not None


def test_same_seed_gives_identical_trajectories():
    runs = [demonstrate(TaskChoice().make(), PlannedEpisode(0, 9, 'miss', 5)) for _ in range(2)]
    assert len(runs[0].steps) == len(runs[1].steps)
    for first, second in zip(*(run.steps for run in runs), strict=True):
        assert np.array_equal(first.scene.qpos, second.scene.qpos)
        assert np.array_equal(first.action, second.action)


@pytest.mark.parametrize('style', STYLES)
def test_recovery_episode_goes_wrong_and_ends_well(env, style):
    episode = demonstrate(env, PlannedEpisode(0, 5, style, 11))
    assert episode.success
    assert episode.retries > 0 or not STYLES[style].needs_retry


def test_phases_come_in_order_and_cover_the_episode(env):
    episode = demonstrate(env, PlannedEpisode(0, 4, '', 2))
    phases = list(dict.fromkeys(step.phase for step in episode.steps))
    assert phases == ['raise', *PHASES[:9]]

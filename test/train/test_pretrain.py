# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Teaching a vision encoder where the bag lies."""

import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('lerobot')

import torch

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import VALIDATION_CLUSTER
from vla_ros.dataset.workspace import CENTRES, CLUSTER_SIZE
from vla_ros.sim.labelled_pictures import Glances, draw_glances
from vla_ros.train.pretrain import poses, pretrain, yaw_error
from vla_ros.train.training_plan import TrainingPlan


@pytest.fixture(scope='module')
def glances():
    return draw_glances(96, 64, 32, seed=3)


def test_glances_are_those_of_their_seed(glances):
    again = draw_glances(96, 64, 32, seed=3)
    assert all(np.array_equal(again.images[name], glances.images[name]) for name in again.images)
    other = draw_glances(64, 64, 32, seed=4)
    assert not np.array_equal(other.place, glances.place[:64])


def test_no_glance_shows_the_bag_in_the_cluster_that_is_held_out(glances):
    away = np.abs(glances.place - np.array(CENTRES[VALIDATION_CLUSTER])).max(axis=1)
    assert away.min() > CLUSTER_SIZE / 2


def test_bag_that_was_turned_half_around_has_the_same_pose():
    place, yaw = np.array([[0.1, 0.05]]), np.array([0.4])
    one, other = (poses(Glances({}, place, yaw + turn)) for turn in (0, np.pi))
    assert np.allclose(one, other, atol=1e-6)
    quarter = poses(Glances({}, place, yaw + np.pi / 2))
    assert yaw_error(one, quarter)[0] == pytest.approx(np.pi / 2)


def test_bag_that_turned_with_its_bearing_keeps_its_pose_but_for_the_place():
    places = np.array([[0.2, 0.0], [0.0, 0.2]])
    near, far = poses(Glances({}, places, np.array([0.3, 0.3 + np.pi / 2])))
    assert np.allclose(near[2:], far[2:], atol=1e-6)


def test_pupil_learns_and_hands_its_weights_over(glances, checkpoint):
    before = {n: v.clone() for n, v in checkpoint.policy.model.backbone.state_dict().items()}
    few = {camera: images[:32] for camera, images in glances.images.items()}
    test = Glances(few, glances.place[:32], glances.yaw[:32])
    plan = TrainingPlan(steps=50, batch_size=8, learning_rate=1e-3, warmup=5)
    errors = pretrain(checkpoint, glances, test, plan, print)
    after = checkpoint.policy.model.backbone.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert errors.place < 0.08 and np.isfinite(errors.yaw)


def test_policy_of_other_cameras_is_refused(glances, checkpoint):
    images = {'ceiling': next(iter(glances.images.values()))}
    with pytest.raises(ConfigError, match='cameras: got a policy with gripper, top'):
        pretrain(checkpoint, glances._replace(images=images), glances, TrainingPlan(steps=1))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A frozen vision encoder sees every frame once, and what it saw is what it would see."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.train.batches import Augmentation, Batches  # noqa: E402
from vla_ros.train.checkpoint import load_checkpoint  # noqa: E402
from vla_ros.train.families.act import training_loss  # noqa: E402
from vla_ros.train.frames import load_frames  # noqa: E402
from vla_ros.train.learner import Learner  # noqa: E402
from vla_ros.train.loop import train  # noqa: E402
from vla_ros.train.maps import FeatureMaps  # noqa: E402
from vla_ros.train.training_plan import TrainingPlan  # noqa: E402

from .conftest import SIZE  # noqa: E402

PLAN = TrainingPlan(steps=6, batch_size=4, evaluate_every=3, freeze_vision=True, bf16=False)


class Eye:
    """Stands before the vision encoder and counts the frames that it is shown."""

    def __init__(self, learner):
        self.learner, self.count = learner, 0

    def __call__(self, batch):
        self.count += len(batch['action'])
        return self.learner.feature_maps(batch)


@pytest.fixture
def batches(dataset):
    plain = Augmentation(0, 0.0, 0.0)
    return Batches([load_frames(dataset)], 4, SIZE.chunk_size, augmentation=plain)


def maps_of(checkpoint, batches, folder):
    eye = Eye(Learner(checkpoint.policy, PLAN))
    return FeatureMaps(batches, checkpoint.preprocess, eye, folder), eye


def test_maps_give_the_loss_that_the_pictures_give(checkpoint, batches, tmp_path):
    maps, _ = maps_of(checkpoint, batches, tmp_path)
    for step in (0, 1, 0):
        pictures = checkpoint.preprocess(batches.batch(step))
        with torch.no_grad():
            expected = training_loss(checkpoint.policy, pictures)
            loss = training_loss(checkpoint.policy, maps.batch(step))
        torch.testing.assert_close(loss, expected, rtol=1e-3, atol=1e-4)


def test_every_frame_is_seen_once_even_by_a_run_that_goes_on(checkpoint, batches, tmp_path):
    maps, eye = maps_of(checkpoint, batches, tmp_path)
    for step in range(12):  # more than two epochs
        maps.batch(step)
    assert eye.count == 1 + batches.frame_count  # one to learn the shape
    again, eye = maps_of(checkpoint, batches, tmp_path)
    again.batch(0)
    assert eye.count == 1


def test_maps_of_other_frames_are_not_used(checkpoint, batches, dataset, tmp_path):
    maps_of(checkpoint, batches, tmp_path)[0].batch(0)
    fewer = Batches([load_frames(dataset, 2)], 4, SIZE.chunk_size)
    maps, eye = maps_of(checkpoint, fewer, tmp_path)
    maps.batch(0)
    assert eye.count == 1 + 4


def test_all_but_the_vision_encoder_learns(dataset_root, tmp_path):
    before = train([dataset_root], tmp_path / 'a', replace(PLAN, freeze_vision=False), SIZE)
    after = train([dataset_root], tmp_path / 'b', PLAN, SIZE, start=before)
    old, new = (load_checkpoint(path).policy.state_dict() for path in (before, after))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed and not any(name.startswith('model.backbone.') for name in changed)
    assert {name.split('.')[1] for name in changed} >= {'encoder', 'decoder', 'action_head'}
    assert np.fromfile(tmp_path / 'b' / 'feature_maps' / 'seen.bool', bool).all()


def test_other_kinds_of_policy_have_no_normalisation_to_freeze():
    policy = torch.nn.Module()
    policy.config = type('Config', (), {'type': 'smolvla', 'train_expert_only': True})
    with pytest.raises(ConfigError, match='freeze_normalisation: got it for .* type smolvla'):
        Learner(policy, TrainingPlan(steps=1, freeze_normalisation=True))

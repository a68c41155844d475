# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ACT made fit for training stays LeRobot's ACT."""

import pytest

torch = pytest.importorskip('torch')

from torchvision.ops.misc import FrozenBatchNorm2d  # noqa: E402

from vla_ros.train.batches import Batches  # noqa: E402
from vla_ros.train.families.act import (  # noqa: E402
    calibrate_frozen_batch_norm,
    thaw_batch_norm,
    training_loss,
)
from vla_ros.train.frames import load_frames  # noqa: E402
from vla_ros.train.learner import Learner  # noqa: E402
from vla_ros.train.training_plan import TrainingPlan  # noqa: E402

from ..conftest import SIZE  # noqa: E402

TOP = 'observation.images.top'


@pytest.fixture
def batch(dataset, checkpoint):
    return checkpoint.preprocess(Batches([load_frames(dataset)], 6, SIZE.chunk_size).batch(0))


def test_one_pass_for_all_cameras_gives_lerobots_own_loss(checkpoint, batch):
    with torch.no_grad():
        expected, _ = checkpoint.policy.forward(batch)
        torch.testing.assert_close(training_loss(checkpoint.policy, batch), expected)


def test_thawed_layers_start_with_the_values_of_the_frozen_ones(checkpoint, batch):
    backbone = checkpoint.policy.model.backbone
    calibrate_frozen_batch_norm(backbone, batch[TOP])
    with torch.no_grad():
        frozen = backbone(batch[TOP])['feature_map']
        thaw_batch_norm(backbone)
        thawed = backbone.eval()(batch[TOP])['feature_map']
    assert not any(isinstance(layer, FrozenBatchNorm2d) for layer in backbone.modules())
    torch.testing.assert_close(thawed, frozen, atol=1e-3, rtol=1e-3)


def test_frozen_normalisation_learns_what_will_be_used(checkpoint, batch):
    calibrate_frozen_batch_norm(checkpoint.policy.model.backbone, batch[TOP])
    with torch.no_grad():
        expected, _ = checkpoint.policy.forward(batch)
    before = {k: v.clone() for k, v in checkpoint.policy.state_dict().items()}
    plan = TrainingPlan(steps=1, freeze_normalisation=True, bf16=False)
    learner = Learner(checkpoint.policy, plan)
    assert learner.learn(batch, rate=1e-3) == pytest.approx(expected.item(), rel=1e-4)
    learner.finish(batch)
    after = checkpoint.policy.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert 'model.backbone.conv1.weight' in changed
    assert not [name for name in changed if 'running' in name]


def test_calibrated_layers_normalise_what_comes_in(checkpoint, batch):
    backbone = checkpoint.policy.model.backbone
    images = batch[TOP]
    calibrate_frozen_batch_norm(backbone, images)
    measured = []

    def measure(layer, inputs, output):
        measured.append(torch.var_mean(output, dim=(0, 2, 3), correction=0))

    for layer in backbone.modules():
        if isinstance(layer, FrozenBatchNorm2d):
            layer.register_forward_hook(measure)
    backbone(images)
    assert len(measured) == 20
    for variance, mean in measured:
        torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0)
        torch.testing.assert_close(variance, torch.ones_like(mean), atol=1e-2, rtol=0)

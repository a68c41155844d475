# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Teaching a vision encoder what its pictures show."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('lerobot')

import torch
from lerobot.policies.common.vla_utils import resize_with_pad

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.arrays import PICTURES
from vla_ros.train.checkpoint import new_checkpoint
from vla_ros.train.families.family import Family, family_of
from vla_ros.train.families.smolvla import SmolVlaSize
from vla_ros.train.families.smolvla_eye import placed
from vla_ros.train.frames import Frames
from vla_ros.train.pretrain import pretrain
from vla_ros.train.training_plan import TrainingPlan

from .vlm import write_vlm

HEIGHT, WIDTH = 32, 64  # px, as the checkpoint's
QUIET = TrainingPlan(
    steps=60, batch_size=16, learning_rate=3e-3, warmup=5, evaluate_every=20, report_every=30
)


def squares(count, seed, sizes=None):
    """Return pictures of a bright bar, somewhere, and where it is."""
    rng = np.random.default_rng(seed)
    images, labels = {}, {}
    for camera in ('top', 'gripper'):
        height, width = (sizes or {}).get(camera, (HEIGHT, WIDTH))
        pictures = rng.integers(0, 60, (count, height, width, 3)).astype(np.uint8)
        x, y = rng.integers(8, width - 8, count), rng.integers(6, height - 6, count)
        for i in range(count):
            pictures[i, y[i] - 3 : y[i] + 3, x[i] - 6 : x[i] + 6] = 250
        images[f'{PICTURES}{camera}'] = pictures
        rest = np.tile([1.0, 0.0, np.nan], (count, 1))
        labels[f'{PICTURES}{camera}'] = np.column_stack([x, y, rest])[:, None].astype(np.float32)
    rows = np.arange(count)
    still = np.zeros((count, 3), np.float32)
    return Frames(images, rows, still, still, rows + 1, np.full(count, ''), labels=labels)


def median(errors):
    return max(thing.place[0] for things in errors.values() for thing in things)


@pytest.fixture(scope='module')
def pictures():
    return squares(256, seed=0), squares(48, seed=1)


def test_pupil_learns_and_hands_its_weights_over(pictures, checkpoint, tmp_path):
    before = {n: v.clone() for n, v in checkpoint.policy.model.backbone.state_dict().items()}
    seen, test = pictures
    ignorant = pretrain(
        checkpoint, [seen], {'test': [test]}, replace(QUIET, steps=1), tmp_path / 'a.pt'
    )
    errors = pretrain(checkpoint, [seen], {'test': [test]}, QUIET, tmp_path / 'b.pt')
    after = checkpoint.policy.model.backbone.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert median(errors['test']) < 0.6 * median(ignorant['test'])


def test_interrupted_run_goes_on_with_the_step_that_it_had_reached(pictures, checkpoint, tmp_path):
    state = tmp_path / 'state.pt'

    def interrupt(text):
        if text.startswith('step 30'):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(checkpoint, [pictures[0]], {}, QUIET, state, interrupt)
    lines = []
    pretrain(checkpoint, [pictures[0]], {}, QUIET, state, lines.append)
    assert [line.split()[1] for line in lines] == ['30', '60']
    assert torch.load(state)['step'] == 60


def test_normalisation_is_kept_where_pictures_differ_in_size(pictures, checkpoint, tmp_path):
    key = f'{PICTURES}top'
    feature = checkpoint.policy.config.input_features[key]
    checkpoint.policy.config.input_features[key] = replace(feature, shape=(3, 64, 96))
    before = checkpoint.policy.model.backbone['bn1'].running_var.clone()
    frames = squares(64, seed=0, sizes={'top': (64, 96)})
    weight = checkpoint.policy.model.backbone['conv1'].weight.clone()
    pretrain(checkpoint, [frames], {'test': [frames]}, replace(QUIET, steps=2), tmp_path / 's.pt')
    backbone = checkpoint.policy.model.backbone
    assert torch.equal(backbone['bn1'].running_var, before)
    assert not torch.equal(backbone['conv1'].weight, weight)


def test_pictures_without_labels_or_of_other_cameras_are_refused(pictures, checkpoint, tmp_path):
    state = tmp_path / 'state.pt'
    with pytest.raises(ConfigError, match='without labels'):
        pretrain(checkpoint, [replace(pictures[0], labels=None)], {}, QUIET, state)
    images = {f'{PICTURES}ceiling': next(iter(pictures[0].images.values()))}
    with pytest.raises(ConfigError, match='cameras: got a policy for'):
        pretrain(checkpoint, [replace(pictures[0], images=images)], {}, QUIET, state)


@pytest.fixture
def smolvla(dataset, tmp_path):
    vlm = write_vlm(tmp_path / 'vlm', side=64)
    return new_checkpoint([dataset.meta], SmolVlaSize(chunk_size=5, vlm=str(vlm)))


def test_patches_of_a_smolvla_learn_what_lies_in_them_and_where_they_are(
    pictures, smolvla, tmp_path
):
    model = smolvla.policy.model.vlm_with_expert.get_vlm_model()
    text = {name: value.clone() for name, value in model.text_model.state_dict().items()}
    seen, test = pictures
    knew_before = cells_known(smolvla, seen)
    plan = replace(QUIET, steps=1)
    ignorant = pretrain(smolvla, [seen], {'test': [test]}, plan, tmp_path / 'a.pt')
    plan = replace(QUIET, steps=150)
    errors = pretrain(smolvla, [seen], {'test': [test]}, plan, tmp_path / 'b.pt')
    assert median(errors['test']) < 0.6 * median(ignorant['test'])
    assert all(
        torch.equal(value, text[name]) for name, value in model.text_model.state_dict().items()
    )
    assert cells_known(smolvla, seen) > max(0.75, knew_before + 0.1)


def cells_known(checkpoint, frames):
    """Return the share of the cells' columns that can be read from the maps, linearly."""
    eye = checkpoint_eye(checkpoint)
    images = torch.from_numpy(next(iter(frames.images.values()))).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        (maps,) = eye.see([images])
    cells = maps.flatten(2).transpose(1, 2).flatten(0, 1)  # (pictures * cells, channels)
    column = torch.arange(8).repeat(8).repeat(len(images))
    target = torch.nn.functional.one_hot(column, 8).float()
    half = len(cells) // 2
    inputs = torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
    weights = torch.linalg.lstsq(inputs[:half], target[:half]).solution
    return ((inputs[half:] @ weights).argmax(dim=1) == column[half:]).float().mean()


def checkpoint_eye(checkpoint):
    return family_of('smolvla').eye(checkpoint.policy.eval())


@pytest.mark.parametrize('size', [(48, 96), (96, 48), (64, 64), (30, 90)])
def test_labels_move_as_lerobot_moves_the_picture(size):
    height, width = size
    picture = torch.zeros(1, 3, height, width)
    picture[..., 20:24, 30:36] = 1.0
    label = torch.tensor([[[33.0, 22.0, 1.0, 0.0, 1.0]]])
    square = resize_with_pad(picture, 64, 64, pad_value=0)[0, 0]
    rows, columns = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing='ij')
    centre = [(square * at).sum() / square.sum() for at in (columns, rows)]
    moved = placed(label, size, 64)[0, 0]
    torch.testing.assert_close(moved[:2], torch.stack(centre), atol=0.3, rtol=0)
    assert moved[2:].tolist() == [1.0, 0.0, 1.0]


def test_encoder_that_nobody_can_teach_is_named(checkpoint):
    with pytest.raises(ConfigError, match='pretrain: got a policy of type act, whose'):
        Family().eye(checkpoint.policy)

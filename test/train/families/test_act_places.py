# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ACT is asked where things are while it learns; what it becomes is LeRobot's ACT all the same."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.dataset.arrays import ArrayDataset, ArraySpec, Part  # noqa: E402
from vla_ros.train.array_data import array_frames  # noqa: E402
from vla_ros.train.batches import Augmentation, Batches  # noqa: E402
from vla_ros.train.checkpoint import load_checkpoint  # noqa: E402
from vla_ros.train.families.act import training_loss  # noqa: E402
from vla_ros.train.families.act_places import TOLD, Teller  # noqa: E402
from vla_ros.train.learner import Learner  # noqa: E402
from vla_ros.train.loop import train  # noqa: E402
from vla_ros.train.training_plan import TrainingPlan  # noqa: E402

from ..conftest import JOINTS, SIZE  # noqa: E402

CAMERAS = {'top': (64, 64), 'gripper': (64, 64)}
SPOT = 8  # px
PLAN = TrainingPlan(
    steps=4, batch_size=4, evaluate_every=2, report_every=1, warmup=2, place_weight=1.0, bf16=False
)


def write_arrays(root, acted=True, things=('spot',), seed=0, count=24):
    """Write pictures of a white spot, episodes of 6 rows each, and where the spot is."""
    rng = np.random.default_rng(seed)
    images = {camera: np.zeros((count, 64, 64, 3), np.uint8) for camera in CAMERAS}
    labels = {}
    for camera, pictures in images.items():
        corner = rng.integers(0, 64 - SPOT, (count, 2))
        for picture, (x, y) in zip(pictures, corner, strict=True):
            picture[y : y + SPOT, x : x + SPOT] = 255
        nothing = np.full((count, 3), np.nan)
        label = np.column_stack([corner + SPOT / 2, nothing]).astype(np.float32)
        labels[camera] = np.repeat(label[:, None], len(things), axis=1)
    dataset = ArrayDataset.create(
        root, ArraySpec(10.0, JOINTS, CAMERAS, ('Wave.',), things=things)
    )
    Part(
        images=images,
        rows=np.arange(count),
        state=rng.normal(size=(count, 3)).astype(np.float32),
        end=np.repeat(np.arange(6, count + 1, 6), 6),
        instruction=np.zeros(count, int),
        action=rng.normal(size=(count, 3)).astype(np.float32) if acted else None,
        labels=labels,
    ).save(dataset.part_folder(0))
    return root


@pytest.fixture(scope='module')
def arrays(tmp_path_factory):
    return write_arrays(tmp_path_factory.mktemp('acted') / 'acted')


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    return write_arrays(tmp_path_factory.mktemp('scenes') / 'scenes', acted=False, seed=1)


@pytest.fixture(scope='module')
def run(arrays, scenes, tmp_path_factory):
    output = tmp_path_factory.mktemp('run')
    plan = replace(PLAN, freeze_vision=True)
    return output, train([arrays], output, plan, SIZE, report=str, scenes=[scenes])


def test_what_is_saved_is_lerobots_act_and_nothing_more(run):
    from lerobot.policies.act.modeling_act import ACTPolicy

    policy = ACTPolicy.from_pretrained(run[1])
    state = load_checkpoint(run[1]).policy.state_dict()
    assert state.keys() == policy.state_dict().keys()
    assert not any('teller' in key for key in state)


def test_what_the_frozen_encoder_saw_in_scenes_is_kept_too(run):
    assert (run[0] / 'scene_maps' / 'seen.bool').read_bytes().count(1) > 0


@pytest.mark.parametrize('frozen', [False, True], ids=['vision learns', 'frozen vision'])
def test_run_that_goes_on_is_one_that_never_stopped(arrays, scenes, tmp_path, frozen):
    plan = replace(PLAN, freeze_vision=frozen, muon=True)
    train([arrays], tmp_path / 'whole', plan, SIZE, report=str, scenes=[scenes])

    def stop(line):
        if line.startswith('step 3 '):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train([arrays], tmp_path / 'stopped', plan, SIZE, report=stop, scenes=[scenes])
    train([arrays], tmp_path / 'stopped', plan, SIZE, resume=True, report=str, scenes=[scenes])
    whole, stopped = (
        load_checkpoint(tmp_path / name / 'step_000004').policy.state_dict()
        for name in ('whole', 'stopped')
    )
    assert all(torch.equal(stopped[key], whole[key]) for key in whole)


def labelled(checkpoint, batches, extra):
    batch = checkpoint.preprocess(batches.batch(0))
    more = checkpoint.preprocess(extra.batch(0))
    keys = [key for key in more if key.startswith('observation.')]
    joined = {key: torch.cat([batch[key], more[key]]) for key in keys}
    return batch | joined | {TOLD: torch.cat([batches.shown(0), extra.shown(0)])}


def drawn(root, acted=True):
    frames = array_frames(ArrayDataset(root), acted)
    return Batches(frames, 4, SIZE.chunk_size, augmentation=Augmentation(0, 0.0, 0.0))


@pytest.fixture
def checkpoint(run):
    return load_checkpoint(run[1])


def test_loss_of_the_actions_is_that_of_the_frames_alone(checkpoint, arrays, scenes):
    batches, extra = drawn(arrays), drawn(scenes, acted=False)
    with torch.no_grad():
        expected = training_loss(checkpoint.policy, checkpoint.preprocess(batches.batch(0)))
        checkpoint.policy.teller = Teller(SIZE.dim_model, [*CAMERAS.values()], 1, 0.0, 0.0)
        loss = training_loss(checkpoint.policy, labelled(checkpoint, batches, extra))
    torch.testing.assert_close(loss, expected)


def test_frames_that_are_decoded_alone_do_not_depend_on_the_pictures_tokens(
    checkpoint, arrays, scenes
):
    batches, extra = drawn(arrays), drawn(scenes, acted=False)
    model = checkpoint.policy.model

    def changed(alone):
        checkpoint.policy.teller = Teller(SIZE.dim_model, [*CAMERAS.values()], 1, 0.0, alone)
        losses = []
        for far in (0.0, 5.0):
            hook = model.encoder.register_forward_hook(
                lambda module, inputs, memory, far=far: torch.cat([memory[:2], memory[2:] + far])
            )
            with torch.no_grad():
                losses.append(
                    training_loss(checkpoint.policy, labelled(checkpoint, batches, extra))
                )
            hook.remove()
        return float(abs(losses[1] - losses[0]))

    assert changed(1.0) == 0.0 and changed(0.5) > 0 and changed(0.0) > 0


def test_places_are_learned_where_nothing_is_acted(arrays, scenes):
    """A token that holds what is asked is read to a pixel, in px of each camera's picture."""
    torch.manual_seed(0)
    labels = drawn(scenes, acted=False).labels(np.arange(24))
    labels = torch.stack([*labels.values()], dim=1)
    tokens = labels[..., :2].flatten(1) / 32 - 1
    teller = Teller(4, [*CAMERAS.values()], 1, 1.0, 0.0)
    teller.read = torch.nn.Linear(4, 2 * 5)
    optimizer = torch.optim.Adam(teller.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        teller.loss(tokens, labels).backward()
        optimizer.step()
    told = teller(tokens)
    assert (told - labels)[..., :2].abs().max() < 1.0
    assert teller.read.weight.grad.view(2, 5, 4)[:, 2:].abs().max() == 0  # nothing is known


def test_asking_shapes_the_memory_while_it_learns_to_act(arrays, scenes, checkpoint):
    learner = Learner(checkpoint.policy, PLAN, 1)
    batch = labelled(checkpoint, drawn(arrays), drawn(scenes, acted=False))
    losses = [learner.learn(batch, 3e-3) for _ in range(60)]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda kwargs, tmp: kwargs.update(size=replace(SIZE, use_vae=True)), 'use_vae'),
        (lambda kwargs, tmp: kwargs.update(plan=replace(PLAN, place_weight=0.0)), 'place_weight'),
        (
            lambda kwargs, tmp: kwargs.update(
                scenes=[write_arrays(tmp / 'two', False, ('spot', 'cup'))]
            ),
            'other things',
        ),
    ],
    ids=['variational', 'scenes for nothing', 'other things'],
)
def test_what_can_not_be_asked_is_refused_by_name(arrays, scenes, tmp_path, make, message):
    kwargs = {'plan': PLAN, 'size': SIZE, 'scenes': [scenes]}
    make(kwargs, tmp_path)
    with pytest.raises(ConfigError, match=message):
        train([arrays], tmp_path / 'run', report=str, **kwargs)


def test_datasets_without_labels_are_refused(dataset_root, tmp_path):
    with pytest.raises(ConfigError, match='do not say what their pictures show'):
        train([dataset_root], tmp_path / 'run', PLAN, SIZE, report=str)


def test_moved_pictures_would_be_labelled_wrongly():
    with pytest.raises(ConfigError, match='--move'):
        replace(PLAN, augmentation=Augmentation(shift=4))

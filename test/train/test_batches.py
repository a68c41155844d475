# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Batches: which frames they hold, and how the pictures are varied."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.dataset.lerobot import open_dataset  # noqa: E402
from vla_ros.train.batches import Augmentation, Batches  # noqa: E402
from vla_ros.train.frames import load_frames  # noqa: E402

KEY = 'observation.images.top'
PLAIN = Augmentation(shift=0, brightness=0, contrast=0)


@pytest.fixture(scope='module')
def dataset(dataset_root):
    return open_dataset(dataset_root)


@pytest.fixture(scope='module')
def frames(dataset):
    return load_frames(dataset)


def seen(batches, steps):
    states = [batches.batch(step)['observation.state'].numpy() for step in steps]
    return [tuple(row) for row in np.concatenate(states)]


def test_every_frame_of_every_dataset_comes_once_in_an_epoch(frames):
    other = replace(frames, state=frames.state + 10)
    batches = Batches([frames, other], size=4, chunk_size=5)
    expected = [tuple(row) for row in np.concatenate([frames.state, other.state])]
    assert sorted(seen(batches, range(9))) == sorted(expected)


def test_frames_of_an_emphasised_phase_come_more_often(frames):
    phase = np.arange(len(frames.state)) % 3
    labelled = replace(frames, numbers={'phase': phase})
    batches = Batches([labelled], size=1, chunk_size=5, emphasis={'phase': {1: 4}})
    count = len(frames) + 3 * int((phase == 1).sum())
    times = Counter(seen(batches, range(count)))
    assert [times[tuple(row)] for row in frames.state] == [4 if p == 1 else 1 for p in phase]


def test_emphasis_needs_the_label(frames):
    with pytest.raises(ConfigError, match='no dataset with the label phase'):
        Batches([frames], 4, 5, emphasis={'phase': {0: 2}})


def test_next_epoch_has_another_order(frames):
    batches = Batches([frames], size=18, chunk_size=5)
    first, second = seen(batches, [0]), seen(batches, [1])
    assert first != second and sorted(first) == sorted(second)


def test_batch_depends_on_nothing_but_seed_and_step(frames):
    batches = Batches([frames], size=4, chunk_size=5, seed=3)
    batches.batch(7)
    late, fresh = batches.batch(2), Batches([frames], 4, 5, seed=3).batch(2)
    assert late.pop('task') == fresh.pop('task')
    assert all(torch.equal(late[key], fresh[key]) for key in late)


def test_chunk_and_padding_are_those_of_lerobots_own_loader(dataset, frames, dataset_root):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    times = {'action': [step / dataset.fps for step in range(5)]}
    theirs = LeRobotDataset(
        'local/tiny', root=dataset_root, delta_timestamps=times, video_backend='pyav'
    )
    ours = Batches([frames], 1, 5, mask_end=True).gather(np.arange(len(frames)))
    for row in range(len(frames)):
        item = theirs[row]
        for key in ('action', 'action_is_pad', KEY):
            assert torch.equal(ours[key][row], item[key])


def test_the_arm_rests_beyond_the_end_of_an_episode(frames):
    last = int(frames.end[0]) - 1
    batch = Batches([frames], size=1, chunk_size=5).gather(np.array([last - 1]))
    expected = frames.action[[last - 1, last, last, last, last]]
    assert np.array_equal(batch['action'][0], expected) and not batch['action_is_pad'].any()


def test_pictures_vary_a_little_and_stay_between_zero_and_one(frames):
    plain = Batches([frames], 18, 5, augmentation=PLAIN).batch(0)[KEY]
    varied = Batches([frames], 18, 5, augmentation=Augmentation(0, 0.1, 0.1)).batch(0)[KEY]
    difference = (plain - varied).abs().amax(dim=(1, 2, 3))
    assert difference.min() > 0 and difference.max() <= 0.15 + 1e-6
    assert varied.min() >= 0 and varied.max() <= 1


def test_shifted_picture_is_the_picture_moved_with_its_border_repeated(frames):
    plain = Batches([frames], 1, 5, augmentation=PLAIN).batch(0)[KEY][0]
    moved = Batches([frames], 1, 5, augmentation=Augmentation(2, 0, 0)).batch(0)[KEY][0]
    padded = torch.nn.functional.pad(plain[None], (2, 2, 2, 2), mode='replicate')[0]
    height, width = plain.shape[1:]
    offsets = [(down, right) for down in range(5) for right in range(5)]
    assert any(torch.equal(moved, padded[:, d : d + height, r : r + width]) for d, r in offsets)


def test_datasets_with_other_cameras_are_refused(frames):
    other = replace(frames, images={KEY: frames.images[KEY]})
    with pytest.raises(ConfigError, match='expected the same cameras'):
        Batches([frames, other], 4, 5)


def test_no_dataset_is_refused():
    with pytest.raises(ConfigError, match='expected at least one'):
        Batches([], 4, 5)

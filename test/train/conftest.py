# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A tiny dataset and a tiny ACT; the tests here need the [train] extra.

Where that is not installed this file still loads: one that skips itself takes the whole session
with it, and every other test.
"""

from pathlib import Path

import numpy as np
import pytest

try:
    import lerobot  # noqa: F401
    import torch
except ModuleNotFoundError:
    pass
else:
    from vla_ros.dataset.lerobot import open_dataset
    from vla_ros.train.checkpoint import new_checkpoint
    from vla_ros.train.families.act import ActSize

    torch.set_num_threads(1)
    SIZE = ActSize(chunk_size=5, dim_model=16, dim_feedforward=32, n_heads=2, n_encoder_layers=1)

JOINTS = ('pan', 'lift', 'gripper')
LENGTHS = (11, 7)  # frames of the episodes
HEIGHT, WIDTH = 32, 64  # px


@pytest.fixture(scope='session')
def dataset_root(tmp_path_factory) -> Path:
    """Return a LeRobotDataset with two cameras and two episodes; not to be altered."""
    return write_dataset(tmp_path_factory.mktemp('data') / 'tiny')


@pytest.fixture(scope='session')
def dataset(dataset_root):
    """Return that dataset, opened."""
    return open_dataset(dataset_root)


@pytest.fixture
def checkpoint(dataset):
    """Return a new, tiny ACT for that dataset."""
    return new_checkpoint([dataset.meta], SIZE)


def write_dataset(root: Path, joints: tuple[str, ...] = JOINTS, seed: int = 0) -> Path:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    rng = np.random.default_rng(seed)
    vector = {'dtype': 'float32', 'shape': (len(joints),), 'names': list(joints)}
    picture = {
        'dtype': 'video',
        'shape': (HEIGHT, WIDTH, 3),
        'names': ['height', 'width', 'channels'],
    }
    features = {
        'observation.state': vector,
        'action': vector,
        'observation.images.top': picture,
        'observation.images.gripper': picture,
    }
    dataset = LeRobotDataset.create(f'local/{root.name}', 10, features, root=root)
    for length in LENGTHS:
        for _ in range(length):
            row = {key: rng.normal(size=len(joints)) for key in ('observation.state', 'action')}
            frame = {key: value.astype(np.float32) for key, value in row.items()}
            for camera in ('top', 'gripper'):
                patches = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
                frame[f'observation.images.{camera}'] = patches.repeat(8, 0).repeat(8, 1)
            dataset.add_frame(frame | {'task': 'Wave.'})
        dataset.save_episode()
    dataset.finalize()
    return root

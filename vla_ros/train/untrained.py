# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Policies of their kind's usual size with random weights: as fast as trained ones."""

import shutil
from pathlib import Path

import numpy as np
import torch

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.robot import load_robot
from vla_ros.train.checkpoint import (
    Checkpoint,
    DatasetFacts,
    holds_facts,
    load_checkpoint,
    load_facts,
)
from vla_ros.train.export import export
from vla_ros.train.families.family import family_of
from vla_ros.train.families.split import SplitOptions
from vla_ros.train.frames import ACTION, STATE
from vla_ros.train.origins import show
from vla_ros.train.torch_policy import TorchPolicy

CAMERAS = ('top', 'left', 'gripper')
JOINTS = load_robot(find_config('robots', ROBOT)).joint_names
FPS = 30.0
TOLERANCE = 1e-3  # of random weights, whose activations are larger than a trained policy's


def write_untrained(output: Path, kind: str, height: int, width: int) -> None:
    """
    Write the bundle ``output`` for pictures of that size (px), and its checkpoint beside it.

    Beside it, too, is the bundle that ``unfolded_beside`` names, where folding makes a difference.
    What a run that was interrupted left of these is replaced; ``output`` comes last, and is whole
    where it is there.
    """
    checkpoint = untrained(kind, height, width, output.with_name(f'{output.name}.parts'))
    facts = DatasetFacts(FPS, JOINTS, 'Pick it up.', ())
    checkpoint.save(checkpoint_beside(output), facts)
    shutil.rmtree(unfolded_beside(output), ignore_errors=True)
    if family_of(kind).folds:
        _export(checkpoint, facts, unfolded_beside(output), SplitOptions(folded=False))
    _export(checkpoint, facts, output, SplitOptions())


def _export(
    checkpoint: Checkpoint, facts: DatasetFacts, path: Path, options: SplitOptions
) -> None:
    export(checkpoint, facts, path, (), {'weights': 'random'}, TOLERANCE, options)


def checkpoint_beside(bundle: Path) -> Path:
    """Return the folder of the checkpoint that an untrained bundle was made of."""
    return bundle.with_name(f'{bundle.name}.checkpoint')


def unfolded_beside(bundle: Path) -> Path:
    """Return the folder of the same policy with no constant part computed ahead."""
    return bundle.with_name(f'{bundle.name}.unfolded')


def untrained(kind: str, height: int, width: int, folder: Path) -> Checkpoint:
    """Return the policy with processors that normalise as for ImageNet's pictures."""
    torch.manual_seed(0)
    vector = {'dtype': 'float32', 'shape': (len(JOINTS),), 'names': list(JOINTS)}
    picture = {
        'dtype': 'video',
        'shape': (height, width, 3),
        'names': ['height', 'width', 'channels'],
    }
    cameras = [f'observation.images.{name}' for name in CAMERAS]
    features = {STATE: vector, ACTION: vector} | dict.fromkeys(cameras, picture)
    stats = {key: _statistics(len(JOINTS)) for key in (STATE, ACTION)}
    stats |= {
        key: {
            'mean': np.reshape(np.float32([0.485, 0.456, 0.406]), (3, 1, 1)),
            'std': np.reshape(np.float32([0.229, 0.224, 0.225]), (3, 1, 1)),
        }
        for key in cameras
    }
    return family_of(kind).untrained(features, stats, folder)


def torch_policy(checkpoint: Path, threads: int) -> TorchPolicy:
    """Return LeRobot's own policy from a checkpoint, on so many threads of torch."""
    torch.set_num_threads(threads)
    policy = load_checkpoint(checkpoint)
    show(policy, {})
    facts = load_facts(checkpoint) if holds_facts(checkpoint) else DatasetFacts(0.0, (), '', ())
    return TorchPolicy(policy, facts)


def _statistics(count: int) -> dict[str, np.ndarray]:
    values = {'mean': 0.0, 'std': 1.0, 'min': -3.0, 'max': 3.0}
    return {name: np.full(count, value, np.float32) for name, value in values.items()}

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Write a LeRobot checkpoint as a policy bundle: three ONNX models and policy.json.

A bundle is written only where its blocks, run one after the other in ONNX Runtime, give what
LeRobot's own preprocessor, policy and postprocessor give.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lerobot.configs import PreTrainedConfig

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.units import RAD
from vla_ros.dataset.feature_names import camera_name, camera_names
from vla_ros.dataset.lerobot import open_dataset
from vla_ros.policy.block_inputs import write_answers
from vla_ros.policy.bundle import load_bundle, write_policy_json
from vla_ros.policy.family import ExpertSettings
from vla_ros.policy.integrity import file_sha256
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import FORMAT
from vla_ros.train.checkpoint import (
    Checkpoint,
    DatasetFacts,
    camera_sources,
    replace_folder,
)
from vla_ros.train.families.family import family_of
from vla_ros.train.families.split import Model, Split, SplitOptions
from vla_ros.train.frames import ACTION, STATE
from vla_ros.train.onnx_file import write_model
from vla_ros.train.torch_policy import TorchPolicy

FILES = {
    'vision_encoder': 'vision_encoder.onnx',
    'llm_backbone': 'backbone.onnx',
    'action_expert': 'action_expert.onnx',
}
PLAIN = SplitOptions()
AS_TRAINED = ExpertSettings(noise_scale=1.0)
TOLERANCE = 1e-4  # largest difference in rad, or of the action's scale where that is above 1


class Observation(NamedTuple):
    """What a policy is shown and told at one time."""

    images: dict[str, np.ndarray]  # (height, width, 3) uint8 by camera name
    state: np.ndarray  # (joints,) rad
    instruction: str = ''


def export(
    checkpoint: Checkpoint,
    facts: DatasetFacts,
    output: Path,
    observations: Sequence[Observation] = (),
    source: dict[str, Any] | None = None,
    tolerance: float = TOLERANCE,
    options: SplitOptions = PLAIN,
) -> float:
    """
    Write the bundle ``output``; return the largest difference between blocks and torch.

    They are compared on random observations and on ``observations``, and with the same noise
    where a policy draws some.
    Raises VlaError, and leaves no bundle, where they differ by more than ``tolerance``.
    """
    if output.exists():
        raise ConfigError(f'{output}: is there already; remove it, or name another folder')
    _check_cameras(checkpoint, observations)
    partial = output.with_name(f'{output.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        options = replace(options, held_rows=facts.held_rows)
        split = family_of(checkpoint.policy.config.type).split(checkpoint, options)
        _write(checkpoint, split, facts, partial, output.name, source or {})
        texts = (facts.instruction, '', facts.instruction)
        seen = [*random_observations(checkpoint, texts), *observations]
        difference = check(partial, checkpoint, seen, tolerance)
        write_answers(load_bundle(partial), seen[-1], partial)
        replace_folder(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return difference


def check(
    bundle: Path,
    checkpoint: Checkpoint,
    observations: Sequence[Observation],
    tolerance: float = TOLERANCE,
) -> float:
    """
    Return the largest difference between the bundle's actions and the checkpoint's.

    Raises VlaError naming the observation and the joint where it is above ``tolerance``.
    """
    policy = Policy(load_bundle(bundle), settings=AS_TRAINED)
    scale = np.maximum(1.0, _scale(checkpoint))
    differences = []
    for number, seen in enumerate(observations):
        actions, _ = policy.predict(seen.images, seen.state, seen.instruction, number)
        difference = np.abs(actions - reference(checkpoint, seen, number)) / scale
        worst = float(difference.max())
        if not worst <= tolerance:
            joint = policy.spec.joint_names[int(difference.max(axis=0).argmax())]
            raise VlaError(
                f'{bundle.name}: the blocks differ from the torch policy by {worst:.2e} in '
                f'{joint} on observation {number}, expected at most {tolerance:.0e}; the '
                'bundle was not written'
            )
        differences.append(worst)
    return max(differences)


def reference(checkpoint: Checkpoint, seen: Observation, sequence: int = 0) -> np.ndarray:
    """Return the actions (chunk, joints) of LeRobot's own chain to a request of that number."""
    policy = TorchPolicy(checkpoint, DatasetFacts(0.0, (), '', ()))
    return policy.predict(seen.images, seen.state, seen.instruction, sequence)[0]


def random_observations(
    checkpoint: Checkpoint, instructions: Sequence[str] = ('', 'Put it there.', '')
) -> list[Observation]:
    """Return pictures of noise and states spread like the data's, one for each instruction."""
    rng = np.random.default_rng(0)
    config = checkpoint.policy.config
    sources = camera_sources(checkpoint)
    stats = _statistics(checkpoint)[STATE]
    mean, std = np.array(stats['mean']), np.array(stats['std'])
    return [
        Observation(
            {
                camera_name(source): _noise(rng, config.input_features[key].shape)
                for key, source in sources.items()
            },
            mean + std * rng.standard_normal(len(mean)),
            instruction,
        )
        for instruction in instructions
    ]


def dataset_observations(root: Path, count: int = 3) -> list[Observation]:
    """Return observations from all over a dataset."""
    dataset = open_dataset(root)
    cameras = camera_names(dataset.meta.camera_keys)
    seen = [dataset[int(row)] for row in np.linspace(0, len(dataset) - 1, count)]
    return [
        Observation(
            {
                name: (item[key] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
                for name, key in cameras.items()
            },
            item[STATE].numpy(),
            str(item['task']),
        )
        for item in seen
    ]


def _write(
    checkpoint: Checkpoint,
    split: Split,
    facts: DatasetFacts,
    folder: Path,
    name: str,
    source: dict[str, Any],
) -> None:
    config = checkpoint.policy.config
    _check_joints(config, facts)
    blocks = {name: _write_block(split.blocks[name], folder / FILES[name]) for name in FILES}
    cameras = [
        {
            'name': camera_name(source),
            'key': source,
            'height': config.input_features[key].shape[1],
            'width': config.input_features[key].shape[2],
            'mean': split.images[key].offset.tolist(),
            'std': split.images[key].scale.tolist(),
        }
        for key, source in camera_sources(checkpoint).items()
    ]
    content = {
        'format': FORMAT,
        'name': name,
        'type': config.type,
        'fps': facts.fps,
        'chunk_size': config.chunk_size,
        'units': RAD,
        'instruction': facts.instruction,
        'joint_names': list(facts.joint_names),
        'cameras': cameras,
        'statistics': _statistics(checkpoint),
        'blocks': blocks,
        **split.write_files(folder),
        'source': {'datasets': list(facts.datasets), **source},
    }
    write_policy_json(folder, content)


def _check_cameras(checkpoint: Checkpoint, observations: Sequence[Observation]) -> None:
    """Raise ConfigError where the data have no picture of a camera that the policy looks at."""
    expected = [camera_name(source) for source in camera_sources(checkpoint).values()]
    for seen in observations:
        missing = sorted(set(expected) - seen.images.keys())
        if missing:
            raise ConfigError(
                f'dataset: got cameras {", ".join(sorted(seen.images))}, expected also '
                f'{", ".join(missing)} as the checkpoint takes them; give the dataset that it was '
                "trained on, or rename the cameras in training, with LeRobot's rename_map"
            )


def _noise(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Return a picture of noise, (height, width, 3) uint8, for a feature of that shape."""
    return rng.integers(0, 256, (*shape[1:], 3), np.uint8)


def _write_block(model: Model, path: Path) -> dict[str, Any]:
    """Write one model; return what policy.json says of it."""
    arrays = write_model(model.module, model.inputs, model.outputs, path, model.axes)
    runs = {'runs': model.runs} if model.runs > 1 else {}
    return {'file': path.name, 'sha256': file_sha256(path), **arrays, **runs}


def _check_joints(config: PreTrainedConfig, facts: DatasetFacts) -> None:
    joints = len(facts.joint_names)
    sizes = {
        STATE: config.input_features[STATE].shape[0],
        ACTION: config.output_features[ACTION].shape[0],
    }
    for key, size in sizes.items():
        if size != joints:
            raise ConfigError(
                f'joint names: got {list(facts.joint_names)}, expected {size} as in {key}; '
                'name them'
            )


def _statistics(checkpoint: Checkpoint) -> dict[str, dict[str, list[float]]]:
    """Return mean, std, min and max of state and action, as the processors hold them."""
    held = next(step.stats for step in checkpoint.preprocess.steps if hasattr(step, 'norm_map'))
    names = 'mean', 'std', 'min', 'max'
    return {
        key: {
            name: np.asarray(held[key][name]).ravel().tolist()
            for name in names
            if name in held[key]
        }
        for key in (STATE, ACTION)
    }


def _scale(checkpoint: Checkpoint) -> np.ndarray:
    return np.array(_statistics(checkpoint)[ACTION]['std'])

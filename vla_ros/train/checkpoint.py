# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: folders that LeRobot loads, and a note on the data that made them."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lerobot.datasets.compute_stats import aggregate_stats
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot.processor import PolicyProcessorPipeline

from vla_ros.core.errors import ConfigError
from vla_ros.train.act import ActSize, act_config
from vla_ros.train.frames import ACTION

_FACTS = 'dataset.json'
_FILES = (
    'config.json',
    'model.safetensors',
    'policy_preprocessor.json',
    'policy_postprocessor.json',
)


@dataclass(frozen=True)
class DatasetFacts:
    """What a policy must know about its data and LeRobot's checkpoint does not say."""

    fps: float  # Hz
    joint_names: tuple[str, ...]
    instruction: str
    datasets: tuple[str, ...]  # names of the folders


@dataclass(frozen=True)
class Checkpoint:
    """A policy with the processors that normalise what goes in and comes out."""

    policy: ACTPolicy
    preprocess: PolicyProcessorPipeline[dict[str, Any], dict[str, Any]]
    postprocess: PolicyProcessorPipeline[torch.Tensor, torch.Tensor]

    def save(self, path: Path, facts: DatasetFacts) -> None:
        """Write the folder ``path`` in LeRobot's format; whole or not at all."""
        partial = path.with_name(f'{path.name}.partial')
        shutil.rmtree(partial, ignore_errors=True)
        for part in (self.policy, self.preprocess, self.postprocess):
            part.save_pretrained(partial)
        (partial / _FACTS).write_text(json.dumps(asdict(facts), indent=2))
        replace_folder(partial, path)


def new_checkpoint(
    metas: list[LeRobotDatasetMetadata], size: ActSize, device: str = 'cpu', seed: int = 0
) -> Checkpoint:
    """Return an untrained policy that normalises with the statistics of the datasets."""
    torch.manual_seed(seed)
    config = act_config(metas[0].features, size, device)
    used = {*config.input_features, *config.output_features}
    stats = {
        key: value
        for key, value in aggregate_stats([meta.stats for meta in metas]).items()
        if key in used
    }
    policy = ACTPolicy(config).to(device)
    return Checkpoint(policy, *make_pre_post_processors(config, dataset_stats=stats))


def load_checkpoint(path: Path, device: str = 'cpu') -> Checkpoint:
    """Load a LeRobot ACT checkpoint; raise ConfigError naming what is not one."""
    missing = [name for name in _FILES if not (path / name).is_file()]
    kind = 'act' if missing else json.loads((path / 'config.json').read_text()).get('type')
    if missing or kind != 'act':
        got = f'no {missing[0]} in it' if missing else f'a policy of type {kind!r}'
        raise ConfigError(
            f'checkpoint {path}: got {got}, expected the folder of a LeRobot ACT policy with '
            f'{", ".join(_FILES)}; it is called pretrained_model where LeRobot trained it, and '
            'older ones are brought up to date by LeRobot itself'
        )
    policy = ACTPolicy.from_pretrained(path, cli_overrides=[f'--device={device}'])
    return Checkpoint(
        policy,
        *make_pre_post_processors(
            policy.config,
            str(path),
            preprocessor_overrides={'device_processor': {'device': device}},
        ),
    )


def dataset_facts(metas: list[LeRobotDatasetMetadata]) -> DatasetFacts:
    """Return what the metadata of the datasets say; raise ConfigError where they disagree."""
    facts = [(float(meta.fps), _joint_names(meta)) for meta in metas]
    if len(set(facts)) > 1:
        raise ConfigError(
            f'datasets: got rates and joints {facts}, expected the same in all of them'
        )
    instruction = str(metas[0].tasks.index[0]) if len(metas[0].tasks) else ''
    return DatasetFacts(*facts[0], instruction, tuple(Path(meta.root).name for meta in metas))


def load_facts(path: Path) -> DatasetFacts:
    """Return the note on the data in the checkpoint ``path``; raise ConfigError without one."""
    file = path / _FACTS
    if not file.is_file():
        raise ConfigError(
            f'checkpoint {path}: does not say joint names and rate (no {_FACTS} in it); give '
            '--dataset, or --joint-names and --fps'
        )
    facts = json.loads(file.read_text())
    return DatasetFacts(
        facts['fps'], tuple(facts['joint_names']), facts['instruction'], tuple(facts['datasets'])
    )


def replace_folder(new: Path, path: Path) -> None:
    """Put the folder ``new`` in the place of ``path``."""
    old = path.with_name(f'{path.name}.old')
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        os.replace(path, old)
    os.replace(new, path)
    shutil.rmtree(old, ignore_errors=True)


def _joint_names(meta: LeRobotDatasetMetadata) -> tuple[str, ...]:
    """Return the names of the action's numbers, without LeRobot's ending ``.pos``."""
    names = meta.features[ACTION]['names']
    if isinstance(names, dict):  # {'motors': [...]}, as some recorders write it
        names = [name for part in names.values() for name in part]
    return tuple(str(name).removesuffix('.pos') for name in names or ())

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: folders that LeRobot loads, and a note on the data that made them."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from draccus.utils import ParsingError
from lerobot.configs import PreTrainedConfig
from lerobot.datasets.compute_stats import aggregate_stats
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.processor import PolicyProcessorPipeline
from safetensors import SafetensorError

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import find_damage, temporary_files
from vla_ros.dataset import feature_names
from vla_ros.train import adapters
from vla_ros.train.families.family import Size, family_of, split_features
from vla_ros.train.frames import ACTION, STATE

_FACTS = 'dataset.json'
_LONGEST = 300  # characters of what a library says
# what LeRobot raises for files that are damaged, or hold fields or weights that it does not know
_UNREADABLE = (
    ParsingError,
    SafetensorError,
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    ImportError,
)
OLDER = (
    'it is called pretrained_model where LeRobot trained it, and older ones are brought up to '
    'date by LeRobot itself'
)
_POLICY = ('config.json', 'model.safetensors')
_PROCESSORS = ('policy_preprocessor.json', 'policy_postprocessor.json')


@dataclass(frozen=True)
class DatasetFacts:
    """What a policy must know about its data and LeRobot's checkpoint does not say."""

    fps: float  # Hz
    joint_names: tuple[str, ...]
    instruction: str  # '' where the data have several
    datasets: tuple[str, ...]  # names of the folders
    held_rows: int = 0  # finished rows that a chunk began with in training, at most
    instructions: tuple[str, ...] = ()  # all that it was taught

    def after(self, earlier: 'DatasetFacts | None') -> 'DatasetFacts':
        """Return this with what was taught in an earlier training, on other data."""
        taught = {*self.instructions, *(earlier.instructions if earlier else ())}
        return replace(self, instructions=tuple(sorted(taught)))


@dataclass(frozen=True)
class Checkpoint:
    """A policy with the processors that normalise what goes in and comes out."""

    policy: PreTrainedPolicy
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
    metas: list[LeRobotDatasetMetadata], size: Size, device: str = 'cpu', seed: int = 0
) -> Checkpoint:
    """Return an untrained policy that normalises with the statistics of the datasets."""
    torch.manual_seed(seed)
    config = size.config(metas[0].features, device)
    policy = get_policy_class(config.type)(config).to(device)
    return Checkpoint(policy, *_new_processors(config, metas))


def load_checkpoint(path: Path, device: str = 'cpu', vlm: str | None = None) -> Checkpoint:
    """
    Load a LeRobot checkpoint; raise ConfigError naming what is not one.

    ``vlm`` names the folder of its vision-language model, where it is not the one that it knows.
    """
    config = _read_config(path, device, vlm, (*_POLICY, *_PROCESSORS))
    own = family_of(config.type).overrides(config)
    overrides = {'device_processor': {'device': device}, **own}
    with _reading(path):
        return Checkpoint(
            _load_policy(path, config),
            *make_pre_post_processors(config, str(path), preprocessor_overrides=overrides),
        )


def start_checkpoint(
    path: Path, metas: list[LeRobotDatasetMetadata], device: str = 'cpu', vlm: str | None = None
) -> Checkpoint:
    """
    Load the checkpoint from which a run on the datasets starts.

    Its normalisation is kept, but for a foundation's, which was made for other robots; the
    pictures may be of another size than before.
    """
    config = _read_config(path, device, vlm, _POLICY)
    if holds_facts(path) or not family_of(config.type).general:
        checkpoint = load_checkpoint(path, device, vlm)
        inputs, _ = split_features(metas[0].features)
        own = checkpoint.policy.config.input_features
        own.update({key: feature for key, feature in inputs.items() if key in own})
        return checkpoint
    config.input_features, config.output_features = split_features(metas[0].features)
    with _reading(path):
        policy = _load_policy(path, config)
    return Checkpoint(policy, *_new_processors(config, metas))


@torch.no_grad()
def blend(checkpoint: Checkpoint, other: Checkpoint, share: float) -> None:
    """
    Move the weights of ``checkpoint`` in place towards those of ``other``: 0 not at all, 1 wholly.

    For two checkpoints of which one was trained on from the other: what lies between them often
    fits new scenes better than either (Wortsman et al., 2022). Raise ConfigError where they are
    of different shapes, or normalise differently.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f'blend: got a share of {share}, expected 0 to 1')
    ours, theirs = checkpoint.policy.state_dict(), other.policy.state_dict()
    shapes = [{name: value.shape for name, value in state.items()} for state in (ours, theirs)]
    if shapes[0] != shapes[1] or not _equal(_statistics(checkpoint), _statistics(other)):
        raise ConfigError(
            'blend: got checkpoints of different shapes or statistics, expected one that was '
            'trained on from the other'
        )
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], share)


def _statistics(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """Return what a checkpoint normalises with."""
    return {
        f'{number}.{name}': value
        for number, step in enumerate(checkpoint.preprocess.steps)
        for name, value in step.state_dict().items()
    }


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def policy_type(path: Path) -> str:
    """Return the type of the policy in a checkpoint; raise ConfigError where there is none."""
    _check_files(path, _POLICY)
    with _reading(path):
        return str(json.loads((path / _POLICY[0]).read_text(encoding='utf-8'))['type'])


def dataset_facts(metas: list[LeRobotDatasetMetadata]) -> DatasetFacts:
    """
    Return what the metadata of the datasets say; raise ConfigError where they disagree.

    A node knows the joints by one list of names: states and actions are of the same, in one order.
    """
    for meta in metas:
        _check_order(meta)
    facts = [(float(meta.fps), joint_names(meta.features)) for meta in metas]
    if len(set(facts)) > 1:
        raise ConfigError(
            f'datasets: got rates and joints {facts}, expected the same in all of them'
        )
    texts = {str(text) for meta in metas for text in meta.tasks.index}
    instruction = next(iter(texts)) if len(texts) == 1 else ''
    folders = tuple(Path(meta.root).name for meta in metas)
    return DatasetFacts(*facts[0], instruction, folders, instructions=tuple(sorted(texts)))


def _check_order(meta: LeRobotDatasetMetadata) -> None:
    """Raise ConfigError where the numbers of states are of other joints than those of actions."""
    sizes = [meta.features[key]['shape'][0] for key in (STATE, ACTION) if key in meta.features]
    if len(set(sizes)) > 1:
        raise ConfigError(
            f'dataset {meta.root}: got {sizes[0]} numbers in {STATE} and {sizes[1]} in {ACTION}, '
            'expected the positions of the same joints in both; leave the others out of it '
            '(a feature of their own, such as observation.effort, is none of the policy)'
        )
    names = [feature_names.joint_names(meta.features.get(key, {})) for key in (STATE, ACTION)]
    state, action = names
    if len(state) == len(action) and state != action:
        raise ConfigError(
            f'dataset {meta.root}: got states of {", ".join(state)}, expected '
            f'{", ".join(action)}, in this order, as its actions; bring the columns into one '
            'order, or correct names in meta/info.json where they are the same joints'
        )


def holds_facts(path: Path) -> bool:
    """Return whether there is a note on the data in the checkpoint ``path``."""
    return (path / _FACTS).is_file()


def holds_processors(path: Path) -> bool:
    """Return whether a checkpoint was saved with what normalises for it; a foundation need not."""
    return all((path / name).is_file() for name in _PROCESSORS)


def load_facts(path: Path) -> DatasetFacts:
    """Return the note on the data in the checkpoint ``path``; raise ConfigError without one."""
    file = path / _FACTS
    if not holds_facts(path):
        raise ConfigError(
            f'checkpoint {path}: does not say joint names and rate (no {_FACTS} in it); give '
            '--dataset, or --joint-names and --fps'
        )
    with _reading(path):
        facts = json.loads(file.read_text(encoding='utf-8'))
        names, datasets = tuple(facts['joint_names']), tuple(facts['datasets'])
        return DatasetFacts(
            float(facts['fps']),
            names,
            str(facts['instruction']),
            datasets,
            int(facts.get('held_rows', 0)),
            tuple(map(str, facts.get('instructions', ()))),
        )


def replace_folder(new: Path, path: Path) -> None:
    """Put the folder ``new`` in the place of ``path``."""
    old = path.with_name(f'{path.name}.old')
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        os.replace(path, old)
    os.replace(new, path)
    shutil.rmtree(old, ignore_errors=True)


def joint_names(features: Mapping[str, dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of the action's numbers, without LeRobot's ending ``.pos``."""
    return feature_names.joint_names(features[ACTION])


def camera_sources(checkpoint: Checkpoint) -> dict[str, str]:
    """
    Return the camera's column in the data for each that the policy looks at, in its order.

    They differ where it was trained with LeRobot's rename_map. Raises ConfigError where two
    cameras would have one name in topics.
    """
    config = checkpoint.policy.config
    renamed = {
        new: old
        for step in checkpoint.preprocess.steps
        for old, new in getattr(step, 'rename_map', {}).items()
    }
    cameras = family_of(config.type).cameras(config)
    sources = {key: renamed.get(key, key) for key in cameras}
    feature_names.camera_names(sources.values())
    return sources


def _new_processors(
    config: PreTrainedConfig, metas: list[LeRobotDatasetMetadata]
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """Return processors that normalise with the statistics of all the datasets."""
    for meta in metas:
        if not meta.stats:
            raise ConfigError(
                f'dataset {meta.root}: got no meta/stats.json in it, expected the statistics to '
                'normalise with; copy the whole dataset again'
            )
    used = {*config.input_features, *config.output_features}
    stats = aggregate_stats([meta.stats for meta in metas])
    chosen = {key: value for key, value in stats.items() if key in used}
    return make_pre_post_processors(config, dataset_stats=chosen)


def _load_policy(path: Path, config: PreTrainedConfig) -> PreTrainedPolicy:
    """Return the policy in ``path``, with its adapter where it has one."""
    policy_class = get_policy_class(config.type)
    if adapters.is_adapter(path):
        return adapters.merge_adapter(path, policy_class, config)
    return policy_class.from_pretrained(path, config=config)


def _read_config(
    path: Path, device: str, vlm: str | None, files: tuple[str, ...]
) -> PreTrainedConfig:
    """Return the configuration of a policy that holds ``files``, for this machine."""
    _check_files(path, files)
    family = family_of(policy_type(path), f'checkpoint {path}')
    with _reading(path), temporary_files():  # LeRobot leaves one of each configuration it reads
        config = PreTrainedConfig.from_pretrained(path, cli_overrides=[f'--device={device}'])
    family.localise(config, vlm)
    return config


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise ConfigError, with the mend, for what LeRobot cannot make of the files in ``path``."""
    try:
        yield
    except (VlaError, ModuleNotFoundError):
        raise
    except _UNREADABLE as error:
        text = ' '.join(str(error).split())
        text = text if len(text) <= _LONGEST else f'{text[:_LONGEST]}...'
        raise ConfigError(
            f'checkpoint {path}: LeRobot {version("lerobot")} cannot read it: '
            f'{type(error).__name__}: {text}; copy it again where it is damaged, and where '
            'another version of LeRobot wrote it bring it up to date with LeRobot, or take out of '
            'its config.json what this version does not know'
        ) from None


def _find_below(path: Path) -> str:
    """Say which folder in that of a run, or of a step, is the policy; '' where there is none."""
    for above in ('', 'last', 'checkpoints/last'):
        below = path / above / 'pretrained_model'
        if (below / _POLICY[0]).is_file():
            return f'give {below}'
    return ''


def _check_files(path: Path, files: tuple[str, ...]) -> None:
    if adapters.is_adapter(path):
        weights = {_POLICY[1]: adapters.WEIGHTS}
        files = (adapters.CONFIG, *(weights.get(name, name) for name in files))
    missing = [name for name in files if not (path / name).is_file()]
    if missing:
        raise ConfigError(
            f'checkpoint {path}: got no {missing[0]} in it, expected the folder of a LeRobot '
            f'policy with {", ".join(files)}; {_find_below(path) or OLDER}'
        )
    for file in (path / name for name in files):
        damage = find_damage(file)
        if damage:
            raise ConfigError(f'{file}: {damage}')

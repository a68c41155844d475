# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What LeRobot's own training tells of a checkpoint: what it learned from, and what it was shown.

The config.json of a policy that was trained on from another one names that one's cameras, sizes
of pictures and number of joints. SmolVLA does without a camera that the data lack, resizes any
picture, and pads any state, so nothing ever says that these are others: its statistics do, which
are of the data.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import try_to_load_from_cache
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.utils.constants import HF_LEROBOT_HOME, HF_LEROBOT_HUB_CACHE

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.lerobot import first_line, is_dataset
from vla_ros.dataset.pictures import picture_size
from vla_ros.train.checkpoint import (
    Checkpoint,
    camera_sources,
    holds_facts,
    holds_processors,
    load_checkpoint,
    start_checkpoint,
)
from vla_ros.train.families.family import family_of
from vla_ros.train.frames import STATE
from vla_ros.train.units import statistics

_RUN, _INFO = 'train_config.json', 'meta/info.json'


class Origin(NamedTuple):
    """Where a checkpoint of LeRobot's comes from."""

    dataset: str  # its name on the hub
    root: Path  # where it was, or would be, on this machine
    tuned: bool  # whether it began as another policy, whose inputs config.json names

    @property
    def is_here(self) -> bool:
        """Return whether its data are on this machine."""
        return is_dataset(self.root)


def read_origin(checkpoint: Path) -> Origin | None:
    """Return what LeRobot's training wrote into the folder; None where none of its did."""
    file = checkpoint / _RUN
    if not file.is_file():
        return None
    try:
        run = json.loads(file.read_text(encoding='utf-8'))
        name, root = str(run['dataset']['repo_id']), run['dataset'].get('root')
        tuned = bool((run.get('policy') or {}).get('pretrained_path'))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'{file}: invalid JSON, or of no training ({first_line(error)}), expected what '
            'lerobot-train wrote; copy the checkpoint again'
        ) from None
    return Origin(name, Path(root) if root else _find(name), tuned)


def start(path: Path, metas: list[Any], device: str = 'cpu', vlm: str | None = None) -> Checkpoint:
    """
    Load the checkpoint from which a run on the datasets starts, with inputs as these have them.

    One that LeRobot trained on data with the same cameras goes on with them in its own order and
    with its own statistics. Raise ConfigError as `start_checkpoint` does.
    """
    features = metas[0].features
    if (path / _RUN).is_file() and holds_processors(path) and not holds_facts(path):
        checkpoint = load_checkpoint(path, device, vlm)
        show(checkpoint, features)
        seen = {key for key, item in features.items() if item['dtype'] in ('video', 'image')}
        if {*camera_sources(checkpoint).values()} == seen:
            return checkpoint
    checkpoint = start_checkpoint(path, metas, device, vlm)
    show(checkpoint, features)
    return checkpoint


def _find(name: str) -> Path:
    """Return where LeRobot keeps the dataset ``name``: recorded here, or downloaded."""
    root = Path(HF_LEROBOT_HOME) / name
    cached = try_to_load_from_cache(name, _INFO, HF_LEROBOT_HUB_CACHE, repo_type='dataset')
    return Path(cached).parents[1] if isinstance(cached, str) and not is_dataset(root) else root


def show(checkpoint: Checkpoint, features: Mapping[str, dict[str, Any]]) -> list[str]:
    """
    Have the policy's inputs be those of the data that it learned from, in place.

    ``features`` are the dataset's, or none. Return the cameras that config.json names and no data
    had; LeRobot's policy goes without them, too.
    """
    config, stats = checkpoint.policy.config, statistics(checkpoint.preprocess)
    inputs, sources = dict(config.input_features), camera_sources(checkpoint)
    unseen = []
    if family_of(config.type).general:
        seen = [key for key, source in sources.items() if {key, source} & stats.keys()]
        unseen = [key for key in sources if seen and key not in seen]
        spread = stats.get(STATE, {}).get('std', stats.get(STATE, {}).get('max'))
        if spread is not None:
            inputs[STATE] = PolicyFeature(FeatureType.STATE, tuple(spread.shape))
    for key, source in sources.items():
        if source in features:
            size = picture_size({**features}, source)
            inputs[key] = PolicyFeature(FeatureType.VISUAL, (3, *size))
    config.input_features = {key: item for key, item in inputs.items() if key not in unseen}
    return unseen

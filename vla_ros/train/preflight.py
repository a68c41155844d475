# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What makes a trained policy useless without a word, found before the first step.

LeRobot leaves pictures out that a dataset does not have, normalises nothing where a checkpoint
brings no statistics, and cuts an instruction where its tokens end. The loss falls all the same.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from lerobot.configs import NormalizationMode, PreTrainedConfig
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.processor import PolicyProcessorPipeline, TokenizerProcessorStep

from vla_ros.core.errors import ConfigError
from vla_ros.train.array_data import ArrayMeta
from vla_ros.train.checkpoint import Checkpoint, DatasetFacts, camera_sources, dataset_facts
from vla_ros.train.families.family import family_of
from vla_ros.train.frames import ACTION, STATE
from vla_ros.train.training_plan import TrainingPlan
from vla_ros.train.units import statistics

Metas = Sequence[LeRobotDatasetMetadata | ArrayMeta]
Statistics = Mapping[str, Mapping[str, Any]]

FACTOR = 20.0  # between deviations that are of one unit; degrees are 57 rad
FAR = 20.0  # deviations, between means of the same joint
_DIVISORS = {  # what a vector is divided by
    NormalizationMode.MEAN_STD: ('mean', 'std'),
    NormalizationMode.MIN_MAX: ('min', 'max'),
    NormalizationMode.QUANTILES: ('q01', 'q99'),
    NormalizationMode.QUANTILE10: ('q10', 'q90'),
}


def check_start(checkpoint: Checkpoint, metas: Metas, before: DatasetFacts | None = None) -> None:
    """
    Raise ConfigError, with the mend, where a policy can't learn what the datasets show.

    ``before`` says what the checkpoint was trained on, where that is known.
    """
    _check_cameras(checkpoint, metas)
    if before:
        _check_facts(before, dataset_facts([*metas]))
    for key, pipeline in ((STATE, checkpoint.preprocess), (ACTION, checkpoint.postprocess)):
        for meta in metas:
            _check_vector(checkpoint, key, statistics(pipeline), meta)
    for meta in metas:
        _check_instructions(checkpoint.preprocess, meta)


def check_flow(config: PreTrainedConfig, plan: TrainingPlan) -> None:
    """Raise ConfigError for a plan whose noise or rows the policy does not have."""
    for name, plain in (('flow_samples', 1), ('held_rows', 0)):
        asked = getattr(plan, name)
        if asked != plain and not family_of(config.type).denoises:
            raise ConfigError(
                f'{name}: got {asked} for a policy of type {config.type}, which does not denoise; '
                'leave it out'
            )
    if plan.held_rows >= config.chunk_size:
        raise ConfigError(
            f'held_rows: got {plan.held_rows}, expected fewer than the {config.chunk_size} rows '
            'of a chunk'
        )


def _check_cameras(checkpoint: Checkpoint, metas: Metas) -> None:
    wanted = [*camera_sources(checkpoint).values()]
    for meta in metas:
        missing = [key for key in wanted if key not in meta.features]
        if missing:
            known = ', '.join(_pictures(meta.features)) or 'no pictures'
            raise ConfigError(
                f'dataset {meta.root}: got {known}, expected also {", ".join(missing)} as the '
                'policy takes them; rename the columns of the dataset, or train the checkpoint '
                "with LeRobot's rename_map"
            )


def _pictures(features: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [key for key, item in features.items() if item['dtype'] in ('video', 'image')]


def _check_facts(before: DatasetFacts, now: DatasetFacts) -> None:
    if before.joint_names != now.joint_names:
        raise ConfigError(
            f'joint names: got {_listed(now.joint_names)} in the datasets, expected '
            f'{_listed(before.joint_names)}, in this order, as the checkpoint was trained on; '
            'bring the columns of the datasets into that order, or start from another checkpoint'
        )
    if before.fps != now.fps:
        raise ConfigError(
            f'fps: got {now.fps:g} Hz in the datasets, expected {before.fps:g} Hz as the '
            'checkpoint was trained on: its rows would come at other times; record or convert at '
            'that rate'
        )


def _check_vector(
    checkpoint: Checkpoint, key: str, known: Statistics, meta: LeRobotDatasetMetadata | ArrayMeta
) -> None:
    """Check one vector's statistics against those of a dataset."""
    config = checkpoint.policy.config
    kind = (config.input_features | config.output_features)[key].type
    mode = config.normalization_mapping[kind.name]
    if mode is NormalizationMode.IDENTITY:
        return
    names, (low, high) = dataset_facts([meta]).joint_names, _DIVISORS[mode]
    used = {name: _numbers(known.get(key, {}).get(name)) for name in (low, high)}
    missing = [name for name, values in used.items() if not len(values)]
    if missing:
        raise ConfigError(
            f'checkpoint: {key}: got no {" and ".join(missing)}, expected the statistics that '
            f'{mode.value} needs: without them LeRobot normalises nothing; start from a '
            'checkpoint that was saved with its processors'
        )
    width = meta.features[key]['shape'][0]
    for name, values in used.items():
        if len(values) != width:
            raise ConfigError(
                f'checkpoint: {key}: got the {name} of {len(values)} joints, expected {width} as '
                f'in {meta.root}: it is of another robot; start from another checkpoint'
            )
    spread = used['std'] if high == 'std' else used[high] - used[low]
    joints = names if len(names) == width else tuple(f'joint {i}' for i in range(width))
    _check_spread(key, spread, high, joints)
    _check_alike(key, known.get(key, {}), meta, joints)


def _check_spread(key: str, spread: np.ndarray, name: str, joints: Sequence[str]) -> None:
    still = [joint for joint, value in zip(joints, spread, strict=True) if not 0 < value < np.inf]
    if still:
        raise ConfigError(
            f'{key}: got {_listed(still)} with no spread ({name}), expected joints that move: '
            'divided by that, the least motion is enormous; leave them out of the dataset, or '
            'write a spread that counts as still, such as 0.01, into its meta/stats.json'
        )


def _check_alike(
    key: str,
    known: Mapping[str, Any],
    meta: LeRobotDatasetMetadata | ArrayMeta,
    joints: Sequence[str],
) -> None:
    """Raise ConfigError where what normalises and the data are of different units or joints."""
    ours = {name: _numbers(known.get(name)) for name in ('mean', 'std')}
    theirs = {name: _numbers(meta.stats[key].get(name)) for name in ('mean', 'std')}
    if not all(len(values) == len(joints) for values in (*ours.values(), *theirs.values())):
        return
    ratio = float(np.median(theirs['std'] / np.maximum(ours['std'], 1e-9)))
    if not 1 / FACTOR < ratio < FACTOR:
        raise ConfigError(
            f'{key}: got joints that move {ratio:.3g} times as far in {meta.root} as the '
            'checkpoint is normalised for, expected the same unit in both: degrees and rad? '
            'Convert the dataset, or train from a checkpoint in its unit'
        )
    away = np.abs(theirs['mean'] - ours['mean']) / np.maximum(ours['std'], 1e-9)
    worst = int(away.argmax())
    if away[worst] > FAR:
        raise ConfigError(
            f'{key}: got {joints[worst]} around {theirs["mean"][worst]:.3g} in {meta.root}, '
            f'expected {ours["mean"][worst]:.3g} +- {ours["std"][worst]:.2g} as the checkpoint '
            'is normalised for: another joint, another zero or another unit; calibrate the arm '
            'as it was, or convert the dataset'
        )


def _check_instructions(
    preprocess: PolicyProcessorPipeline, meta: LeRobotDatasetMetadata | ArrayMeta
) -> None:
    """Raise ConfigError for what a policy with language would be told only half, or nothing of."""
    step = next((s for s in preprocess.steps if isinstance(s, TokenizerProcessorStep)), None)
    if step is None:
        return
    texts = [str(text) for text in meta.tasks.index]
    if not any(text.strip() for text in texts):
        raise ConfigError(
            f'dataset {meta.root}: got no instruction, expected what the arm does, in words: the '
            'policy reads them; record with an instruction, or write it into meta/tasks.parquet'
        )
    for text in texts:
        tokens = len(step.input_tokenizer(text if text.endswith('\n') else f'{text}\n').input_ids)
        if tokens > step.max_length:
            raise ConfigError(
                f'dataset {meta.root}: got the instruction {text!r} of {tokens} tokens, expected '
                f'at most {step.max_length} (tokenizer_max_length): the policy would not read '
                'its end; say it in fewer words'
            )


def _numbers(values: Any) -> np.ndarray:
    return np.zeros(0) if values is None else np.asarray(values, np.float64).ravel()


def _listed(names: Collection[str]) -> str:
    return ', '.join(names) or 'none'

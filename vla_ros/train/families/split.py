# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A policy cut into blocks: what every family's file hands to the export."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lerobot.configs import FeatureType
from lerobot.processor import (
    AddBatchDimensionProcessorStep,
    DeviceProcessorStep,
    NewLineTaskProcessorStep,
    NormalizerProcessorStep,
    RenameObservationsProcessorStep,
    TokenizerProcessorStep,
    UnnormalizerProcessorStep,
)
from torch import nn

from vla_ros.core.errors import ConfigError
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.frames import ACTION, STATE
from vla_ros.train.onnx_file import Axes

# what LeRobot does around a policy, and the blocks and their stages do, too
STEPS = (
    AddBatchDimensionProcessorStep,
    DeviceProcessorStep,
    NewLineTaskProcessorStep,
    NormalizerProcessorStep,
    RenameObservationsProcessorStep,
    TokenizerProcessorStep,
    UnnormalizerProcessorStep,
)


class Affine(NamedTuple):
    """A normalisation: normalised = (raw - offset) / scale, (channels,) float32 each."""

    offset: torch.Tensor
    scale: torch.Tensor


@dataclass(frozen=True)
class Model:
    """One block as it will be written."""

    module: nn.Module
    inputs: Mapping[str, torch.Tensor]  # examples, by name
    outputs: tuple[str, ...]
    axes: Axes = field(default_factory=dict)  # sizes that may vary
    runs: int = 1  # for one answer


def _nothing(folder: Path) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Split:
    """The blocks of a policy, and what belongs beside them."""

    blocks: Mapping[str, Model]
    images: Mapping[str, Affine]  # camera key -> of pictures scaled to 0..1
    # writes further files into the folder of the bundle; returns further entries of policy.json
    write_files: Callable[[Path], Mapping[str, Any]] = _nothing


@dataclass(frozen=True)
class SplitOptions:
    """How a policy is split."""

    folded: bool = True  # what never changes is computed once
    noise_scale: float = 1.0  # of the noise that a flow starts from where nobody says otherwise
    held_rows: int = 0  # finished rows that a flow began with in training, at most
    words: int | None = None  # tokens of an instruction; None: as many as the policy reads


def check_inputs(
    checkpoint: Checkpoint, cameras: Collection[str], read: Collection[FeatureType] = ()
) -> None:
    """
    Raise ConfigError unless the policy looks at pictures and at the state of the joints alone.

    ``read`` are kinds of inputs that it reads besides. Others LeRobot names as inputs where the
    data have them, and its policy never looks at them.
    """
    inputs = checkpoint.policy.config.input_features
    if STATE not in inputs or not cameras or any(item.type in read for item in inputs.values()):
        raise ConfigError(
            f'policy: got inputs {sorted(inputs)}, expected {STATE} and one or '
            'more observation.images.<camera>; train it on these alone'
        )
    for pipeline in (checkpoint.preprocess, checkpoint.postprocess):
        for step in pipeline.steps:
            if type(step) not in STEPS and getattr(step, 'enabled', True):
                name = getattr(type(step), '_registry_name', type(step).__name__)
                raise ConfigError(
                    f'{pipeline.name}: got the step {name}, which no block computes, expected '
                    'those that normalise, rename, tokenize and move; train without it'
                )


def input_normalisation(checkpoint: Checkpoint, cameras: Collection[str]) -> dict[str, Affine]:
    """Return what the preprocessor does to the state and, per channel, to each camera."""
    known = checkpoint.policy.config.input_features
    features = {key: known[key] for key in (STATE, *cameras)}

    def normalised(value: float) -> Mapping[str, torch.Tensor]:
        probe = {
            key: torch.full((1, *_probe_shape(feature.shape)), value, dtype=torch.float64)
            for key, feature in features.items()
        }
        return checkpoint.preprocess({**probe, 'task': ['']})

    zeros, ones = normalised(0.0), normalised(1.0)
    return {key: _affine(zeros[key].flatten(), ones[key].flatten()) for key in features}


def output_normalisation(checkpoint: Checkpoint) -> Affine:
    """Return what the postprocessor undoes."""
    count = checkpoint.policy.config.output_features[ACTION].shape[0]
    zeros = checkpoint.postprocess(torch.zeros(1, count, dtype=torch.float64))[0].double()
    ones = checkpoint.postprocess(torch.ones(1, count, dtype=torch.float64))[0].double()
    return Affine(zeros.float(), (ones - zeros).float())


def _probe_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], 1, 1) if len(shape) == 3 else tuple(shape)


def _affine(at_zero: torch.Tensor, at_one: torch.Tensor) -> Affine:
    """Return the normalisation that maps 0 and 1 to these."""
    scale = 1 / (at_one.double() - at_zero.double())
    return Affine((-at_zero.double() * scale).float(), scale.float())

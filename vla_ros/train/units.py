# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A checkpoint that was trained in other units, as one that takes and gives rad.

A policy sees joints only normalised, and its answers are undone from there. Where rad are
``scale * given + offset``, statistics that are converted alike give the same normalised numbers
for the same pose: nothing of the policy itself changes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lerobot.configs import NormalizationMode
from lerobot.processor import PolicyProcessorPipeline
from lerobot.processor.normalize_processor import hotswap_stats

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.core.units import RAD, Conversion, to_rad
from vla_ros.dataset.stored import stored_bounds
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.frames import ACTION, STATE

_SPREADS, _COUNTS = ('std',), ('count',)  # statistics that are no positions


def find_conversions(
    checkpoint: Checkpoint, units: str, joint_names: tuple[str, ...], robot: RobotSpec | None
) -> dict[str, Conversion]:
    """
    Return the way to rad of states and actions, which are in ``units``; '' is not known.

    Raises ConfigError as `to_rad` does, by the statistics that the checkpoint normalises with.
    """
    stats = statistics(checkpoint.preprocess)
    return {
        key: to_rad(f'checkpoint: {key}', units, joint_names, stored_bounds(stats, key), robot)
        for key in (STATE, ACTION)
    }


def in_rad(checkpoint: Checkpoint, conversions: Mapping[str, Conversion]) -> Checkpoint:
    """
    Return the checkpoint that gives the same actions, in rad, for the same states, in rad.

    Raises ConfigError where joints are not normalised, for then nothing can be converted.
    """
    if all((c.scale == 1.0).all() and (c.offset == 0.0).all() for c in conversions.values()):
        return checkpoint
    for name, mode in checkpoint.policy.config.normalization_mapping.items():
        if name in ('STATE', 'ACTION') and mode is NormalizationMode.IDENTITY:
            raise ConfigError(
                f'checkpoint: got {name} that is not normalised, expected it to be where units '
                f'are not {RAD}; convert the data and train again'
            )
    return Checkpoint(
        checkpoint.policy,
        _swapped(checkpoint.preprocess, conversions),
        _swapped(checkpoint.postprocess, conversions),
    )


def _swapped(
    pipeline: PolicyProcessorPipeline, conversions: Mapping[str, Conversion]
) -> PolicyProcessorPipeline:
    """Return processors that normalise with converted statistics of the joints."""
    stats = {
        key: _converted(values, conversions[key]) if key in conversions else dict(values)
        for key, values in statistics(pipeline).items()
    }
    return hotswap_stats(pipeline, stats)


def statistics(pipeline: PolicyProcessorPipeline) -> dict[str, dict[str, torch.Tensor]]:
    """Return what the processors normalise with, by feature and by name."""
    stats: dict[str, dict[str, torch.Tensor]] = {}
    for step in pipeline.steps:
        for name, value in step.state_dict().items() if hasattr(step, 'norm_map') else ():
            key, _, statistic = name.rpartition('.')
            stats.setdefault(key, {})[statistic] = value
    return stats


def _converted(values: Mapping[str, torch.Tensor], conversion: Conversion) -> dict[str, Any]:
    """Return the statistics of one vector in rad."""
    converted: dict[str, Any] = {}
    for name, value in values.items():
        given = np.asarray(value.cpu(), np.float64)
        if name in _COUNTS:
            converted[name] = value
        elif name in _SPREADS:
            converted[name] = given * conversion.scale
        else:
            converted[name] = conversion(given)
    return converted

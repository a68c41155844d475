# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far the actions of a policy are from those of another one, on recorded observations."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.samples import Sample
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import PolicySpec


@dataclass(frozen=True)
class ActionError:
    """
    Differences of action chunks, in standard deviations of the data's actions.

    That makes joints comparable: 0.01 is a hundredth of how much a joint moves in the data.
    """

    samples: int
    mae: float  # mean absolute error
    rms: float  # root mean square; more than mae where a few are large
    worst: float  # mean absolute error of the worst sample
    cosine: float  # similarity of the chunks, mean; 1 is the same direction
    radians: float  # largest difference of all, in rad
    bias: tuple[float, ...]  # mean signed error of each joint, in rad: no closed loop averages it
    by_step: tuple[float, ...]  # mean absolute error of each row of the chunk
    by_joint: tuple[float, ...]  # of each joint

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def predict_all(policy: Policy, samples: Sequence[Sample]) -> np.ndarray:
    """Return the actions (samples, chunk, joints) in rad for recorded observations."""
    answers = (
        policy.predict(sample.images, sample.state, sample.instruction, number)[0]
        for number, sample in enumerate(samples)
    )
    return np.stack([actions.astype(float) for actions in answers])


def action_error(reference: np.ndarray, actions: np.ndarray, spec: PolicySpec) -> ActionError:
    """Return how far ``actions`` are from ``reference``, both (samples, chunk, joints) in rad."""
    if reference.shape != actions.shape or not len(reference):
        raise ConfigError(
            f'actions: got shape {actions.shape}, expected {reference.shape} and at least one '
            'sample; compare bundles of one policy'
        )
    facts = spec.statistics['action']
    mean, scale = np.array(facts['mean']), np.maximum(np.array(facts['std']), 1e-6)
    signed = actions - reference
    differences = np.abs(signed) / scale
    return ActionError(
        samples=len(reference),
        mae=float(differences.mean()),
        rms=float(np.sqrt(np.square(differences).mean())),
        worst=float(differences.mean(axis=(1, 2)).max()),
        cosine=float(_cosine((reference - mean) / scale, (actions - mean) / scale).mean()),
        radians=float(np.abs(signed).max()),
        bias=tuple(signed.mean(axis=(0, 1)).tolist()),
        by_step=tuple(differences.mean(axis=(0, 2)).tolist()),
        by_joint=tuple(differences.mean(axis=(0, 1)).tolist()),
    )


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine similarity of each row; 1 where both are zero."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.where(lengths > 0, (a * b).sum(axis=1) / np.maximum(lengths, 1e-30), 1.0)

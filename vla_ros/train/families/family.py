# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What differs between the kinds of LeRobot policies; each kind has a file, named here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from lerobot.configs import FeatureType, PolicyFeature, PreTrainedConfig
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.utils.feature_utils import dataset_to_policy_features

from vla_ros.core.errors import ConfigError
from vla_ros.train.families.eye import Eye
from vla_ros.train.families.registry import FAMILIES
from vla_ros.train.optimizers import MuonAndAdamW
from vla_ros.train.training_plan import TrainingPlan

if TYPE_CHECKING:
    from vla_ros.train.checkpoint import Checkpoint
    from vla_ros.train.families.split import Split, SplitOptions

Features = dict[str, PolicyFeature]

# returns what a policy's vision encoder makes of the pictures of a normalised batch
FeatureMaps = Callable[[PreTrainedPolicy, dict[str, Any]], torch.Tensor]


@dataclass(frozen=True)
class FlowSampling:
    """What a policy that denoises learns from, for each frame."""

    samples: int = 1  # of noise and time
    held_rows: int = 0  # at most so many rows are finished already, and only the rest is learned


ONE_SAMPLE = FlowSampling()


class Size(Protocol):
    """What one chooses of a new policy."""

    type: ClassVar[str]  # LeRobot's name for the kind

    def config(self, features: dict[str, dict], device: str) -> PreTrainedConfig:
        """Return LeRobot's configuration for a dataset with these ``features``."""


class Family:
    """Trains a policy as LeRobot does; a kind that needs more overrides what it must."""

    # whether a checkpoint that says nothing of its data is a foundation, which takes on the
    # cameras, the joints and the statistics of the datasets
    general = False
    denoises = False  # whether it draws noise, and learns from several samples of it
    folds = False  # whether ``SplitOptions.folded`` makes a difference
    normalises_by_batch = False  # whether a vision encoder that learns does
    learning_rate: float  # the highest, where nobody says otherwise

    def size(self, chosen: Mapping[str, Any]) -> Size:
        """Return what makes a new policy; of ``chosen``, options of `vla_ros train`, its own."""
        raise NotImplementedError

    def split(self, checkpoint: 'Checkpoint', options: 'SplitOptions') -> 'Split':
        """Return the blocks of a policy; raise ConfigError for one that can't be split exactly."""
        raise NotImplementedError

    def untrained(
        self, features: dict[str, dict], stats: dict[str, dict], folder: Path
    ) -> 'Checkpoint':
        """
        Return a policy of the kind's usual size with random weights, to measure how fast it is.

        ``features`` and ``stats`` are those of a dataset; what it needs beside it goes to
        ``folder``, which need not be there.
        """
        raise NotImplementedError

    def cameras(self, config: PreTrainedConfig) -> dict[str, PolicyFeature]:
        """Return the cameras whose pictures a policy takes."""
        return config.image_features

    def answer(
        self, policy: PreTrainedPolicy, batch: dict[str, Any], sequence: int
    ) -> torch.Tensor:
        """Return the actions (n, chunk, joints), normalised, that answer a request's batch."""
        return policy.predict_action_chunk(batch)

    def localise(self, config: PreTrainedConfig, vlm: str | None) -> None:
        """Have ``config`` name the vision-language model that is on this machine."""

    def overrides(self, config: PreTrainedConfig) -> dict[str, dict[str, Any]]:
        """Return what a saved preprocessor takes from ``config`` instead."""
        return {}

    def average_untaught_words(self, checkpoint: 'Checkpoint', instructions: Sequence[str]) -> int:
        """
        Have tokens that no instruction has read, in place, as the mean of those that one has.

        Return how many these are; raise ConfigError for a policy that reads no words.
        """
        raise ConfigError(
            f'average_untaught_words: got a policy of type {checkpoint.policy.config.type}, which '
            'reads no words, expected smolvla; leave it out'
        )

    def freeze_vision(self, policy: PreTrainedPolicy) -> FeatureMaps:
        """
        Freeze the vision encoder and return the function that shows it a batch.

        Raise ConfigError where the checkpoint decides what is frozen.
        """
        raise _only_for_act('freeze_vision', policy)

    def eye(self, policy: PreTrainedPolicy) -> Eye:
        """Return the vision encoder of a policy, to be taught; or raise ConfigError."""
        raise ConfigError(
            f'pretrain: got a policy of type {policy.config.type}, whose vision encoder nobody '
            'can teach yet, expected act or smolvla'
        )

    def ask_places(self, policy: PreTrainedPolicy, things: int, plan: TrainingPlan) -> None:
        """
        Have a policy's loss ask where ``things`` are, as the plan says, of batches with labels.

        What answers is trained with the policy and is none of its parts. Raise ConfigError where
        there is nothing to ask.
        """
        raise ConfigError(
            f'place_weight: got it for a policy of type {policy.config.type}, expected act; '
            'leave it out'
        )

    def freeze_normalisation(self, policy: PreTrainedPolicy) -> None:
        """Have a prepared policy normalise as it will when it is used; or raise ConfigError."""
        raise _only_for_act('freeze_normalisation', policy)

    def thaw(self, policy: PreTrainedPolicy) -> None:
        """Have learned, in place, what LeRobot freezes although the policy depends on it."""

    def prepare(self, policy: PreTrainedPolicy) -> None:
        """Make a copy of a policy fit to be trained, in place."""

    def optimizer(
        self, policy: PreTrainedPolicy, plan: TrainingPlan
    ) -> torch.optim.Optimizer | MuonAndAdamW:
        """Return the optimizer of what is trained; the plan sets its rate at each step."""
        if plan.muon:
            named = [(n, value) for n, value in policy.named_parameters() if value.requires_grad]
            return MuonAndAdamW(named, plan.learning_rate, plan.weight_decay)
        return torch.optim.AdamW(
            trained(policy), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )

    def loss(
        self, policy: PreTrainedPolicy, batch: dict[str, Any], flow: FlowSampling = ONE_SAMPLE
    ) -> torch.Tensor:
        """Return the loss of a normalised batch; ``flow`` is for a policy that denoises."""
        return policy.forward(batch)[0]

    def finish(self, average: PreTrainedPolicy, batch: dict[str, Any]) -> None:
        """Fit the averaged weights for being saved, with a normalised batch at hand."""


def _only_for_act(option: str, policy: PreTrainedPolicy) -> ConfigError:
    return ConfigError(
        f'{option}: got it for a policy of type {policy.config.type}, expected act; others say in '
        'their own configuration what is frozen'
    )


def split_features(features: dict[str, dict]) -> tuple[Features, Features]:
    """Return the inputs and the outputs of a policy for a dataset with these ``features``."""
    known = dataset_to_policy_features(features)
    outputs = {key: item for key, item in known.items() if item.type is FeatureType.ACTION}
    return {key: item for key, item in known.items() if key not in outputs}, outputs


def trained(policy: PreTrainedPolicy) -> list[torch.nn.Parameter]:
    """Return the parameters that are not frozen."""
    return [parameter for parameter in policy.parameters() if parameter.requires_grad]


def family_of(kind: str, where: str | Path = 'policy') -> Family:
    """Return what trains policies of a kind; raise ConfigError where none does."""
    if kind not in FAMILIES:
        raise ConfigError(
            f'{where}: got a policy of type {kind!r}, expected one of {", ".join(FAMILIES)}'
        )
    family: Family = import_module(FAMILIES[kind]).FAMILY
    return family

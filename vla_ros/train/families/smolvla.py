# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's own SmolVLA: a frozen vision-language model, and an action expert that is trained.

LeRobot builds the vision-language model from a folder with SmolVLM2's config.json, processor and
tokenizer, which it otherwise fetches from the Hugging Face hub. Its weights lie in that folder
too, or in the checkpoint that training starts from.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from lerobot.configs import PolicyFeature, PreTrainedConfig
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from transformers import AutoConfig

from vla_ros.core.config import config_names, find_config
from vla_ros.core.errors import ConfigError
from vla_ros.policy.flow import noise
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.families.eye import Eye
from vla_ros.train.families.family import (
    ONE_SAMPLE,
    Family,
    FeatureMaps,
    FlowSampling,
    split_features,
    trained,
)
from vla_ros.train.families.smolvla_eye import smolvla_eye
from vla_ros.train.families.smolvla_loss import feature_maps, flow_loss
from vla_ros.train.families.smolvla_split import real_cameras, split
from vla_ros.train.families.smolvla_words import average_untaught_words
from vla_ros.train.families.split import Split, SplitOptions
from vla_ros.train.frames import ACTION
from vla_ros.train.training_plan import TrainingPlan

VLM = SmolVLAConfig.vlm_model_name  # on the hub


@dataclass(frozen=True)
class SmolVlaSize:
    """What one chooses of a SmolVLA that starts without a checkpoint of its own."""

    chunk_size: int = 50
    vlm: str = VLM

    type: ClassVar[str] = 'smolvla'

    def config(self, features: dict[str, dict], device: str) -> SmolVLAConfig:
        """Return LeRobot's configuration for a dataset with these ``features``."""
        inputs, outputs = split_features(features)
        vlm = find_vlm(self.vlm)
        model = AutoConfig.from_pretrained(vlm)
        weights = has_weights(vlm)
        if not weights:
            logging.getLogger(__name__).warning(
                f'{vlm}: holds no weights; the vision-language model starts untrained'
            )
        side = model.vision_config.image_size
        return SmolVLAConfig(
            input_features=inputs,
            output_features=outputs,
            chunk_size=self.chunk_size,
            n_action_steps=self.chunk_size,
            vlm_model_name=vlm,
            load_vlm_weights=weights,
            # what was never trained must not stay frozen
            freeze_vision_encoder=weights,
            train_expert_only=weights,
            num_vlm_layers=min(SmolVLAConfig.num_vlm_layers, model.text_config.num_hidden_layers),
            resize_imgs_with_padding=(side, side),
            # the published weights have room for other arms; what starts from nothing needs none
            max_action_dim=SmolVLAConfig.max_action_dim if weights else outputs[ACTION].shape[0],
            device=device,
            push_to_hub=False,
        )


class SmolVla(Family):
    """Trains SmolVLA with LeRobot's own loss and optimizer."""

    general = True
    denoises = True
    learning_rate = 1e-4  # LeRobot's

    def size(self, chosen: Mapping[str, Any]) -> SmolVlaSize:
        """Return the chunk's size and the vision-language model."""
        own = ('chunk_size', 'vlm')
        return SmolVlaSize(**{name: chosen[name] for name in own if chosen.get(name)})

    def split(self, checkpoint: Checkpoint, options: SplitOptions) -> Split:
        """Return vision tower, prefill and denoising step."""
        return split(checkpoint, options)

    def untrained(
        self, features: dict[str, dict], stats: dict[str, dict], folder: Path
    ) -> Checkpoint:
        """Return one of the published size."""
        from vla_ros.train.families.smolvla_untrained import untrained

        return untrained(features, stats, folder)

    def cameras(self, config: PreTrainedConfig) -> dict[str, PolicyFeature]:
        """Return the cameras that are not empty."""
        return real_cameras(config)

    def answer(
        self, policy: PreTrainedPolicy, batch: dict[str, Any], sequence: int
    ) -> torch.Tensor:
        """Return what the noise of a request leads to, which is that of the bundle's policy."""
        config = policy.config
        start = noise(0, sequence, config.chunk_size, config.max_action_dim)
        drawn = torch.from_numpy(start)[None].to(config.device)
        return policy.predict_action_chunk(dict(batch), noise=drawn)

    def localise(self, config: PreTrainedConfig, vlm: str | None) -> None:
        """Take the vision-language model from ``vlm``, and its weights from the checkpoint."""
        config.vlm_model_name = find_vlm(vlm or config.vlm_model_name)
        config.load_vlm_weights = False

    def overrides(self, config: PreTrainedConfig) -> dict[str, dict[str, Any]]:
        """Take the tokenizer of the vision-language model."""
        return {'tokenizer_processor': {'tokenizer_name': config.vlm_model_name}}

    def average_untaught_words(self, checkpoint: Checkpoint, instructions: Sequence[str]) -> int:
        """Change the embedding of the words."""
        return average_untaught_words(checkpoint, instructions)

    def freeze_vision(self, policy: PreTrainedPolicy) -> FeatureMaps:
        """Freeze the vision tower; what it saw is kept, after the connector if that is frozen."""
        policy.config.freeze_vision_encoder = True
        model = policy.model.vlm_with_expert
        model.freeze_vision_encoder = True
        model.get_vlm_model().vision_model.requires_grad_(False)
        return feature_maps

    def eye(self, policy: PreTrainedPolicy) -> Eye:
        """Return the vision tower."""
        return smolvla_eye(policy)

    def loss(
        self, policy: PreTrainedPolicy, batch: dict[str, Any], flow: FlowSampling = ONE_SAMPLE
    ) -> torch.Tensor:
        """Return LeRobot's loss, in the mean over several samples of noise and time."""
        return flow_loss(policy, batch, flow)

    def thaw(self, policy: PreTrainedPolicy) -> None:
        """
        Have the last layer's keys and values learned where the vision-language model learns.

        LeRobot freezes all of that layer as unused, but the expert reads its keys and values:
        from scratch they would stay random.
        """
        if policy.config.train_expert_only:
            return
        last = policy.model.vlm_with_expert.get_vlm_model().text_model.layers[-1]
        for module in (last.input_layernorm, last.self_attn.k_proj, last.self_attn.v_proj):
            module.requires_grad_(True)

    def optimizer(self, policy: PreTrainedPolicy, plan: TrainingPlan) -> torch.optim.Optimizer:
        """Return the optimizer that LeRobot presets for SmolVLA."""
        return policy.config.get_optimizer_preset().build(trained(policy))


FAMILY = SmolVla()


def find_vlm(name: str) -> str:
    """
    Return the folder of the vision-language model ``name``, downloaded before where need be.

    Raise ConfigError where it is neither a folder, nor one of config/vlm, nor to be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if (Path(name) / 'config.json').is_file():
        return str(Path(name).resolve())
    if name in config_names('vlm'):
        return str(find_config('vlm', name).resolve())
    try:
        snapshot_download(name, allow_patterns=['*.json', '*.txt'])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        raise ConfigError(
            f'vision-language model: got {name}, expected a folder with its config.json, '
            'tokenizer and processor, or one that can be downloaded; copy it to this machine and '
            'give its folder: --vlm FOLDER'
        ) from None
    return name


def has_weights(vlm: str) -> bool:
    """Return whether the vision-language model brings weights; one of the hub always does."""
    return not Path(vlm).is_dir() or any(Path(vlm).glob('*.safetensors'))

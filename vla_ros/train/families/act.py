# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's own ACT, made fit to be trained from scratch.

LeRobot freezes the batch normalisation of the ResNet, which suits pretrained weights. Without
them it is the identity, and a ResNet without normalisation learns badly. So while training the
layers are real ones; a checkpoint holds their values in LeRobot's frozen layers again, and any
LeRobot installation loads it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import torch
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from torch import nn
from torchvision.ops.misc import FrozenBatchNorm2d

from vla_ros.core.errors import ConfigError
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.families.act_blocks import split
from vla_ros.train.families.act_places import Teller, loss_with_places
from vla_ros.train.families.eye import Eye
from vla_ros.train.families.family import (
    ONE_SAMPLE,
    Family,
    FeatureMaps,
    FlowSampling,
    split_features,
)
from vla_ros.train.families.split import Split, SplitOptions
from vla_ros.train.maps import MAPS
from vla_ros.train.training_plan import TrainingPlan

STRIDE = 32  # px, between the cells of the ResNet's last map


@dataclass(frozen=True)
class ActSize:
    """The parts of ACT's configuration that one chooses; names and meaning are LeRobot's."""

    chunk_size: int = 100
    dim_model: int = 256
    dim_feedforward: int = 1024
    n_heads: int = 8
    n_encoder_layers: int = 4
    n_decoder_layers: int = 1
    n_vae_encoder_layers: int = 4
    use_vae: bool = False
    dropout: float = 0.0
    vision_backbone: str = 'resnet18'
    pretrained_backbone_weights: str | None = None

    type: ClassVar[str] = 'act'

    def config(self, features: dict[str, dict], device: str) -> ACTConfig:
        """Return LeRobot's configuration for a dataset with these ``features``."""
        inputs, outputs = split_features(features)
        return ACTConfig(
            input_features=inputs,
            output_features=outputs,
            n_action_steps=self.chunk_size,
            device=device,
            push_to_hub=False,
            **vars(self),
        )


USUAL = ActSize(dim_model=512, dim_feedforward=3200)  # LeRobot's defaults


class Act(Family):
    """Trains ACT with normalisation layers that learn, unless its ResNet is a pretrained one."""

    learning_rate = 3e-4
    folds = True
    normalises_by_batch = True

    def size(self, chosen: Mapping[str, Any]) -> ActSize:
        """Return ACT's size; the width of its hidden layers follows that of the model."""
        known = {item.name for item in fields(ActSize)}
        own = {name: chosen[name] for name in known if chosen.get(name) is not None}
        width = own.get('dim_model', ActSize.dim_model)
        return ActSize(**{'dim_feedforward': 4 * width, **own})

    def split(self, checkpoint: Checkpoint, options: SplitOptions) -> Split:
        """Return ResNet, encoder and decoder."""
        return split(checkpoint, options)

    def untrained(
        self, features: dict[str, dict], stats: dict[str, dict], folder: Path
    ) -> Checkpoint:
        """Return an ACT of LeRobot's usual size."""
        policy = ACTPolicy(USUAL.config(features, 'cpu'))
        # else its biases are all zero, and the export stores them once
        calibrate_frozen_batch_norm(policy.model.backbone, torch.randn(2, 3, 128, 128))
        return Checkpoint(policy, *make_pre_post_processors(policy.config, dataset_stats=stats))

    def eye(self, policy: ACTPolicy) -> Eye:
        """Return the ResNet."""
        backbone = policy.model.backbone

        def see(images: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
            laid_out = [each.contiguous(memory_format=torch.channels_last) for each in images]
            return _feature_maps(backbone, laid_out)

        return Eye(backbone, policy.model.encoder_img_feat_input_proj.in_channels, see)

    def freeze_vision(self, policy: ACTPolicy) -> FeatureMaps:
        """Freeze the ResNet."""
        policy.model.backbone.requires_grad_(False)
        return feature_maps

    def freeze_normalisation(self, policy: ACTPolicy) -> None:
        """Normalise with the values of the checkpoint instead of those of each batch."""
        policy.model.backbone.eval()

    def ask_places(self, policy: ACTPolicy, things: int, plan: TrainingPlan) -> None:
        """Ask the first token of the memory, in which there is nothing else without a VAE."""
        if policy.config.use_vae:
            raise ConfigError(
                'place_weight: got it for an ACT with use_vae, whose first token is taken; leave '
                'one of them out'
            )
        sizes = [tuple(f.shape[1:]) for f in policy.config.image_features.values()]
        width = policy.config.dim_model
        policy.teller = Teller(width, sizes, things, plan.place_weight, plan.place_alone)
        policy.teller.to(policy.config.device)

    def prepare(self, policy: ACTPolicy) -> None:
        """
        Thaw the ResNet's normalisation, and lay its weights out for speed.

        Pictures of several sizes don't go through the ResNet together: what would normalise all of
        a batch is not known then, and the values of the checkpoint are kept.
        """
        if _from_scratch(policy):
            thaw_batch_norm(policy.model.backbone)
            if len(_picture_sizes(policy)) > 1:
                policy.model.backbone.eval()
        policy.model.backbone.to(memory_format=torch.channels_last)

    def loss(
        self, policy: ACTPolicy, batch: dict[str, torch.Tensor], flow: FlowSampling = ONE_SAMPLE
    ) -> torch.Tensor:
        """Return LeRobot's loss, with one pass of the ResNet for all cameras."""
        return training_loss(policy, batch)

    def finish(self, average: ACTPolicy, batch: dict[str, torch.Tensor]) -> None:
        """Set the frozen normalisation to what the averaged weights make of the batch."""
        images = [batch[key] for key in average.config.image_features]
        if _from_scratch(average) and len(_picture_sizes(average)) == 1:
            calibrate_frozen_batch_norm(average.model.backbone, torch.cat(images))


def thaw_batch_norm(module: nn.Module) -> None:
    """Replace LeRobot's frozen batch normalisation by layers that learn, value for value."""
    for name, child in module.named_children():
        if isinstance(child, FrozenBatchNorm2d):
            layer = nn.BatchNorm2d(len(child.weight), eps=child.eps, device=child.weight.device)
            layer.load_state_dict(child.state_dict(), strict=False)
            setattr(module, name, layer)
        else:
            thaw_batch_norm(child)


@torch.no_grad()
def calibrate_frozen_batch_norm(backbone: nn.Module, images: torch.Tensor) -> None:
    """
    Set each frozen layer's mean and variance to those of its own input for ``images``.

    ``images`` are (n, 3, height, width), normalised. The layers are set in the order in which
    the pictures pass them, so that each one sees what it will see.
    """
    hooks = [
        layer.register_forward_pre_hook(_measure)
        for layer in backbone.modules()
        if isinstance(layer, FrozenBatchNorm2d)
    ]
    try:
        backbone(images)
    finally:
        for hook in hooks:
            hook.remove()


def training_loss(policy: ACTPolicy, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """
    Return LeRobot's loss of a normalised batch, with one pass of the ResNet for all cameras.

    LeRobot passes camera after camera; batch statistics of one camera are not what a layer that
    is frozen afterwards, with the same values for all, will use. A policy that is asked for places
    (`Act.ask_places`) is shown more frames than it has actions of.
    """
    keys = list(policy.config.image_features)
    maps: Sequence[torch.Tensor]
    if MAPS in batch:
        maps = _unpacked(policy, batch[MAPS])
    else:
        maps = _feature_maps(policy.model.backbone, [batch[key] for key in keys])
    seen = {**batch, **dict(zip(keys, maps, strict=True))}

    def forward() -> torch.Tensor:
        with _given_features(policy.model):
            loss, _ = policy.forward(seen)
        return loss

    teller = getattr(policy, 'teller', None)
    return loss_with_places(policy.model, teller, batch, forward) if teller else forward()


@torch.no_grad()
def feature_maps(policy: ACTPolicy, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """
    Return what the ResNet makes of the pictures of a normalised batch.

    That is (n, channels, cells of all cameras); `training_loss` takes it as ``batch[MAPS]``.
    """
    keys = policy.config.image_features
    maps = _feature_maps(policy.model.backbone, [batch[key] for key in keys])
    return torch.cat([each.flatten(2) for each in maps], dim=2)


def map_size(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of cells of the ResNet's last map."""
    return -(-height // STRIDE), -(-width // STRIDE)


def _from_scratch(policy: ACTPolicy) -> bool:
    return policy.config.pretrained_backbone_weights is None


def _picture_sizes(policy: ACTPolicy) -> set[tuple[int, ...]]:
    return {tuple(feature.shape[1:]) for feature in policy.config.image_features.values()}


def _unpacked(policy: ACTPolicy, maps: torch.Tensor) -> list[torch.Tensor]:
    """Return the map (n, channels, height, width) of each camera."""
    sizes = [map_size(*f.shape[1:]) for f in policy.config.image_features.values()]
    parts = maps.split([height * width for height, width in sizes], dim=2)
    return [part.unflatten(2, size) for part, size in zip(parts, sizes, strict=True)]


def _measure(layer: FrozenBatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
    variance, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3), correction=0)
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)


def _feature_maps(backbone: nn.Module, images: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    if len({image.shape for image in images}) > 1:  # cameras of different sizes
        return [backbone(image)['feature_map'] for image in images]
    return backbone(torch.cat(list(images)))['feature_map'].chunk(len(images))


class _GivenFeatures(nn.Module):
    """Stands for the ResNet where what comes in has passed it already."""

    def forward(self, feature_map: torch.Tensor) -> dict[str, torch.Tensor]:
        return {'feature_map': feature_map}


@contextmanager
def _given_features(model: nn.Module) -> Iterator[None]:
    backbone = model.backbone
    model.backbone = _GivenFeatures()
    try:
        yield
    finally:
        model.backbone = backbone


FAMILY = Act()

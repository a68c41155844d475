# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's ACT as three modules in a row, with the normalisation inside, made for inference.

vision_encoder: ResNet and projection, any number of pictures. llm_backbone: transformer encoder
over latent, state and picture tokens. action_expert: transformer decoder. What does not depend on
the observation is computed once and stored: positions, the latent token, the normalisation
layers of the ResNet, and the first self-attention of the decoder, whose input is constant.
"""

import copy
from typing import Any

import torch
from lerobot.configs import FeatureType
from lerobot.policies.act.modeling_act import ACT, ACTPolicy
from torch import nn
from torchvision.ops.misc import FrozenBatchNorm2d

from vla_ros.core.errors import ConfigError
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.families.split import (
    Affine,
    Model,
    Split,
    SplitOptions,
    check_inputs,
    input_normalisation,
    output_normalisation,
)
from vla_ros.train.frames import STATE


class VisionEncoder(nn.Module):
    """Raw pictures of any cameras to features."""

    def __init__(self, model: ACT, folded: bool = True) -> None:
        """Take the ResNet, with its normalisation layers ``folded`` or not, and the projection."""
        super().__init__()
        self.backbone = copy.deepcopy(model.backbone)
        if folded:
            fold_batch_norm(self.backbone)
        sizes = {tuple(item.shape[1:]) for item in model.config.image_features.values()}
        self.size = sizes.pop() if len(sizes) == 1 else None  # px: (height, width)
        self.projection = model.encoder_img_feat_input_proj

    def forward(self, image: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        """
        Map (n, height, width, 3) uint8 and the (n, 3) statistics to (n, tokens, dim).

        Whole rows are normalised: three channels at a time would not fill a processor's registers.
        """
        height, width = self.size or image.shape[1:3]
        pixels = torch.ones(width, 1)  # channels next to each other, as in a row of a picture
        scale, shift = ((pixels * x[:, None]).flatten(1) for x in (1 / (255 * std), mean / std))
        rows = image.reshape(-1, height, 3 * width).float() * scale[:, None] - shift[:, None]
        x = rows.reshape(-1, height, width, 3).permute(0, 3, 1, 2)
        x = self.projection(self.backbone(x)['feature_map'])
        return x.flatten(2).transpose(1, 2)


class Backbone(nn.Module):
    """Features of all cameras and raw joint positions to the memory of the expert."""

    latent: torch.Tensor  # (1, 1, dim)
    positions: torch.Tensor  # (tokens, 1, dim)
    offset: torch.Tensor  # (joints,)
    scale: torch.Tensor  # (joints,)

    def __init__(self, model: ACT, state: Affine, positions: torch.Tensor) -> None:
        """``positions`` (tokens, 1, dim) are the embeddings that `token_positions` returns."""
        super().__init__()
        self.encoder = model.encoder
        self.state_projection = model.encoder_robot_state_input_proj
        latent = torch.zeros(1, model.config.latent_dim)
        self.register_buffer('latent', model.encoder_latent_input_proj(latent)[None])
        self.register_buffer('positions', positions)
        self.register_buffer('offset', state.offset)
        self.register_buffer('scale', state.scale)

    def forward(self, features: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Map (1, picture tokens, dim) and (1, joints) to (1, tokens, dim)."""
        state = self.state_projection((state - self.offset) / self.scale)
        tokens = torch.cat([self.latent, state[None], features.transpose(0, 1)])
        return self.encoder(tokens, pos_embed=self.positions).transpose(0, 1)


class ActionExpert(nn.Module):
    """Memory to a chunk of raw actions."""

    positions: torch.Tensor  # (tokens, 1, dim)
    queries: torch.Tensor  # (chunk, 1, dim)
    zeros: torch.Tensor  # (chunk, 1, dim)
    offset: torch.Tensor  # (joints,)
    scale: torch.Tensor  # (joints,)

    def __init__(
        self, model: ACT, action: Affine, positions: torch.Tensor, folded: bool = True
    ) -> None:
        """Take the decoder, ``folded`` or not; ``positions`` are those of the backbone."""
        super().__init__()
        self.decoder = copy.deepcopy(model.decoder)
        self.head = model.action_head
        queries = model.decoder_pos_embed.weight.detach()[:, None]
        self.register_buffer('positions', positions)
        self.register_buffer('queries', queries)
        self.register_buffer('zeros', torch.zeros_like(queries))
        self.register_buffer('offset', action.offset)
        self.register_buffer('scale', action.scale)
        if folded:
            self._fold_first_attention()

    def forward(self, memory: torch.Tensor) -> torch.Tensor:
        """Map (1, tokens, dim) to (1, chunk, joints)."""
        return self.head(self._decode(memory.transpose(0, 1))) * self.scale + self.offset

    def _decode(self, memory: torch.Tensor) -> torch.Tensor:
        return self.decoder(
            self.zeros, memory, encoder_pos_embed=self.positions, decoder_pos_embed=self.queries
        ).transpose(0, 1)

    def _fold_first_attention(self) -> None:
        layer, seen = self.decoder.layers[0], []
        hook = layer.self_attn.register_forward_hook(lambda *call: seen.append(call[2][0]))
        self._decode(torch.zeros_like(self.positions))
        hook.remove()
        layer.self_attn = _Constant(seen[0])


class _Constant(nn.Module):
    """Answers what an attention answered whose input never changes."""

    value: torch.Tensor

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer('value', value)

    def forward(self, *_: Any, **__: Any) -> tuple[torch.Tensor, None]:
        return self.value, None


@torch.no_grad()
def split(checkpoint: Checkpoint, options: SplitOptions) -> Split:
    """
    Split an ACT with its processors; raise ConfigError for inputs that have no block.

    Unless ``folded``, normalisation layers and the first attention of the decoder stay as they
    were: to measure what folding them saves.
    """
    if options.words is not None:
        raise ConfigError(f'words: got {options.words} for an ACT, which reads none; leave it out')
    policy, folded = checkpoint.policy.eval(), options.folded
    cameras = policy.config.image_features
    check_inputs(checkpoint, cameras, read=(FeatureType.ENV,))
    model, positions = policy.model, token_positions(policy)
    images = input_normalisation(checkpoint, cameras)
    state, action = images.pop(STATE), output_normalisation(checkpoint)
    vision = VisionEncoder(model, folded).eval()
    backbone = Backbone(model, state, positions).eval()
    expert = ActionExpert(model, action, positions, folded).eval()
    memory = positions.transpose(0, 1)
    seen = {'features': memory[:, 2:], 'state': state.offset[None]}
    blocks = {
        'vision_encoder': _vision_model(policy, vision),
        'llm_backbone': Model(backbone, seen, ('memory',)),
        'action_expert': Model(expert, {'memory': memory}, ('actions',)),
    }
    return Split(blocks, images)


def _vision_model(policy: ACTPolicy, module: VisionEncoder) -> Model:
    """Return the block for any number of pictures, and any size where the cameras' differ."""
    shapes = {feature.shape for feature in policy.config.image_features.values()}
    _, height, width = next(iter(shapes))
    axes = {'image': {0: 'n'}, 'mean': {0: 'n'}, 'std': {0: 'n'}, 'features': {0: 'n'}}
    if len(shapes) > 1:
        axes['image'] |= {1: 'height', 2: 'width'}
        axes['features'] |= {1: 'tokens'}
    pictures = {
        'image': torch.zeros(2, height, width, 3, dtype=torch.uint8),
        'mean': torch.zeros(2, 3),
        'std': torch.ones(2, 3),
    }
    return Model(module, pictures, ('features',), axes)


def token_positions(policy: ACTPolicy) -> torch.Tensor:
    """Return the position embeddings (tokens, 1, dim) of latent, state and picture tokens."""
    model = policy.model
    parts = [model.encoder_1d_feature_pos_embed.weight]
    for feature in policy.config.image_features.values():
        maps = model.backbone(torch.zeros(1, *feature.shape))['feature_map']
        parts.append(model.encoder_cam_feat_pos_embed(maps)[0].flatten(1).transpose(0, 1))
    return torch.cat(parts)[:, None].detach()


def fold_batch_norm(module: nn.Module) -> None:
    """Put each frozen normalisation into the convolution before it."""
    before: nn.Module | None = None
    for name, child in module.named_children():
        if isinstance(child, FrozenBatchNorm2d) and isinstance(before, nn.Conv2d):
            _fold(before, child)
            setattr(module, name, nn.Identity())
        else:
            fold_batch_norm(child)
        before = child


def _fold(convolution: nn.Conv2d, norm: FrozenBatchNorm2d) -> None:
    scale = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    if convolution.bias is not None:
        bias = bias + convolution.bias.double() * scale
    weight = convolution.weight.double() * scale[:, None, None, None]
    convolution.weight = nn.Parameter(weight.float())
    convolution.bias = nn.Parameter(bias.float())

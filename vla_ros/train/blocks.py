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
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from lerobot.policies.act.modeling_act import ACT, ACTPolicy
from torch import nn
from torchvision.ops.misc import FrozenBatchNorm2d

from vla_ros.core.errors import ConfigError
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.frames import ACTION, STATE


class Affine(NamedTuple):
    """A normalisation: normalised = (raw - offset) / scale, (channels,) float32 each."""

    offset: torch.Tensor
    scale: torch.Tensor


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


class Blocks(NamedTuple):
    """The three modules of a policy and what normalises its pictures."""

    vision_encoder: VisionEncoder
    llm_backbone: Backbone
    action_expert: ActionExpert
    images: dict[str, Affine]  # camera key -> of pictures scaled to 0..1


@torch.no_grad()
def split(checkpoint: Checkpoint, folded: bool = True) -> Blocks:
    """
    Split an ACT with its processors; raise ConfigError for inputs that have no block.

    Unless ``folded``, normalisation layers and the first attention of the decoder stay as they
    were: to measure what folding them saves.
    """
    policy = checkpoint.policy.eval()
    if policy.config.type != 'act':
        raise ConfigError(
            f"checkpoint: got a policy of type {policy.config.type!r}, expected 'act': only ACT "
            'has blocks'
        )
    check_inputs(policy)
    model, positions = policy.model, token_positions(policy)
    given = input_normalisation(checkpoint)
    return Blocks(
        VisionEncoder(model, folded).eval(),
        Backbone(model, given.pop(STATE), positions).eval(),
        ActionExpert(model, output_normalisation(checkpoint), positions, folded).eval(),
        given,
    )


def check_inputs(policy: ACTPolicy) -> None:
    """Raise ConfigError unless the policy looks at pictures and at the state of the joints."""
    config = policy.config
    known = {STATE, *config.image_features}
    if set(config.input_features) != known or not config.image_features:
        raise ConfigError(
            f'policy: got inputs {sorted(config.input_features)}, expected {STATE} and one or '
            'more observation.images.<camera>; train it on these alone'
        )


def token_positions(policy: ACTPolicy) -> torch.Tensor:
    """Return the position embeddings (tokens, 1, dim) of latent, state and picture tokens."""
    model = policy.model
    parts = [model.encoder_1d_feature_pos_embed.weight]
    for feature in policy.config.image_features.values():
        maps = model.backbone(torch.zeros(1, *feature.shape))['feature_map']
        parts.append(model.encoder_cam_feat_pos_embed(maps)[0].flatten(1).transpose(0, 1))
    return torch.cat(parts)[:, None].detach()


def input_normalisation(checkpoint: Checkpoint) -> dict[str, Affine]:
    """Return what the preprocessor does to the state and, per channel, to each camera."""
    features = checkpoint.policy.config.input_features

    def normalised(value: float) -> Mapping[str, torch.Tensor]:
        return checkpoint.preprocess(
            {
                key: torch.full((1, *_probe_shape(feature.shape)), value, dtype=torch.float64)
                for key, feature in features.items()
            }
        )

    zeros, ones = normalised(0.0), normalised(1.0)
    return {key: _affine(zeros[key].flatten(), ones[key].flatten()) for key in features}


def output_normalisation(checkpoint: Checkpoint) -> Affine:
    """Return what the postprocessor undoes."""
    count = checkpoint.policy.config.output_features[ACTION].shape[0]
    zeros = checkpoint.postprocess(torch.zeros(1, count, dtype=torch.float64))[0].double()
    ones = checkpoint.postprocess(torch.ones(1, count, dtype=torch.float64))[0].double()
    return Affine(zeros.float(), (ones - zeros).float())


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


def _probe_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], 1, 1) if len(shape) == 3 else tuple(shape)


def _affine(at_zero: torch.Tensor, at_one: torch.Tensor) -> Affine:
    """Return the normalisation that maps 0 and 1 to these."""
    scale = 1 / (at_one.double() - at_zero.double())
    return Affine((-at_zero.double() * scale).float(), scale.float())

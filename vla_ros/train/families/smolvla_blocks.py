# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What comes after the vision encoder of LeRobot's SmolVLA, as modules made for inference.

llm_backbone: the prefill of the language model over pictures, words and state; its keys and values
are the memory, as the expert reads them. action_expert: one denoising step. What does not depend
on the noise is computed in the backbone, once for an observation; what does not depend on the
observation is stored.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from torch import nn

from vla_ros.policy.sinusoids import rotation_at
from vla_ros.train.families.split import Affine

# Finite, also in fp16: a row with nothing to see must not give NaN. And a power of two: a back end
# may compute (1 - mask) * MASKED as MASKED - MASKED * mask, and what is there must get 0 in bf16.
MASKED = -(2.0**14)


class PrefillLayer(nn.Module):
    """One layer of the language model, over the prefix."""

    def __init__(self, layer: nn.Module, reader: nn.Module | None, last: bool) -> None:
        """
        Take the parts of Llama's layer.

        ``reader`` is the expert's attention that projects keys and values before it reads them.
        Of the ``last`` layer nothing but those is read.
        """
        super().__init__()
        attention = layer.self_attn
        self.k_proj, self.v_proj = attention.k_proj, attention.v_proj
        self.input_layernorm = layer.input_layernorm
        self._head, self._last = attention.head_dim, last
        self.read_k_proj = reader.k_proj if reader else None
        self.read_v_proj = reader.v_proj if reader else None
        if not last:
            self.q_proj, self.o_proj = attention.q_proj, attention.o_proj
            self.post_attention_layernorm, self.mlp = layer.post_attention_layernorm, layer.mlp

    def forward(
        self, x: torch.Tensor, rotation: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Map tokens (1, tokens, dim) to those of the next layer, and keys and values."""
        h = self.input_layernorm(x)
        k = rotated(split_heads(self.k_proj(h), self._head), rotation)
        v = split_heads(self.v_proj(h), self._head)
        if not self._last:
            q = rotated(split_heads(self.q_proj(h), self._head), rotation)
            x = x + self.o_proj(join_heads(attended(q, k, v, bias)))
            x = x + self.mlp(self.post_attention_layernorm(x))
        if self.read_k_proj is None or self.read_v_proj is None:
            return x, k, v
        k = split_heads(self.read_k_proj(join_heads(k)), self._head)
        return x, k, split_heads(self.read_v_proj(join_heads(v)), self._head)


class Backbone(nn.Module):
    """Features of all cameras, words and raw joint positions to the memory of the expert."""

    whole: torch.Tensor  # rotation of a prefix whose tokens are all there, (2, tokens, size / 2)
    offset: torch.Tensor  # (joints,)
    scale: torch.Tensor  # (joints,)
    unseen: torch.Tensor  # (1, 1, sharing tokens, tokens): the state is seen by itself alone
    pictures: torch.Tensor  # (1, picture tokens)
    state_there: torch.Tensor  # (1, 1)

    def __init__(
        self, policy: SmolVLAPolicy, state: Affine, cameras: int, tokens: int, words: int
    ) -> None:
        """Take the language model; ``tokens`` are those of one camera, ``words`` of a prompt."""
        super().__init__()
        self.layers = _prefill_layers(policy)
        text = policy.model.vlm_with_expert.config.text_config
        self.state_projection = _first_inputs(policy.model.state_proj, len(state.offset))
        self.register_buffer('offset', state.offset)
        self.register_buffer('scale', state.scale)
        self._around = _around_pictures(policy)
        for name, rows in self._around.items():
            self.register_buffer(name, rows)
        self._cameras, self._tokens = cameras, tokens
        pictures = cameras * (tokens + sum(rows.shape[1] for rows in self._around.values()))
        count = pictures + words + 1
        self.whole = torch.from_numpy(rotation_at(np.arange(count), text.head_dim // 2))
        unseen = torch.zeros(1, 1, count, count)
        unseen[..., :-1, -1] = MASKED
        self.register_buffer('unseen', unseen.repeat(1, 1, _sharing(text), 1))
        self.register_buffer('pictures', torch.ones(1, pictures))
        self.register_buffer('state_there', torch.ones(1, 1))

    def forward(
        self,
        features: torch.Tensor,
        language: torch.Tensor,
        language_mask: torch.Tensor,
        state: torch.Tensor,
        rotation: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Map to memory (2 layers, heads, tokens, size) and prefix_mask (1, tokens).

        Of features (1, picture tokens, dim), language (1, words, dim), language_mask (1, words),
        state (1, joints) and rotation (2, tokens, size / 2), of the tokens that are there.
        """
        felt = self.state_projection((state - self.offset) / self.scale)
        x = torch.cat([self._marked(features), language, felt[:, None]], 1)
        mask = torch.cat([self.pictures, language_mask, self.state_there], 1)
        bias = (1 - mask[:, None, None]) * MASKED + self.unseen
        memory: list[torch.Tensor] = []
        for layer in self.layers:
            x, k, v = layer(x, rotation, bias)
            memory += [k, v]
        return torch.cat(memory), mask

    def _marked(self, features: torch.Tensor) -> torch.Tensor:
        """Return the features with the constant tokens that the model wants around a picture."""
        if not self._around:
            return features
        parts = []
        for i in range(self._cameras):
            own = features[:, i * self._tokens : (i + 1) * self._tokens]
            parts += [self.get_buffer('before'), own, self.get_buffer('after')]
        return torch.cat(parts, 1)


class StepLayer(nn.Module):
    """One layer of the expert, over the rows of a chunk."""

    def __init__(self, layer: nn.Module, joint: bool) -> None:
        """Take the parts of Llama's layer; in a ``joint`` one rows see each other, too."""
        super().__init__()
        attention = layer.self_attn
        self.q_proj, self.o_proj = attention.q_proj, attention.o_proj
        self._head = attention.head_dim
        self.input_layernorm, self.mlp = layer.input_layernorm, layer.mlp
        self.post_attention_layernorm = layer.post_attention_layernorm
        self.joint = joint
        if joint:
            self.k_proj, self.v_proj = attention.k_proj, attention.v_proj

    def forward(
        self,
        x: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        rotation: torch.Tensor,
        bias: torch.Tensor,
    ) -> torch.Tensor:
        """Map rows (1, chunk, size) that see keys and values of the prefix to that shape."""
        h = self.input_layernorm(x)
        q = rotated(split_heads(self.q_proj(h), self._head), rotation)
        if self.joint:
            own = rotated(split_heads(self.k_proj(h), self._head), rotation)
            k = torch.cat([k, own], 2)
            v = torch.cat([v, split_heads(self.v_proj(h), self._head)], 2)
        x = x + self.o_proj(join_heads(attended(q, k, v, bias)))
        return x + self.mlp(self.post_attention_layernorm(x))


class ActionExpert(nn.Module):
    """Memory, a noisy chunk and its flow times to the velocity."""

    causal: torch.Tensor  # (1, 1, sharing chunk, chunk)
    each: torch.Tensor  # (1, 1, sharing chunk, 1)
    alone: torch.Tensor  # rotation of the rows counted from 0, (2, chunk, size / 2)

    def __init__(self, policy: SmolVLAPolicy) -> None:
        """Take the expert and the projections of actions and times."""
        super().__init__()
        model, config = policy.model, policy.config
        vlm = model.vlm_with_expert
        count, text = config.chunk_size, vlm.config.text_config
        self.size = vlm.expert_hidden_size
        self.layers = nn.ModuleList(
            StepLayer(layer, _sees_itself(policy, i))
            for i, layer in enumerate(vlm.lm_expert.layers)
        )
        self.norm = vlm.lm_expert.norm
        self.action_in_proj, self.action_out_proj = model.action_in_proj, model.action_out_proj
        self.action_time_mlp_in = model.action_time_mlp_in
        self.action_time_mlp_out = model.action_time_mlp_out
        past = torch.ones(count, count).tril().bool().repeat(_sharing(text), 1)
        alone = rotation_at(np.arange(count), text.head_dim // 2)
        self.register_buffer('causal', torch.where(past, 0.0, MASKED)[None, None])
        self.register_buffer('each', torch.zeros(1, 1, len(past), 1))
        self.register_buffer('alone', torch.from_numpy(alone))

    def forward(
        self,
        memory: torch.Tensor,
        prefix_mask: torch.Tensor,
        noisy: torch.Tensor,
        time_embedding: torch.Tensor,
        rotation: torch.Tensor,
    ) -> torch.Tensor:
        """
        Map to the velocity (1, chunk, width).

        Of memory (2 layers, heads, tokens, size), prefix_mask (1, tokens), noisy (1, chunk,
        width), time_embedding (1, chunk, expert size) and rotation (2, chunk, size / 2), of the
        rows where they follow the prefix.
        """
        x = self.embedded(noisy, time_embedding)
        bias = (1 - prefix_mask[:, None, None]) * MASKED
        both = torch.cat([bias + self.each, self.causal], -1)
        for i, layer in enumerate(self.layers):
            k, v = memory[2 * i][None], memory[2 * i + 1][None]
            turned, hidden = (rotation, both) if layer.joint else (self.alone, bias)
            x = layer(x, k, v, turned, hidden)
        return self.action_out_proj(self.norm(x))

    def embedded(self, noisy: torch.Tensor, time_embedding: torch.Tensor) -> torch.Tensor:
        """Return the rows (1, chunk, expert size) that the layers get."""
        x = torch.cat([self.action_in_proj(noisy), time_embedding], -1)
        return self.action_time_mlp_out(F.silu(self.action_time_mlp_in(x)))


def split_heads(x: torch.Tensor, size: int) -> torch.Tensor:
    """Return (1, tokens, heads * size) as (1, heads, tokens, size)."""
    return x.reshape(1, int(x.shape[1]), -1, size).transpose(1, 2)


def join_heads(x: torch.Tensor) -> torch.Tensor:
    """Return (1, heads, tokens, size) as (1, tokens, heads * size)."""
    return x.transpose(1, 2).reshape(1, int(x.shape[2]), -1)


def rotated(x: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Return ``x`` (1, heads, tokens, size) turned by ``rotation`` (2, tokens, size / 2)."""
    sines, cosines = rotation[0], rotation[1]
    half = int(x.shape[-1]) // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines], -1)


def attended(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """
    Return what queries (1, heads, rows, size) see, of that shape.

    Several of them share each of the keys and values (1, fewer heads, tokens, size), which are
    not repeated for that. ``bias`` is (1, 1, 1, tokens), or has the rows of each of those several
    one after the other.
    """
    heads, rows, size = (int(n) for n in q.shape[1:])
    groups = int(k.shape[1])
    each = heads // groups
    weights = torch.matmul(
        (q * size**-0.5).reshape(1, groups, each * rows, size), k.transpose(2, 3)
    )
    return torch.matmul((weights + bias).softmax(-1), v).reshape(1, heads, rows, size)


def _sharing(text: Any) -> int:
    """Return how many heads share keys and values in a language model of that configuration."""
    return int(text.num_attention_heads // text.num_key_value_heads)


def _prefill_layers(policy: SmolVLAPolicy) -> nn.ModuleList:
    vlm = policy.model.vlm_with_expert
    layers, readers = vlm.get_vlm_model().text_model.layers, vlm.lm_expert.layers
    return nn.ModuleList(
        PrefillLayer(
            layer,
            None if _sees_itself(policy, i) else readers[i].self_attn,
            last=i == len(layers) - 1,
        )
        for i, layer in enumerate(layers)
    )


def _first_inputs(projection: nn.Linear, count: int) -> nn.Linear:
    """Return the projection of the first ``count`` inputs; the rest would be zeros."""
    new = nn.Linear(count, projection.out_features)
    new.weight = nn.Parameter(projection.weight[:, :count].clone())
    new.bias = projection.bias
    return new


def _sees_itself(policy: SmolVLAPolicy, layer: int) -> bool:
    """Return whether the rows of a chunk see each other in a layer, beside the prefix."""
    every = policy.config.self_attn_every_n_layers
    return 'cross' not in policy.config.attention_mode or (every > 0 and layer % every == 0)


def _around_pictures(policy: SmolVLAPolicy) -> dict[str, torch.Tensor]:
    """Return the tokens (1, n, dim) before and after each picture, where the model wants them."""
    if not policy.config.add_image_special_tokens:
        return {}
    embed, model = policy.model.vlm_with_expert.embed_language_tokens, policy.model
    ids = {'before': model.global_image_start_token, 'after': model.image_end_token}
    return {name: embed(tokens)[None].detach() for name, tokens in ids.items()}

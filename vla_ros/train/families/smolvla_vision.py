# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The first block of LeRobot's SmolVLA: resizing, SigLIP and connector, any number of pictures.

Where all pictures are of one size, how they are resized is a constant of the model; else it finds
that out when it runs.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from torch import nn


class VisionLayer(nn.Module):
    """One layer of the vision tower."""

    def __init__(self, layer: nn.Module, heads: int) -> None:
        """Take the parts of SigLIP's layer."""
        super().__init__()
        attention = layer.self_attn
        self.q_proj, self.k_proj = attention.q_proj, attention.k_proj
        self.v_proj, self.out_proj = attention.v_proj, attention.out_proj
        self.layer_norm1, self.layer_norm2 = layer.layer_norm1, layer.layer_norm2
        self.mlp = layer.mlp
        self._heads, self._width = heads, attention.q_proj.out_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, patches, width) to that shape."""
        count, size, h = int(x.shape[1]), self._width // self._heads, self.layer_norm1(x)
        q, k, v = (
            projection(h).reshape(-1, count, self._heads, size).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        seen = torch.matmul((torch.matmul(q * size**-0.5, k.transpose(2, 3))).softmax(-1), v)
        x = x + self.out_proj(seen.transpose(1, 2).reshape(-1, count, self._width))
        return x + self.mlp(self.layer_norm2(x))


class VisionEncoder(nn.Module):
    """Raw pictures of any cameras to features."""

    positions: torch.Tensor  # (1, patches, width)

    def __init__(self, policy: SmolVLAPolicy, sizes: Sequence[tuple[int, int]]) -> None:
        """Take vision tower and connector, for pictures of these sizes: (height, width), px."""
        super().__init__()
        vlm = policy.model.vlm_with_expert
        model = vlm.get_vlm_model()
        tower, self.connector = model.vision_model, model.connector
        self.patch_embedding = tower.embeddings.patch_embedding
        heads = tower.config.num_attention_heads
        self.layers = nn.ModuleList(VisionLayer(item, heads) for item in tower.encoder.layers)
        self.post_layernorm = tower.post_layernorm
        self._gain = math.sqrt(vlm.config.text_config.hidden_size)
        wanted = policy.config.resize_imgs_with_padding  # width, height
        self._size = sizes[0] if wanted is None else (wanted[1], wanted[0])
        # a constant of the model where all pictures are of one size
        self._inner = fitted_size(sizes[0], self._size) if len(sizes) == 1 else None
        self._resized = self._inner != sizes[0]
        self._patches = [side // tower.config.patch_size for side in self._size]
        self.register_buffer('positions', self._positions(tower.embeddings))

    def forward(self, image: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        """Map (n, height, width, 3) uint8 and the (n, 3) statistics to (n, tokens, size)."""
        inner = self._inner or fitted_size_of(image.shape[1], image.shape[2], self._size)
        x = self._fitted(image.permute(0, 3, 1, 2).float() / 255, inner)
        x = (x - mean[:, :, None, None]) / std[:, :, None, None]
        x = self.patch_embedding(x).flatten(2).transpose(1, 2) + self.positions
        for layer in self.layers:
            x = layer(x)
        return self._connect(self.post_layernorm(x)) * self._gain

    def _fitted(self, x: torch.Tensor, inner: tuple[Any, Any]) -> torch.Tensor:
        """Resize pictures (n, 3, height, width) to ``inner``, and pad them, as LeRobot does."""
        height, width = self._size
        if self._resized:
            x = F.interpolate(x, inner, mode='bilinear', align_corners=False)
        if self._inner != self._size:
            x = F.pad(x, (width - inner[1], 0, height - inner[0], 0))
        return x if self._inner else x.reshape(-1, 3, height, width)

    def _connect(self, x: torch.Tensor) -> torch.Tensor:
        """Gather the patches of a square in one token, and project it."""
        r, width = self.connector.scale_factor, self.positions.shape[2]
        rows, columns = (side // r for side in self._patches)
        x = x.reshape(-1, rows, r, columns, r * width).transpose(2, 3)
        return self.connector.modality_projection(x.reshape(-1, rows * columns, r * r * width))

    def _positions(self, embeddings: nn.Module) -> torch.Tensor:
        """Ask the tower which embedding each patch of a whole picture gets."""
        blank = torch.zeros(1, 3, *self._size)
        whole = torch.ones(1, *self._patches, dtype=torch.bool)
        patches = embeddings.patch_embedding(blank).flatten(2).transpose(1, 2)
        return embeddings(blank, whole) - patches


def fitted_size(picture: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    """Return to what size LeRobot's resize_with_pad brings a picture; both (height, width), px."""
    if picture == frame:
        return frame
    height, width = picture
    ratio = max(height / frame[0], width / frame[1])
    return int(height / ratio), int(width / ratio)


def fitted_size_of(
    height: Any, width: Any, frame: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return that size of a picture whose own a model finds out when it runs."""
    own = torch.as_tensor(height), torch.as_tensor(width)
    inner = [
        torch.minimum(torch.tensor(most), torch.div(side * across, other, rounding_mode='trunc'))
        for side, other, most, across in ((*own, *frame), (*own[::-1], *frame[::-1]))
    ]
    return inner[0], inner[1]

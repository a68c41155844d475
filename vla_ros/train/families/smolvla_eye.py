# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vision tower of a SmolVLA: its patches, in the square that LeRobot makes of a picture."""

from collections.abc import Sequence

import torch
from lerobot.policies.common.vla_utils import resize_with_pad
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from vla_ros.train.families.eye import Eye, Size


def smolvla_eye(policy: SmolVLAPolicy) -> Eye:
    """Return the vision tower."""
    tower = policy.model.vlm_with_expert.get_vlm_model().vision_model
    square: Size | None = policy.config.resize_imgs_with_padding
    side = square[0] if square else tower.config.image_size
    cells = side // tower.config.patch_size

    def see(images: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        shown = [_square(image, square) * 2 - 1 for image in images]  # as SigLIP expects it
        patches = tower(pixel_values=torch.cat(shown), patch_attention_mask=None)
        maps = patches.last_hidden_state.transpose(1, 2).unflatten(2, (cells, cells))
        return maps.chunk(len(images))

    def place(labels: torch.Tensor, size: Size) -> torch.Tensor:
        return placed(labels, size, side) if square else labels

    return Eye(
        tower,
        tower.config.hidden_size,
        see,
        place,
        lambda size: (side, side) if square else size,
        (cells, cells),
    )


def placed(labels: torch.Tensor, size: Size, side: int) -> torch.Tensor:
    """Return labels of a picture of ``size`` where LeRobot's square of ``side`` px shows it."""
    height, width = size
    ratio = max(width / side, height / side)
    kept = int(height / ratio), int(width / ratio)  # px, as LeRobot rounds
    x = labels[..., 0] * kept[1] / width + (side - kept[1])  # padded at the left and the top
    y = labels[..., 1] * kept[0] / height + (side - kept[0])
    return torch.cat([x[..., None], y[..., None], labels[..., 2:]], dim=-1)


def _square(image: torch.Tensor, square: Size | None) -> torch.Tensor:
    if square is None:
        return image
    return resize_with_pad(image, square[1], square[0], pad_value=0)

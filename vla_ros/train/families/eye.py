# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vision encoder of a policy, as `vla_ros pretrain` teaches it to see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

Size = tuple[int, ...]  # px: (height, width)


def _as_it_is(labels: torch.Tensor, size: Size) -> torch.Tensor:
    return labels


def _whole(size: Size) -> Size:
    return size


@dataclass(frozen=True)
class Eye:
    """What turns pictures into maps whose cells can be asked."""

    encoder: nn.Module  # what learns
    channels: int  # of a map
    # normalised pictures (n, 3, height, width) of cameras -> a map (n, channels, rows, columns) of
    # each; where they are all of one size they may be seen together
    see: Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]]
    # labels (n, things, 5), see LABEL, of a picture of that size -> in px of what is shown of it
    place: Callable[[torch.Tensor, Size], torch.Tensor] = _as_it_is
    shown: Callable[[Size], Size] = _whole  # size of a picture -> of what the map spans
    cells: tuple[int, int] | None = None  # rows and columns, where cells don't know their place

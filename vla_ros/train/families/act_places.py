# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Ask ACT's memory, while it learns to act, what each camera's picture shows.

LeRobot's encoder adds the place of a cell to its query and key alone: to where it looks, not to
what it finds there. So a policy learns cell by cell what to do about a thing that lies there, and
is lost where none ever lay. Here the first token of the memory tells in numbers where each thing
is and how it is turned, also of pictures in which nothing is acted; and the actions of some
frames are decoded from that token and the state's alone, so that they are read from those
numbers. None of it is part of the policy: what is saved is LeRobot's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lerobot.policies.act.modeling_act import ACT
from torch import nn

from vla_ros.dataset.arrays import LABEL

TOLD = 'labels'  # in a batch: (n, cameras, things, 5), see LABEL; nan where nothing is known

_TOKENS = 2  # of the memory, latent and state, that come before those of the pictures
_SPREAD = 5  # things lie within so many parts of a picture's side
_SHARP = 0.04  # of an error below which it counts by its square: 1 px in a side of 128


class Teller(nn.Module):
    """Reads from the first token of a memory what the picture of each camera shows."""

    def __init__(
        self,
        width: int,
        sizes: Sequence[tuple[int, ...]],
        things: int,
        weight: float,
        alone: float,
    ) -> None:
        """
        Tell of ``things`` in pictures of these ``sizes``, height and width in px.

        ``weight`` is that of its loss beside the loss of the actions; of the share ``alone`` of
        the frames, actions are decoded without the pictures' own tokens.
        """
        super().__init__()
        self.weight, self.alone = weight, alone
        self.read = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, len(sizes) * things * len(LABEL))
        )
        sides = torch.tensor([[width, height] for height, width in sizes]).float()
        self.register_buffer('sides', sides[:, None])  # (cameras, 1, x and y), px

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        """Return labels (n, cameras, things, 5) for tokens (n, width); places in px."""
        told = self._told(token)
        place = (told[..., :2] / _SPREAD + 0.5) * self.sides
        return torch.cat([place, told[..., 2:]], dim=-1)

    def loss(self, token: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of what is known, of tokens (n, width) and their labels."""
        known = torch.isfinite(labels)
        place = (labels[..., :2] / self.sides - 0.5) * _SPREAD
        target = torch.cat([place, labels[..., 2:]], dim=-1).nan_to_num()
        error = nn.functional.smooth_l1_loss(
            self._told(token), target, beta=_SHARP, reduction='none'
        )
        return (error * known).sum() / known.sum().clamp(min=1)

    def _told(self, token: torch.Tensor) -> torch.Tensor:
        told: torch.Tensor = self.read(token.float())
        return told.unflatten(-1, (len(self.sides), -1, len(LABEL)))


def loss_with_places(
    model: ACT, teller: Teller, batch: dict[str, Any], forward: Callable[[], torch.Tensor]
) -> torch.Tensor:
    """
    Return the loss of the actions, which ``forward`` computes, and that of what is told.

    Of the ``batch`` the first frames have actions, all have labels.
    """
    with _overheard(model, len(batch['action']), teller.alone) as memories:
        loss = forward()
    return loss + teller.weight * teller.loss(memories[0][0], batch[TOLD])


@contextmanager
def _overheard(model: ACT, count: int, alone: float) -> Iterator[list[torch.Tensor]]:
    """Yield the memories; meanwhile no more than ``count`` frames of a batch are decoded."""
    decoder, memories = model.decoder, list[torch.Tensor]()
    model.decoder = _Overhearing(decoder, count, round(count * alone), memories)
    try:
        yield memories
    finally:
        model.decoder = decoder


class _Overhearing(nn.Module):
    """Stands for a decoder: the first ``alone`` of ``count`` frames miss the pictures' tokens."""

    def __init__(
        self, decoder: nn.Module, count: int, alone: int, memories: list[torch.Tensor]
    ) -> None:
        super().__init__()
        self._decode, self._count, self._alone, self._memories = decoder, count, alone, memories

    def forward(
        self,
        rows: torch.Tensor,  # (chunk, n, width)
        memory: torch.Tensor,  # (tokens, n, width)
        encoder_pos_embed: torch.Tensor,
        decoder_pos_embed: torch.Tensor,
    ) -> torch.Tensor:
        self._memories.append(memory)
        spans = ((0, self._alone, _TOKENS), (self._alone, self._count, len(memory)))
        decoded = [
            self._decode(
                rows[:, first:last],
                memory[:tokens, first:last],
                encoder_pos_embed=encoder_pos_embed[:tokens],
                decoder_pos_embed=decoder_pos_embed,
            )
            for first, last, tokens in spans
            if first < last
        ]
        return torch.cat(decoded, dim=1)

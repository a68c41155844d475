# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Muon for the matrices of transformer layers, and AdamW for all other weights beside it."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

FASTER = 2.0  # times the rate of AdamW, for Muon's steps are scaled to be as large as its
MUON_DECAY = 0.02  # of weights


class MuonAndAdamW:
    """Two optimizers in the place of one; a group learns ``times`` as fast as the rate says."""

    def __init__(
        self, named: Iterable[tuple[str, nn.Parameter]], learning_rate: float, weight_decay: float
    ) -> None:
        """Take the matrices of what is called a layer for Muon."""
        named = [*named]
        matrices = [value for name, value in named if _is_layer(name) and value.ndim == 2]
        own = {id(value) for value in matrices}
        rest = [value for _, value in named if id(value) not in own]
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=learning_rate, weight_decay=weight_decay, fused=True)
        ]
        if matrices:
            muon = torch.optim.Muon(
                [{'params': matrices, 'times': FASTER}],
                lr=learning_rate * FASTER,
                weight_decay=MUON_DECAY,
                adjust_lr_fn='match_rms_adamw',
            )
            self._parts.append(muon)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of both."""
        return [group for part in self._parts for group in part.param_groups]

    def step(self) -> None:
        """Take a step."""
        for part in self._parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return what it takes to go on."""
        return {'parts': [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        for part, own in zip(self._parts, state['parts'], strict=True):
            part.load_state_dict(own)


def _is_layer(name: str) -> bool:
    return '.layers.' in name

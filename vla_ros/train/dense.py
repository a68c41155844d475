# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Dense supervision: every cell of a map tells what lies in it, where and how it is turned.

For each thing a cell says whether the thing's centre lies in it, where that is relative to the
middle of the cell, how the thing is turned in the picture, and whether its flag holds. The cells
next to the centre's learn all but the first, too. It serves the maps of any vision encoder whose
cells divide the picture evenly; labels are those of vla_ros.dataset.arrays.LABEL.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

CHANNELS = 6  # of a thing: in this cell, x, y, cosine, sine, flag

_PLACE, _TURN, _FLAG = 2.0, 1.0, 0.5  # weights beside that of the cell


@dataclass(frozen=True)
class DenseErrors:
    """How far what is told of one thing in one camera's pictures is off."""

    place: tuple[float, float]  # px, median and 90th percentile
    turn: tuple[float, float]  # rad, likewise; nan for a thing without an axis
    flag: float  # share of the flags that are wrong, nan for a thing without one

    def __str__(self) -> str:
        """Return what there is to say."""
        words = [f'{self.place[0]:.2f} / {self.place[1]:.2f} px']
        if np.isfinite(self.turn[0]):
            words.append(f'{np.degrees(self.turn[0]):.1f} / {np.degrees(self.turn[1]):.1f} deg')
        if np.isfinite(self.flag):
            words.append(f'flag wrong in {self.flag:.1%}')
        return ', '.join(words)


class PlaceHead(nn.Module):
    """
    Asks every cell of a map in which row and which column it lies.

    What a transformer's patches must tell of the things in them is local, so they forget where
    they are themselves; whoever reads them all needs that to know where a thing is.
    """

    def __init__(self, channels: int, rows: int, columns: int) -> None:
        """Ask maps (n, channels, rows, columns)."""
        super().__init__()
        self.row, self.column = nn.Conv2d(channels, rows, 1), nn.Conv2d(channels, columns, 1)

    def loss(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of a batch of maps."""
        count, _, rows, columns = maps.shape
        row = torch.arange(rows, device=maps.device)[:, None].expand(count, rows, columns)
        column = torch.arange(columns, device=maps.device).expand(count, rows, columns)
        return nn.functional.cross_entropy(self.row(maps), row) + nn.functional.cross_entropy(
            self.column(maps), column
        )


def dense_loss(told: torch.Tensor, labels: torch.Tensor, picture: tuple[int, int]) -> torch.Tensor:
    """
    Return the mean loss of a batch.

    told: (n, things * CHANNELS, rows, columns); labels: (n, things, 5), nan where nothing is to
    be learned; picture: its height and width, px.
    """
    told = told.unflatten(1, (-1, CHANNELS))  # (n, things, channels, rows, columns)
    offset = _offsets(labels, told.shape[-2:], picture)  # (n, things, 2, rows, columns), cells
    known = torch.isfinite(labels)[..., None, None, :]
    here = (offset.abs() <= 0.5).all(dim=2) & known[..., 0]
    beside = (offset.abs() < 1).all(dim=2) & known[..., 0]
    loss = nn.functional.binary_cross_entropy_with_logits(
        told[:, :, 0], here.float(), reduction='sum'
    )
    target = labels[..., None, None, :].nan_to_num().expand(*beside.shape, 5)
    for channel, beta, weight in ((1, 0.05, _PLACE), (2, 0.05, _PLACE)):
        error = _smooth_l1(told[:, :, channel], offset[:, :, channel - 1].nan_to_num(), beta)
        loss = loss + weight * (error * beside).sum()
    for channel in (3, 4):
        error = _smooth_l1(told[:, :, channel], target[..., channel - 1], 0.1)
        loss = loss + _TURN * (error * (beside & known[..., channel - 1])).sum()
    wrong = nn.functional.binary_cross_entropy_with_logits(
        told[:, :, 5], target[..., 4], reduction='none'
    )
    loss = loss + _FLAG * (wrong * (beside & known[..., 4])).sum()
    return loss / len(told)


def read(told: torch.Tensor, picture: tuple[int, int]) -> torch.Tensor:
    """Return what the likeliest cell of each thing tells, (n, things, 5) like a label."""
    rows, columns = told.shape[-2:]
    flat = told.unflatten(1, (-1, CHANNELS)).flatten(3)  # (n, things, channels, cells)
    cell = flat[:, :, 0].argmax(dim=-1)  # (n, things)
    best = flat.gather(3, cell[..., None, None].expand(-1, -1, CHANNELS, 1))[..., 0]
    height, width = picture[0] / rows, picture[1] / columns
    x = (cell % columns + 0.5 + best[..., 1]) * width
    y = (cell // columns + 0.5 + best[..., 2]) * height
    turn = nn.functional.normalize(best[..., 3:5], dim=-1)
    return torch.cat([x[..., None], y[..., None], turn, best[..., 5:].sigmoid()], dim=-1)


def dense_errors(seen: np.ndarray, true: np.ndarray) -> list[DenseErrors]:
    """Return the errors of each thing for labels (n, things, 5)."""
    return [_errors(seen[:, thing], true[:, thing]) for thing in range(true.shape[1])]


def _errors(seen: np.ndarray, true: np.ndarray) -> DenseErrors:
    place = np.hypot(*(seen[:, :2] - true[:, :2]).T)
    angle = np.arctan2(seen[:, 3], seen[:, 2]) - np.arctan2(true[:, 3], true[:, 2])
    turn = np.abs((angle + np.pi) % (2 * np.pi) - np.pi) / 2
    flagged = np.isfinite(true[:, 4])
    wrong = (seen[flagged, 4] > 0.5) != (true[flagged, 4] > 0.5)
    return DenseErrors(
        _percentiles(place), _percentiles(turn), float(wrong.mean()) if len(wrong) else np.nan
    )


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    median, ninety = np.percentile(values, (50, 90))
    return float(median), float(ninety)


def _offsets(
    labels: torch.Tensor, cells: tuple[int, ...], picture: tuple[int, int]
) -> torch.Tensor:
    """Return where each thing's centre is from the middle of each cell, in cells; nan: nowhere."""
    rows, columns = (torch.arange(count, device=labels.device) + 0.5 for count in cells)
    x = labels[..., 0] * cells[1] / picture[1]
    y = labels[..., 1] * cells[0] / picture[0]
    across = (x[..., None] - columns)[..., None, :].expand(*x.shape, *cells)
    down = (y[..., None] - rows)[..., None].expand(*x.shape, *cells)
    return torch.stack([across, down], dim=2)


def _smooth_l1(told: torch.Tensor, target: torch.Tensor, beta: float) -> torch.Tensor:
    return nn.functional.smooth_l1_loss(told, target, beta=beta, reduction='none')

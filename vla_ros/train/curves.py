# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The curves of a training run: loss and success over the steps."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from vla_ros.core.files import replacing

Rows = list[dict[str, float]]

_COLOURS = {'loss': '#2e4057', 'test': '#00798c', 'validation': '#d1495b', 'both': '#8d96a3'}
_LABELS = {'test': 'test (clusters of the recording)', 'validation': 'validation (held out)'}
_SMOOTH = 50  # points of the running mean's curve, about


def draw_curves(losses: Rows, success: Rows, best: int | None, path: Path) -> None:
    """Write a picture of the loss, and of the success with its best step, to ``path``."""
    figure = Figure((8.0, 6.4 if success else 3.4), dpi=110, layout='constrained')
    axes = np.atleast_1d(figure.subplots(1 + bool(success), sharex=True))
    _draw_loss(axes[0], losses)
    if best is not None:
        _draw_success(axes[1], success, best)
    axes[-1].set_xlabel('step')
    with replacing(path) as partial:
        figure.savefig(partial)


def smooth(values: np.ndarray) -> np.ndarray:
    """Return the mean of each value and those around it, over a fiftieth of them all."""
    reach = len(values) // _SMOOTH
    sums = np.cumsum([0.0, *values])
    first = np.maximum(np.arange(len(values)) - reach, 0)
    last = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def _draw_loss(axis: Axes, losses: Rows) -> None:
    steps, values = ([row[name] for row in losses] for name in ('step', 'loss'))
    axis.plot(steps, values, color=_COLOURS['loss'], alpha=0.3, linewidth=0.8)
    axis.plot(steps, smooth(np.array(values)), color=_COLOURS['loss'], linewidth=1.6)
    axis.set_yscale('log')
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_formatter(ScalarFormatter())
    axis.tick_params(which='minor', labelsize=8)
    axis.set_ylabel('loss')
    axis.grid(alpha=0.3, which='both')


def _draw_success(axis: Axes, success: Rows, best: int | None) -> None:
    steps = [row['step'] for row in success]
    for name, label in _LABELS.items():
        axis.plot(steps, [row[name] for row in success], 'o-', color=_COLOURS[name], label=label)
    both = [sum(row[name] for name in _LABELS) / len(_LABELS) for row in success]
    axis.plot(steps, both, '--', color=_COLOURS['both'], label='mean of both')
    axis.axvline(best, color='black', linewidth=0.8, linestyle=':')
    axis.annotate(f'best: step {best}', (best, 1.02), ha='center', va='bottom', fontsize=9)
    axis.set_ylim(0, 1.12)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_ylabel('success')
    axis.grid(alpha=0.3)
    axis.legend(loc='upper left', fontsize=9)

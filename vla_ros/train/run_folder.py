# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The folder of a training run.

It holds step_<number>/ (checkpoints that LeRobot loads), last (the newest of them), best/ (a copy
of the one that succeeded most often), losses.csv, success.csv, curves.png, and training_state.pt
to go on from.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from vla_ros.train.checkpoint import replace_folder
from vla_ros.train.curves import draw_curves
from vla_ros.train.table import Table

SETS = ('test', 'validation')
LOSSES, STATE = 'losses.csv', 'training_state.pt'


class RunFolder:
    """Keeps the books of a run, and its best checkpoint."""

    def __init__(self, path: Path, step: int = 0) -> None:
        """Open the tables, and drop what they say of later steps than ``step``."""
        self._path = path
        self.losses = Table(path / LOSSES, ('step', 'seconds', 'loss', 'rate'), step)
        self.success = Table(path / 'success.csv', ('step', *SETS), step)

    @property
    def state(self) -> Path:
        """Return the file with what it takes to go on."""
        return self._path / STATE

    def checkpoint(self, step: int) -> Path:
        """Return where the checkpoint of a step lies."""
        return self._path / f'step_{step:06d}'

    def point_to(self, step: int) -> None:
        """Have ``last`` name the checkpoint of a step, as LeRobot's runs do."""
        partial = self._path / 'last.partial'
        partial.unlink(missing_ok=True)
        partial.symlink_to(self.checkpoint(step).name)
        os.replace(partial, self._path / 'last')

    def is_judged(self, step: int) -> bool:
        """Return whether the checkpoint of a step was evaluated."""
        return any(row['step'] == step for row in self.success.rows)

    def judge(self, step: int, rates: Mapping[str, float]) -> None:
        """Note how often the checkpoint of a step succeeds, and keep the best one as best/."""
        self.success.append(step, *(rates[name] for name in SETS))
        best, partial = self._path / 'best', self._path / 'best.partial'
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(self.checkpoint(best_step(self.success.rows)), partial)
        replace_folder(partial, best)

    def draw(self) -> None:
        """Draw the curves anew."""
        best = best_step(self.success.rows) if self.success.rows else None
        draw_curves(self.losses.rows, self.success.rows, best, self._path / 'curves.png')

    @property
    def result(self) -> Path:
        """Return the best checkpoint, or the last one where none was evaluated."""
        best = self._path / 'best'
        return best if self.success.rows else self._path / os.readlink(self._path / 'last')


def best_step(success: list[dict[str, float]]) -> int:
    """
    Return the step that succeeded most often on both sets together; of equals the latest.

    The study's rule: success decides, not the loss, and slightly past the onset of overfitting is
    better than before it.
    """
    return int(max((sum(row[name] for name in SETS), row['step']) for row in success)[1])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a frozen vision encoder sees in the frames of a training run, computed once for each frame.

Most of the work of an ACT training step is the vision encoder's. Where that is frozen, a frame
costs it when it comes for the first time only; what it sees then is kept in a file.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vla_ros.train.batches import Batches

MAPS = 'observation.feature_maps'  # in a batch: (n, channels, cells of all cameras) float32


class FeatureMaps:
    """The feature maps of all the frames of ``batches``, filled as they are asked for."""

    def __init__(
        self,
        batches: Batches,
        preprocess: Callable[[dict[str, Any]], dict[str, Any]],
        see: Callable[[dict[str, Any]], torch.Tensor],
        folder: Path,
    ) -> None:
        """
        Keep what ``see`` makes of preprocessed pictures in ``folder``.

        What an interrupted run left there is used again.
        """
        self._batches, self._preprocess, self._see = batches, preprocess, see
        folder.mkdir(parents=True, exist_ok=True)
        shape = self._look(np.zeros(1, int)).shape[1:]
        count = batches.frame_count
        files = {
            folder / 'maps.float16': (np.float16, (count, *shape)),
            folder / 'seen.bool': (np.bool_, (count,)),
        }
        mode = 'r+' if all(_holds(path, *what) for path, what in files.items()) else 'w+'
        self._maps, self._seen = (
            np.memmap(path, kind, mode, shape=shape) for path, (kind, shape) in files.items()
        )

    def batch(self, step: int) -> dict[str, Any]:
        """Return batch number ``step``, preprocessed, with maps in the place of pictures."""
        indices = self._batches.indices(step)
        new = np.unique(indices[~self._seen[indices]])
        if len(new):
            self._maps[new] = self._look(new).half().cpu().numpy()
            self._seen[new] = True  # after the maps, for a run may end in between
        batch = self._preprocess(self._batches.gather(indices, pictures=False))
        maps = torch.from_numpy(self._maps[indices])
        return batch | {MAPS: maps.float().to(batch['action'].device)}

    def _look(self, indices: np.ndarray) -> torch.Tensor:
        return self._see(self._preprocess(self._batches.gather(indices)))


def _holds(path: Path, kind: type, shape: tuple[int, ...]) -> bool:
    """Return whether a file is as large as an array."""
    return path.is_file() and path.stat().st_size == np.dtype(kind).itemsize * math.prod(shape)

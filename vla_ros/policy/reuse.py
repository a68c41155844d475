# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Features that can be used again because a camera still sees what it saw."""

from collections import Counter

import cv2
import numpy as np

TILE = 8  # px: averages a sensor's noise, and is smaller than what a gripper grips


class PictureMemory:
    """
    Remembers the last encoded picture of each camera, and counts what was encoded and what not.

    A picture is unchanged where no tile of TILE x TILE px differs from the last ENCODED one by
    more than ``threshold`` levels of 255 on average. A slow change therefore adds up until it is
    seen. A threshold of 0 is off.
    """

    def __init__(self, threshold: float) -> None:
        """Begin with no pictures."""
        self.threshold = threshold
        self.encoded: Counter[str] = Counter()  # pictures by camera
        self.reused: Counter[str] = Counter()
        self._pictures: dict[str, np.ndarray] = {}

    def forget(self) -> None:
        """Begin anew: no pictures, nothing counted."""
        for item in (self.encoded, self.reused, self._pictures):
            item.clear()

    def knows(self, camera: str, picture: np.ndarray) -> bool:
        """Say whether ``picture``, (height, width, 3) uint8, shows what was encoded last."""
        last = self._pictures.get(camera)
        return self.threshold > 0 and last is not None and change(last, picture) <= self.threshold

    def keep(self, camera: str, picture: np.ndarray) -> None:
        """Remember a picture that was encoded."""
        self.encoded[camera] += 1
        if self.threshold > 0:
            self._pictures[camera] = picture.copy()

    def summary(self) -> str:
        """Return e.g. ``top 3 of 10, left 0 of 10`` were used again."""
        names = sorted(self.encoded | self.reused)
        return ', '.join(
            f'{name} {self.reused[name]} of {self.reused[name] + self.encoded[name]}'
            for name in names
        )


def change(before: np.ndarray, after: np.ndarray) -> float:
    """Return the largest mean difference of any tile and channel, in levels of 255, rounded."""
    height, width = before.shape[:2]
    tiles = max(1, width // TILE), max(1, height // TILE)
    difference = cv2.absdiff(before, np.ascontiguousarray(after))
    return float(cv2.resize(difference, tiles, interpolation=cv2.INTER_AREA).max())

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How the pictures of several cameras go through one vision encoder.

batched: cameras with pictures of one size in one run. single: one run after the other, each with
all threads. parallel: one run per camera, at the same time, on the threads that there are.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from vla_ros.policy.bundle import Bundle
from vla_ros.policy.spec import CameraSpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Session

Images = Mapping[str, np.ndarray]  # (height, width, 3) uint8 RGB by camera name
ROUNDS = 3  # of measuring a mode, after one that is not counted


class CameraGroup:
    """Cameras whose pictures go through the encoder in one run."""

    def __init__(self, cameras: Sequence[CameraSpec], session: Session) -> None:
        """Take a session for so many pictures of that size, and run it once."""
        self.cameras, self.session = tuple(cameras), session
        height, width = cameras[0].size
        self._inputs: dict[str, np.ndarray] = {
            'image': np.zeros((len(cameras), height, width, 3), np.uint8),
            'mean': np.array([camera.mean for camera in cameras], np.float32),
            'std': np.array([camera.std for camera in cameras], np.float32),
        }
        self.shape = session.run(self._inputs)['features'].shape  # (cameras, tokens, size)

    @property
    def tokens(self) -> int:
        """Return the tokens of all its cameras."""
        return self.shape[0] * self.shape[1]

    def encode(self, images: Images, features: np.ndarray) -> None:
        """Write the features into ``features``, (tokens, size)."""
        inputs = {**self._inputs, 'image': self._stack(images)}
        self.session.run(inputs, {'features': features.reshape(self.shape)})

    def _stack(self, images: Images) -> np.ndarray:
        """Return the pictures as one array: a single one as it is, several in a buffer."""
        if len(self.cameras) == 1:
            return images[self.cameras[0].name][None]
        stacked = self._inputs['image']
        for i, camera in enumerate(self.cameras):
            stacked[i] = images[camera.name]
        return stacked


@dataclass(frozen=True)
class Encoding:
    """All cameras of a policy, in its order, in groups; and how these are run."""

    mode: str
    groups: tuple[CameraGroup, ...]
    pool: ThreadPoolExecutor | None = None

    def new_features(self) -> np.ndarray:
        """Return an array for the features of all cameras, (1, tokens, size) float32."""
        tokens = sum(group.tokens for group in self.groups)
        return np.empty((1, tokens, self.groups[0].shape[2]), np.float32)

    def parts(self, features: np.ndarray) -> list[np.ndarray]:
        """Return each group's part of ``features``, (tokens, size) views."""
        ends = np.cumsum([group.tokens for group in self.groups])
        return np.split(features[0], ends[:-1])

    def run(self, images: Images, features: np.ndarray, chosen: Sequence[int]) -> None:
        """Encode the groups with the numbers ``chosen`` into their parts of ``features``."""
        parts = self.parts(features)
        jobs = [partial(self.groups[i].encode, images, parts[i]) for i in chosen]
        if self.pool is None:
            _run_in_turn(jobs)
        else:
            for future in [self.pool.submit(job) for job in jobs]:
                future.result()


def open_encoding(bundle: Bundle, placement: NodePlacement, one_by_one: bool) -> Encoding:
    """
    Load the vision encoder in the mode that ``placement`` names, or in the fastest.

    Without a word from it cameras are batched, or single where each must be encoded
    ``one_by_one``. Raise ConfigError as Bundle.open does.
    """
    default = 'single' if one_by_one else 'batched'
    if placement.cameras != 'measured':
        return _open_mode(placement.cameras or default, bundle, placement)
    modes = {default, 'single'} | ({'parallel'} if placement.thread_count() > 1 else set())
    return min((_open_mode(mode, bundle, placement) for mode in sorted(modes)), key=_measure)


def _open_mode(mode: str, bundle: Bundle, placement: NodePlacement) -> Encoding:
    each = [[camera] for camera in bundle.spec.cameras]
    batches = bundle.spec.picture_batches() if mode == 'batched' else each
    streams = min(len(batches), placement.thread_count()) if mode == 'parallel' else 1
    loaded: dict[tuple[int, int, int], Session] = {}
    groups = []
    for batch in batches:
        key = (len(batch), *batch[0].size)
        if key not in loaded:
            # the sizes that its pictures leave open are fixed
            fixed = bundle.spec.picture_sizes(len(batch), batch[0])
            loaded[key] = bundle.open('vision_encoder', placement, fixed, streams)
        session = loaded[key].fork() if streams > 1 else loaded[key]
        groups.append(CameraGroup(batch, session))
    pool = ThreadPoolExecutor(streams, 'camera') if streams > 1 else None
    return Encoding(mode, tuple(groups), pool)


def _measure(encoding: Encoding) -> float:
    """Return the seconds of the fastest of some runs on pictures of noise."""
    rng = np.random.default_rng(0)
    images = {
        camera.name: rng.integers(0, 256, (*camera.size, 3), np.uint8)
        for group in encoding.groups
        for camera in group.cameras
    }
    features, everything = encoding.new_features(), range(len(encoding.groups))
    seconds = []
    for _ in range(1 + ROUNDS):
        start = perf_counter()
        encoding.run(images, features, everything)
        seconds.append(perf_counter() - start)
    return min(seconds[1:])


def _run_in_turn(jobs: Sequence[Callable[[], None]]) -> None:
    for job in jobs:
        job()

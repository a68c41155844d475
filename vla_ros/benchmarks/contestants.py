# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the policy benchmark lets run against each other, and on which pictures."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np

from vla_ros.policy.bundle import Bundle
from vla_ros.policy.family import Ask, ExpertSettings, family_of
from vla_ros.policy.spec import BLOCKS, CameraSpec, PolicySpec
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.usage import read_memory
from vla_ros.runtime.workers import work

Images = Mapping[str, np.ndarray]
BASE = 'stock fp32'
ONE_BY_ONE = 'cameras one by one'
OUTSIDE = 'pictures normalised outside'
BOUND = 'arrays bound'
CHANGES = (ONE_BY_ONE, OUTSIDE, BOUND)
PATCH = 16  # px of one colour: a picture of noise alone would be an odd one to encode
SETS = 3  # of pictures that alternate


class Predicts(Protocol):
    """Anything that turns an observation into actions."""

    def predict(
        self,
        images: Images,
        state: np.ndarray,
        instruction: str | None = None,
        sequence: int = 0,
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Return the actions and the seconds of each block."""


class StockPolicy:
    """A bundle's blocks one after the other in ONNX Runtime as one gets it, but for ``change``."""

    def __init__(self, bundle: Bundle, threads: int, change: str = '') -> None:
        """Load the blocks; ``change`` is empty or one of CHANGES."""
        from vla_ros.runtime.backends.stock import BoundStockSession, StockSession

        self._spec = bundle.spec
        self._floats = 'image'  # the input that takes pictures
        session = BoundStockSession if change == BOUND else StockSession
        with TemporaryDirectory(prefix='vla_ros.benchmark.') as folder:
            file = bundle.path / bundle.spec.blocks['vision_encoder'].file
            if change == OUTSIDE:
                cut = Path(folder, 'cut.onnx')
                self._floats = cut_normalisation(file, cut)
                file = cut
            self._vision = session(file, threads)
        stock = replace(bundle, load=lambda path, *wanted: session(path, threads))
        family = family_of(bundle.spec)
        self._backbone = family.backbone(stock, NodePlacement())
        self._expert = family.expert(stock, NodePlacement(), ExpertSettings())
        self._one_by_one = change == ONE_BY_ONE

    def predict(
        self,
        images: Images,
        state: np.ndarray,
        instruction: str | None = None,
        sequence: int = 0,
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Return the actions and the seconds of each block."""
        ask = Ask(self._spec.instruction if instruction is None else instruction, sequence)
        times = [perf_counter()]
        parts = [self._encode(group, images).copy() for group in self._groups()]
        known = {'features': np.concatenate(parts, axis=1), 'state': state}
        times.append(perf_counter())
        known |= self._backbone.run(known, ask)
        times.append(perf_counter())
        actions = self._expert.run(known, ask)['actions']
        times.append(perf_counter())
        return actions, dict(zip(BLOCKS, np.diff(times).tolist(), strict=True))

    def _groups(self) -> list[list[CameraSpec]]:
        if self._one_by_one:
            return [[camera] for camera in self._spec.cameras]
        return [list(group) for _, group in groupby(self._spec.cameras, _size)]

    def _encode(self, cameras: list[CameraSpec], images: Images) -> np.ndarray:
        inputs = {
            'image': np.stack([images[camera.name] for camera in cameras]),
            'mean': np.array([camera.mean for camera in cameras], np.float32),
            'std': np.array([camera.std for camera in cameras], np.float32),
        }
        if self._floats != 'image':
            inputs = {self._floats: _normalised(**inputs)}
        features = self._vision.run(inputs)['features']
        return features.reshape(1, -1, features.shape[-1])


def cut_normalisation(source: Path, output: Path) -> str:
    """Write a vision encoder from its first convolution on; return the name of its input."""
    import onnx
    from onnx.utils import Extractor

    model = onnx.shape_inference.infer_shapes(onnx.load(source), data_prop=True)
    first = next(node for node in model.graph.node if node.op_type == 'Conv')
    onnx.save(Extractor(model).extract_model([first.input[0]], ['features']), output)
    return str(first.input[0])


def memory_of(load: Callable[[], Predicts], seen: tuple[Images, np.ndarray]) -> int:
    """Return the bytes by which a new process grows that loads a policy and runs it."""
    (growth,) = work(partial(_growth, load), [seen], 1)
    return growth


def _growth(load: Callable[[], Predicts], seen: tuple[Images, np.ndarray]) -> int:
    before = read_memory(os.getpid())
    policy = load()
    policy.predict(*seen)
    return read_memory(os.getpid()) - before


class Contestant:
    """A loaded policy and what its runs took."""

    def __init__(self, label: str, load: Callable[[], Any], still: int = 0) -> None:
        """Load it."""
        self.label, self.load, self.policy, self._still = label, load, load(), still
        self.memory: int | None = None  # bytes, where it was measured
        self.blocks: dict[str, list[float]] = {}  # s
        self.totals: list[float] = []  # s
        self.cpu: list[float] = []  # s, of all threads
        self.warm_up: list[float] = []  # s

    def run(self, number: int, observations: list[tuple[Images, np.ndarray]], keep: bool) -> None:
        """Predict once."""
        images, state = observations[number % len(observations)]
        frozen = list(images)[: self._still]
        seen = {**images, **{name: observations[0][0][name] for name in frozen}}
        start, began = process_time(), perf_counter()
        _, times = self.policy.predict(seen, state)
        took = perf_counter() - began
        if not keep:
            self.warm_up.append(took)
            return
        self.cpu.append(process_time() - start)
        self.totals.append(took)
        for block, seconds in times.items():
            self.blocks.setdefault(block, []).append(seconds)


def random_observations(spec: PolicySpec) -> Iterator[tuple[Images, np.ndarray]]:
    """Yield pictures of coloured patches, and states, without end; the same for every run."""
    rng = np.random.default_rng(0)
    while True:
        images = {camera.name: _patches(rng, camera) for camera in spec.cameras}
        yield images, rng.standard_normal(len(spec.joint_names))


def observations(spec: PolicySpec) -> list[tuple[Images, np.ndarray]]:
    """Return the first few of the random observations, for runs that alternate between them."""
    return list(islice(random_observations(spec), SETS))


def _patches(rng: np.random.Generator, camera: CameraSpec) -> np.ndarray:
    rows, columns = -(-camera.height // PATCH), -(-camera.width // PATCH)
    colours = rng.integers(0, 256, (rows, columns, 3), np.uint8)
    return np.ascontiguousarray(
        colours.repeat(PATCH, 0).repeat(PATCH, 1)[: camera.height, : camera.width]
    )


def _normalised(image: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Return pictures (n, height, width, 3) uint8 as (n, 3, height, width), normalised."""
    pixels = image.astype(np.float32) / 255
    pixels = (pixels - mean[:, None, None]) / std[:, None, None]
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def _size(camera: CameraSpec) -> tuple[int, int]:
    return camera.height, camera.width

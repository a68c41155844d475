# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the policy benchmark lets run against each other, and on which pictures."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Protocol

import numpy as np

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS, CameraSpec, PolicySpec
from vla_ros.runtime.placement import NodePlacement, Placement, load_placement
from vla_ros.runtime.usage import read_memory

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

    def predict(self, images: Images, state: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        """Return the actions and the seconds of each block."""


@dataclass(frozen=True)
class Variant:
    """One way to run one policy."""

    label: str
    bundle: Path
    placement: Placement = field(default_factory=Placement)
    reuse_threshold: float = 0.0
    still: int = 0  # cameras whose picture never changes
    work: bool = False  # one line on work that is not done twice: no entry of its own

    def open(self, threads: int) -> Policy:
        """Load it on so many threads."""
        nodes = {block: self._node(block, threads) for block in BLOCKS}
        return Policy(load_bundle(self.bundle), Placement(nodes), self.reuse_threshold)

    def node(self, **changes: Any) -> 'Variant':
        """Return this variant with every block placed otherwise."""
        nodes = {block: replace(self.placement.node(block), **changes) for block in BLOCKS}
        return replace(self, placement=Placement(nodes))

    def _node(self, block: str, threads: int) -> NodePlacement:
        return replace(self.placement.node(block), threads=threads)


class StockPolicy:
    """A bundle's blocks one after the other in ONNX Runtime as one gets it, but for ``change``."""

    def __init__(self, bundle: Bundle, threads: int, change: str = '') -> None:
        """Load the blocks; ``change`` is empty or one of CHANGES."""
        from vla_ros.runtime.backends.stock import BoundStockSession, StockSession

        self._spec = bundle.spec
        self._floats = 'image'  # the input that takes pictures
        session = BoundStockSession if change == BOUND else StockSession
        with TemporaryDirectory(prefix='vla_ros.benchmark.') as folder:
            files = {block: bundle.path / bundle.spec.blocks[block].file for block in BLOCKS}
            if change == OUTSIDE:
                cut = Path(folder, 'cut.onnx')
                self._floats = cut_normalisation(files['vision_encoder'], cut)
                files['vision_encoder'] = cut
            self._sessions = {block: session(file, threads) for block, file in files.items()}
        self._one_by_one = change == ONE_BY_ONE

    def predict(self, images: Images, state: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
        """Return the actions and the seconds of each block."""
        times = [perf_counter()]
        parts = [self._encode(group, images).copy() for group in self._groups()]
        features = np.concatenate(parts, axis=1)
        times.append(perf_counter())
        inputs = {'features': features, 'state': np.asarray(state, np.float32)[None]}
        memory = self._sessions['llm_backbone'].run(inputs)['memory']
        times.append(perf_counter())
        actions = self._sessions['action_expert'].run({'memory': memory})['actions'][0]
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
        features = self._sessions['vision_encoder'].run(inputs)['features']
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
    with get_context('spawn').Pool(1) as pool:
        return pool.apply(_growth, (load, seen))


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


def observations(spec: PolicySpec) -> list[tuple[Images, np.ndarray]]:
    """Return pictures of coloured patches, and states; the same for every run."""
    rng = np.random.default_rng(0)
    return [
        (
            {c.name: _patches(rng, c) for c in spec.cameras},
            rng.standard_normal(len(spec.joint_names)),
        )
        for _ in range(SETS)
    ]


def parse_variant(text: str) -> Variant:
    """Return the variant that ``name=bundle[:placement]`` describes; raise ConfigError else."""
    label, found, rest = text.partition('=')
    bundle, _, placement = rest.partition(':')
    if not (label and found and bundle):
        raise ConfigError(f'variant: got {text!r}, expected name=bundle or name=bundle:placement')
    path = find_config('policies', bundle)
    if not placement:
        return Variant(label, path)
    return Variant(label, path, load_placement(find_config('placement', placement)))


def default_variants(bundle: Path) -> list[Variant]:
    """Return what every machine can run, and what OpenVINO can where it is installed."""
    plain = Variant('onnxruntime fp32', bundle)
    return [plain, *_on_openvino(bundle)]


def work_variants(variant: Variant, cameras: int) -> Iterator[Variant]:
    """Yield ``variant`` with each way of not doing work twice, alone."""
    variant = replace(variant, work=True)
    for mode in ('batched', 'single', 'parallel'):
        yield replace(variant.node(cameras=mode), label=f'{variant.label}, {mode}')
    for still in range(1, cameras + 1):
        again = variant.node(cameras='single')
        label = f'{variant.label}, {still} of {cameras} cameras still'
        yield replace(again, label=f'{label}, encoded', still=still)
        yield replace(again, label=f'{label}, re-used', still=still, reuse_threshold=1.0)


def _on_openvino(bundle: Path) -> Iterator[Variant]:
    try:
        from vla_ros.runtime.backends.openvino import precisions
    except ModuleNotFoundError:
        return
    for precision in precisions('CPU'):
        plain = Variant(f'openvino {precision}', bundle)
        yield plain.node(backend='openvino', precision=precision)


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

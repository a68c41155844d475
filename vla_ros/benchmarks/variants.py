# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ways to run a policy that a benchmark compares: bundles, recipes and placements."""

import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vla_ros.benchmarks.cache import keep
from vla_ros.benchmarks.contestants import observations
from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.picture_size import NOTATION, PictureSize, parse_size
from vla_ros.deployment.remarks import find_misnamed
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS
from vla_ros.runtime.backends.table import BACKENDS, DEFAULT, is_here
from vla_ros.runtime.placement import Placement, load_placement


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
        placement = self.node(threads=threads).placement
        return Policy(load_bundle(self.bundle), placement, self.reuse_threshold)

    def node(self, **changes: Any) -> 'Variant':
        """Return this variant with every block placed otherwise."""
        nodes = {block: replace(self.placement.node(block), **changes) for block in BLOCKS}
        return replace(self, placement=Placement(nodes))


def add_variant_arguments(parser: ArgumentParser) -> None:
    """Declare how variants are chosen beside the base, and what kind of policy --size makes."""
    from vla_ros.train.families.registry import DEFAULT, FAMILIES

    add = parser.add_argument
    add('--family', choices=FAMILIES, default=DEFAULT, help='of --size (default %(default)s)')
    add(
        '--variant',
        nargs='+',
        default=[],
        metavar='NAME=BUNDLE[:PLACEMENT]',
        help='what to compare, beside the base',
    )
    add(
        '--recipe',
        nargs='+',
        default=[],
        help='compare also the base quantized like this, '
        'calibrated on random pictures: for speed, not for success',
    )
    add(
        '--cache',
        type=Path,
        default=Path('outputs/untrained'),
        help='folder to keep in what --size and --recipe make',
    )


def parse_variant(text: str) -> Variant:
    """Return the variant that ``name=bundle[:placement]`` describes; raise ConfigError else."""
    label, found, rest = text.partition('=')
    bundle, _, placement = rest.partition(':')
    if not (label and found and bundle):
        raise ConfigError(f'variant: got {text!r}, expected name=bundle or name=bundle:placement')
    path = find_config('policies', bundle)
    if not placement:
        return Variant(label, path)
    file = find_config('placement', placement)
    for remark in find_misnamed(file):
        logging.getLogger(__name__).warning(remark)
    return Variant(label, path, load_placement(file))


def read_size(text: str) -> PictureSize:
    """Return the size of a policy's pictures; say so where they are taller than wide."""
    size = parse_size(text)
    if size.height > size.width:
        logging.getLogger(__name__).warning(
            f'--size: got {text}, pictures {size.height - size.width} px taller than wide; '
            f'{NOTATION} names the width first'
        )
    return size


def untrained(family: str, size: PictureSize, cache: Path) -> Bundle:
    """Return a policy with random weights for such pictures; it is kept in ``cache``."""
    path = cache / f'{family}_{size}'

    def make() -> None:
        from vla_ros.train.untrained import write_untrained

        write_untrained(path, family, size.height, size.width)

    facts = size._asdict()  # what an older version called by such a name was of another size
    return keep(path, facts, ('policy', 'train'), ('lerobot', 'onnx', 'torch'), make)


def quantized(base: Bundle, name: str, cache: Path) -> Variant:
    """Return the base quantized by a recipe, which is kept in the folder ``cache``."""
    from vla_ros.dataset.samples import Sample
    from vla_ros.quantization.quantize import quantize_bundle
    from vla_ros.quantization.recipe import FEWEST_FRAMES, load_recipe

    recipe = load_recipe(find_config('recipes', name))
    path = cache / f'{base.spec.name}_{recipe.name}'

    def make() -> None:
        seen = observations(base.spec) * FEWEST_FRAMES
        samples = [Sample(images, state) for images, state in seen[:FEWEST_FRAMES]]
        quantize_bundle(base, recipe, samples, path)

    files = {name: block.sha256 for name, block in base.spec.blocks.items()}
    facts = {'policy': files, 'recipe': recipe.as_dict()}
    keep(path, facts, ('policy', 'quantization'), ('onnx', 'onnxruntime'), make)
    return Variant(recipe.name, path)


def default_variants(bundle: Path) -> list[Variant]:
    """Return what every machine can run, and what the other back ends can where they are here."""
    plain = Variant(f'{DEFAULT} fp32', bundle)
    others = [name for name in BACKENDS if name != DEFAULT and is_here(name)]
    return [plain, *(variant for name in others for variant in _on_cpu(bundle, name))]


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


def _on_cpu(bundle: Path, backend: str) -> Iterator[Variant]:
    """Yield the policy at each precision of float parts that the back end has on the CPU."""
    for device in BACKENDS[backend].devices():
        for precision in device.floats if device.device == 'cpu' else ():
            plain = Variant(f'{backend} {precision}', bundle)
            yield plain.node(backend=backend, precision=precision)

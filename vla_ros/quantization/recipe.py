# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recipes: at which precision each block of a policy, and each layer in it, computes.

A recipe is a YAML file; a block that it leaves out stays at fp32::

    target: onnxruntime
    calibration: {frames: 64, method: minmax}
    blocks:
      vision_encoder: {precision: int8_static, layers: {'/projection/*': fp32}}
      llm_backbone: {precision: int8_dynamic}
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from vla_ros.core.config import find_config, load_yaml
from vla_ros.core.errors import ConfigError
from vla_ros.policy.spec import BLOCKS
from vla_ros.runtime.backends.table import BACKENDS, DEFAULT, INTEGERS

T = TypeVar('T')
FLOATS = ('fp32', 'fp16', 'bf16')
PRECISIONS = (*FLOATS, *INTEGERS)
METHODS = ('minmax', 'percentile', 'entropy')
ACTIVATIONS = ('uint8', 'int8')
# options of a block, and the precisions that make a difference of them
HEEDED_BY = {
    'floats': INTEGERS,
    'activations': ('int8_static',),
    'attention': ('int8_static',),
    'reduce_range': ('int8_static', 'int8_dynamic'),
}
CALIBRATED = {'int8_static', 'int4_weights'}  # ranges of activations, rounding of weights
FEWEST_FRAMES = 8  # below, a range is an accident of the pictures that were drawn


@dataclass(frozen=True)
class Calibration:
    """
    Which recorded frames show a block's inputs, and how ranges of activations are found there.

    The frames alone count for int4_weights, the rest for int8_static only.
    """

    frames: int = 64  # from all over the dataset
    method: str = 'minmax'
    percentile: float = 99.999  # share of values within the range, where the method takes one

    def __post_init__(self) -> None:
        """Check every value."""
        _check_one_of('method', self.method, METHODS)
        if type(self.frames) is not int or self.frames < FEWEST_FRAMES:
            raise ConfigError(
                f'frames: got {self.frames!r}, expected {FEWEST_FRAMES} or more; a smaller '
                'calibration set does not show the range of the activations'
            )
        if type(self.percentile) not in (int, float) or not 90 <= self.percentile <= 100:
            raise ConfigError(f'percentile: got {self.percentile!r}, expected 90 to 100')


@dataclass(frozen=True)
class BlockRecipe:
    """
    The precision of one block.

    ``layers`` maps patterns of node names (shell wildcards) to other precisions; the last one
    that matches counts. ``floats`` is what a back end that can choose computes the rest in.
    """

    precision: str = 'fp32'
    layers: Mapping[str, str] = field(default_factory=dict)
    floats: str = 'fp32'
    activations: str = 'uint8'  # of int8_static; int8 for Arm, most NPUs, products in OpenVINO
    attention: bool = False  # products of two activations too: for NPUs that know 8 bit only
    reduce_range: bool = False  # 7 bit weights, for x86 without VNNI, where 8 overflow

    def __post_init__(self) -> None:
        """Check every value, and that the precisions can be in one model."""
        if not isinstance(self.layers, Mapping) or {type(key) for key in self.layers} - {str}:
            raise ConfigError(f'layers: got {self.layers!r}, expected {{pattern: precision}}')
        _check_one_of('precision', self.precision, PRECISIONS)
        _check_one_of('floats', self.floats, FLOATS)
        _check_one_of('activations', self.activations, ACTIVATIONS)
        for name in ('attention', 'reduce_range'):
            if type(getattr(self, name)) is not bool:
                raise ConfigError(f'{name}: got {getattr(self, name)!r}, expected true or false')
        for pattern, precision in self.layers.items():
            _check_one_of(f'layers: {pattern}', precision, PRECISIONS)
        self._check_heeded()
        mixed = self.used - {'fp32', *INTEGERS}
        if mixed and len(self.used) > 1:
            raise ConfigError(
                f'layers: got {sorted(self.used)} in one block, expected {sorted(mixed)} alone, '
                'or fp32 with integers; give the whole block that precision, or take floats'
            )

    def _check_heeded(self) -> None:
        """Raise ConfigError for an option that no precision of the block would heed."""
        for name, precisions in HEEDED_BY.items():
            value, default = getattr(self, name), self.__dataclass_fields__[name].default
            if value != default and not self.used.intersection(precisions):
                raise ConfigError(
                    f'{name}: got {value!r} in a block of {sorted(self.used)}, expected it with '
                    f'{" or ".join(precisions)} only, for nothing else heeds it; leave it out'
                )

    @property
    def used(self) -> set[str]:
        """Return the precisions that appear."""
        return {self.precision, *self.layers.values()}

    @property
    def runtime_precision(self) -> str:
        """Return what the back end is told to compute the float parts in."""
        return 'bf16' if self.precision == 'bf16' else self.floats


@dataclass(frozen=True)
class Recipe:
    """What happens to each block of a policy; raises ConfigError for what can't be done."""

    name: str
    blocks: Mapping[str, BlockRecipe]
    target: str = DEFAULT  # the back end that shall run it
    type: str = ''  # of the policies whose layers it names; empty: any
    description: str = ''
    calibration: Calibration = field(default_factory=Calibration)

    def __post_init__(self) -> None:
        """Check the names, and that the target can run what it is given."""
        _check_one_of('target', self.target, tuple(BACKENDS))
        runs = BACKENDS[self.target].precisions
        for name, block in self.blocks.items():
            _check_one_of('blocks', name, BLOCKS)
            wrong = sorted((block.used | {block.floats}) - runs)
            if wrong:
                raise ConfigError(
                    f'{name}: got {wrong}, expected what {self.target} computes in on a CPU, '
                    f'{sorted(runs)}; change the precision or the target'
                )

    def block(self, name: str) -> BlockRecipe:
        """Return the recipe of a block; fp32 where there is none."""
        return self.blocks.get(name, BlockRecipe())

    def alone(self, name: str) -> 'Recipe':
        """Return the recipe that treats one block only."""
        return Recipe(
            f'{name}-{self.block(name).precision}',
            {name: self.block(name)},
            self.target,
            self.type,
            f'{name} of {self.name} alone',
            self.calibration,
        )

    @property
    def calibrated(self) -> tuple[str, ...]:
        """Return the names of the blocks that are calibrated on recorded frames."""
        return tuple(name for name in BLOCKS if self.block(name).used & CALIBRATED)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for policy.json."""
        return asdict(self)


def shipped_recipes(kind: str) -> list[Recipe]:
    """Return the recipes in config/recipes that are for policies of a type."""
    folder = find_config('recipes', 'cpu_int8').parent
    recipes = map(load_recipe, sorted(folder.glob('*.yaml')))
    return [recipe for recipe in recipes if recipe.type in ('', kind)]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; raise ConfigError naming the file, the block and the value."""
    content = load_yaml(path, {item.name for item in fields(Recipe)} - {'name'})
    try:
        blocks = _mapping('blocks', content.pop('blocks', None), BLOCKS)
        calibration = content.pop('calibration', {})
        return Recipe(
            path.stem,
            {name: _build(BlockRecipe, name, item) for name, item in blocks.items()},
            calibration=_build(Calibration, 'calibration', calibration),
            **content,
        )
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from None


def _build(cls: type[T], where: str, content: Any) -> T:
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(map(str, set(_mapping(where, content, known)) - known))
    if unknown:
        raise ConfigError(f'{where}: got {unknown}, expected keys of {sorted(known)}')
    try:
        return cls(**content)
    except (ConfigError, TypeError) as error:
        raise ConfigError(f'{where}: {error}') from None


def _mapping(where: str, value: Any, keys: Iterable[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(
            f'{where}: got {value!r}, expected a mapping with keys of {sorted(keys)}'
        )
    return value


def _check_one_of(what: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f'{what}: got {value!r}, expected one of {list(allowed)}')

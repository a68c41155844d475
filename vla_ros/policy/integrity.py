# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether a policy's facts can be true, and whether its files are the ones that they were made for.

A bundle comes from somebody else, over a network or on a stick. Nothing of it is handed to a
library that parses or runs it before what stands here was checked.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.chunk import LONGEST_CHUNK, MOST_ROWS, SHORTEST_STEP
from vla_ros.core.errors import ConfigError, repeated
from vla_ros.core.robot import MOST_JOINTS
from vla_ros.core.units import MEND as MEND_UNITS
from vla_ros.core.units import RAD, Bounds, find_other_units
from vla_ros.runtime.onnx_references import check_self_contained
from vla_ros.runtime.session import TensorSpec

LARGEST_ARRAY = 2**31  # bytes
LARGEST_PICTURE = 2**14  # px, either way
DTYPES = {
    'float32': 4, 'float16': 2, 'float64': 8, 'uint8': 1, 'int8': 1, 'int32': 4, 'int64': 8,
    'bool': 1,
}  # fmt: skip
SHA256 = re.compile('[0-9a-f]{64}')
MEND = 'copy the bundle again, or export it again'


class Seal(NamedTuple):
    """A file as it was when it was checked: the same file with the same content has the same."""

    device: int
    inode: int
    size: int
    changed: int  # ns; Linux sets it whenever content, name or rights change


def seal(path: Path, sha256: str) -> Seal:
    """
    Check the file of a block and return its seal.

    Raise ConfigError where it is not there, is not the one that ``sha256`` was taken of, is no
    ONNX model, or needs other files.
    """
    before = _look(path)
    got = file_sha256(path)
    if got != sha256:
        raise ConfigError(
            f'{path}: got sha256 {got[:12]}..., expected {sha256[:12]}...; the file was altered '
            f'or copied in part: {MEND}'
        )
    if path.suffix == '.onnx':
        check_self_contained(path)
    check_seal(path, before)
    return before


def check_seal(path: Path, expected: Seal) -> None:
    """Raise ConfigError where the file is another one, or has another content, than it had."""
    if _look(path) != expected:
        raise ConfigError(f'{path}: changed while it was loaded; start again once it is written')


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def check_file(what: str, file: str, sha256: str) -> None:
    """Raise ConfigError, beginning with ``what``, for a file that is not beside policy.json."""
    if not file or Path(file).name != file or '\0' in file or file in ('.', '..'):
        raise ConfigError(f'{what}: file: got {file!r}, expected the name of a file beside it')
    if not SHA256.fullmatch(sha256):
        raise ConfigError(f'{what}: sha256: got {sha256!r}, expected 64 hexadecimal digits')


def check_tensor(what: str, spec: TensorSpec) -> None:
    """Raise ConfigError, beginning with ``what``, for an array that no block can have."""
    if spec.dtype not in DTYPES:
        raise ConfigError(f'{what}: got dtype {spec.dtype!r}, expected one of {list(DTYPES)}')
    sizes = [size for size in spec.shape if not isinstance(size, str)]
    if len(spec.shape) > 8 or any(type(size) is not int or size < 1 for size in sizes):
        raise ConfigError(
            f'{what}: got shape {list(spec.shape)}, expected at most 8 sizes above 0'
        )
    size = DTYPES[spec.dtype] * math.prod(sizes)
    if size > LARGEST_ARRAY:
        raise ConfigError(f'{what}: got {spec}, {size} bytes, expected at most {LARGEST_ARRAY}')


def check_rate(fps: float, chunk_size: int) -> None:
    """Raise ConfigError for chunks that no action queue plays."""
    if not 0 < fps <= 1 / SHORTEST_STEP or not 1 <= chunk_size <= MOST_ROWS:
        raise ConfigError(
            f'fps and chunk_size: got {fps} and {chunk_size}, expected above zero, at most '
            f'{1 / SHORTEST_STEP:g} and {MOST_ROWS}'
        )
    if chunk_size / fps > LONGEST_CHUNK:
        raise ConfigError(
            f'fps and chunk_size: got chunks of {chunk_size / fps:g} s, expected at most '
            f'{LONGEST_CHUNK:g} s'
        )


def check_names(what: str, names: Sequence[Any]) -> None:
    """Raise ConfigError, beginning with ``what``, unless each name is a text of its own."""
    bad = [name for name in names if not isinstance(name, str) or not name.strip()]
    if bad:
        raise ConfigError(f'{what}: got {bad[0]!r}, expected texts')
    twice = repeated(names)
    if twice:
        raise ConfigError(f'{what}: got {", ".join(twice)} twice, expected each once')
    if len(names) > MOST_JOINTS:
        raise ConfigError(f'{what}: got {len(names)}, expected at most {MOST_JOINTS}')


def check_camera(height: int, width: int, mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise ConfigError for a picture that there can't be, and for what can't normalise it."""
    if not (1 <= height <= LARGEST_PICTURE and 1 <= width <= LARGEST_PICTURE):
        raise ConfigError(f'got {height} x {width} px, expected 1 to {LARGEST_PICTURE} each')
    check_numbers('mean', mean)
    check_numbers('std', std, above=0.0)
    if not len(mean) == len(std) == 3 or not 0.0 <= min(mean) <= max(mean) <= 1.0:
        raise ConfigError(
            f'mean and std: got {list(mean)} and {list(std)}, expected a number for R, G and B '
            'each, the mean of 0 to 1: pictures are scaled to 0..1 before'
        )


def check_statistics(statistics: Mapping[str, Any], joints: int) -> None:
    """Raise ConfigError for statistics of actions and states that no data has."""
    if 'action' not in statistics:
        raise ConfigError(f'statistics: got {sorted(statistics)}, expected also action')
    for key in {'action', 'observation.state'} & statistics.keys():
        values = statistics[key]
        if not isinstance(values, Mapping):
            raise ConfigError(f'statistics: {key}: got {values!r}, expected lists by name')
        for name, numbers in values.items():
            what = f'statistics: {key}: {name}'
            if not isinstance(numbers, Sequence) or len(numbers) != joints:
                raise ConfigError(f'{what}: got {numbers!r}, expected {joints} numbers')
            check_numbers(what, numbers, least=0.0 if name == 'std' else -math.inf)
        if {'min', 'max'} <= values.keys() and any(map(_falls, values['min'], values['max'])):
            raise ConfigError(f'statistics: {key}: got a min above its max')


def check_units(
    units: str, joint_names: Sequence[str], statistics: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise ConfigError for a policy in other units than rad, by what it says or by its data."""
    if units not in ('', RAD):
        raise ConfigError(
            f'units: got {units!r}, expected {RAD}; export the policy again, and tell its units: '
            'it is converted then'
        )
    for key in ('action', 'observation.state'):
        known = statistics.get(key, {})
        if units or not {'min', 'max'} <= known.keys():
            continue
        bounds = Bounds(*(np.array(known[name], np.float64) for name in ('min', 'max')))
        wrong = find_other_units(joint_names, bounds)
        if wrong:
            raise ConfigError(f'statistics: {key}: {wrong} Export it again, and {MEND_UNITS}')


def check_numbers(
    what: str, values: Iterable[Any], least: float = -math.inf, above: float = -math.inf
) -> None:
    """
    Raise ConfigError, beginning with ``what``, unless all are finite and within bounds.

    They are computed with as float32, where more is infinite and less is zero.
    """
    for value in values:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        with np.errstate(over='ignore'):
            single = np.float32(value if number else math.nan)
        if not (np.isfinite(single) and single >= least and single > above):
            bound = f' above {above:g}' if above > -math.inf else ''
            bound = f' of at least {least:g}' if least > -math.inf else bound
            raise ConfigError(f'{what}: got {value!r}, expected finite numbers{bound}')


def _falls(low: float, high: float) -> bool:
    return low > high


def _look(path: Path) -> Seal:
    """Return what a file is now; a link to a file is that file."""
    if not path.is_file():
        raise ConfigError(f'{path}: not there; copy the whole bundle, or export it again')
    found = path.stat()
    return Seal(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)

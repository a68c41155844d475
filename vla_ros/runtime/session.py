# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Inference sessions: one ONNX model on the back end that was asked for, and on no other.

Every back end hides behind ``Session``: named arrays in, named arrays out, the same errors, and
facts about what really runs, as the back end itself says. Each is one file in ``backends`` and a
line in its table.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.runtime.backends.table import DEFAULT, find_backend
from vla_ros.runtime.placement import NodePlacement

WARM_UP_ROUNDS = 2  # the first plans the memory, the second shows that it is over
Arrays = Mapping[str, np.ndarray]


class TensorSpec(NamedTuple):
    """Element type and shape of an array; a string in the shape names a size that may vary."""

    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        """Return e.g. ``uint8 (n, 96, 128, 3)``."""
        return f'{self.dtype} ({", ".join(str(size) for size in self.shape)})'

    @property
    def static(self) -> bool:
        """Say whether every size is known."""
        return all(isinstance(size, int) for size in self.shape)

    def fixed(self, sizes: Mapping[str, int]) -> 'TensorSpec':
        """Return this with the named sizes filled in."""
        shape = [sizes.get(size, size) if isinstance(size, str) else size for size in self.shape]
        return TensorSpec(self.dtype, tuple(shape))

    def agrees(self, other: 'TensorSpec') -> bool:
        """Say whether an array can be both; a size that may vary agrees with any."""
        if self.dtype != other.dtype or len(self.shape) != len(other.shape):
            return False
        sizes = zip(self.shape, other.shape, strict=True)
        return all(a == b for a, b in sizes if isinstance(a, int) and isinstance(b, int))

    def takes(self, array: np.ndarray) -> bool:
        """Say whether ``array`` is such an array."""
        if array.dtype != self.dtype or array.ndim != len(self.shape):
            return False
        sizes = zip(array.shape, self.shape, strict=True)
        return all(got == size for got, size in sizes if isinstance(size, int))


class Layer(NamedTuple):
    """One operator as the back end ran it."""

    name: str
    operator: str
    kernel: str  # what computed it: a provider, or a kernel with its instruction set and precision
    seconds: float


@dataclass(frozen=True)
class Wanted:
    """What a session is asked to be."""

    path: Path
    placement: NodePlacement
    precision: str = 'fp32'  # of the float parts
    sizes: Mapping[str, int] = field(default_factory=dict)  # of named dimensions
    inputs: Mapping[str, TensorSpec] = field(default_factory=dict)  # which name those dimensions
    streams: int = 1  # runs at the same time, on threads of the caller
    profiling: bool = False  # for ``layers``; costs time


class Session(ABC):
    """A loaded model that maps named arrays to named arrays."""

    path: Path
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    facts: Mapping[str, str]  # backend, device, precision ... that really run
    answer_error: float | None = None  # to what the model is known to answer; None: nobody tried

    def run(self, inputs: Arrays, outputs: Arrays | None = None) -> dict[str, np.ndarray]:
        """
        Return the outputs for ``inputs`` by name; contiguous arrays go in without a copy.

        Results are written into those of ``outputs`` that are given (contiguous, of the right
        type and shape), else into new arrays. Raise VlaError where the inputs are not the
        model's and where the computation fails; the session can be used again.
        """
        if inputs.keys() != self.inputs.keys():
            raise VlaError(f'{self.path}: got inputs {list(inputs)}, expected {list(self.inputs)}')
        given = {name: np.asarray(array, order='C') for name, array in inputs.items()}
        for name, spec in self.inputs.items():
            self._check(name, given[name], spec, '; start every block with the same policy')
        buffers = self._new_outputs(outputs or {})
        for name, array in buffers.items():
            self._check(name, array, self.outputs[name])
        return self._compute(given, buffers)

    def warm_up(self) -> None:
        """Run on zeros, so that the first real answer takes as long as any other."""
        zeros = {
            name: np.zeros([1 if isinstance(n, str) else n for n in spec.shape], spec.dtype)
            for name, spec in self.inputs.items()
        }
        for _ in range(WARM_UP_ROUNDS):
            self.run(zeros)

    @abstractmethod
    def fork(self) -> 'Session':
        """Return a session on the same weights that another thread may run at the same time."""

    @abstractmethod
    def layers(self) -> list[Layer]:
        """Return the operators of the last run, for a session loaded with ``profiling``."""

    @abstractmethod
    def _compute(self, inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        """Return all outputs, those that have a buffer in ``outputs`` in it."""

    def _new_outputs(self, given: Arrays) -> dict[str, np.ndarray]:
        """Return ``given`` with an array for every other output whose shape is known."""
        new = {n: spec for n, spec in self.outputs.items() if spec.static and n not in given}
        return {**{n: np.empty(spec.shape, spec.dtype) for n, spec in new.items()}, **given}

    def _check(self, name: str, array: np.ndarray, expected: TensorSpec, mend: str = '') -> None:
        if not expected.takes(array):
            got = TensorSpec(str(array.dtype), array.shape)
            raise self._failed(f'{name}: got {got}, expected {expected}{mend}')

    def _failed(self, reason: object) -> VlaError:
        return VlaError(f'{self.path}: inference failed: {one_line(reason)}')


def load(
    path: Path,
    placement: NodePlacement,
    sizes: Mapping[str, int] | None = None,
    inputs: Mapping[str, TensorSpec] | None = None,
    precision: str = '',
    streams: int = 1,
    profiling: bool = False,
) -> Session:
    """
    Load the model in ``path`` where ``placement`` says.

    ``sizes`` gives named dimensions their value, so that memory is planned once; ``inputs`` says
    which dimensions have which name. ``precision`` is the model's own wish, which the placement
    overrules. Raise ConfigError where the back end, the provider or the device is not there,
    where the file does not load, and where something else would run than was asked for.
    """
    wanted = Wanted(
        path,
        placement,
        placement.precision or precision or 'fp32',
        dict(sizes or {}),
        dict(inputs or {}),
        streams,
        profiling,
    )
    return find_backend(placement.backend or DEFAULT)(wanted)


def one_line(message: object) -> str:
    """Return the lines of an error of a C++ library that say something."""
    lines = (line.strip() for line in str(message).splitlines())
    return ' '.join(line for line in lines if line and not line.startswith('Exception from'))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Inference sessions: one ONNX model, on the providers that were asked for and no others.

The only module that imports onnxruntime. ONNX Runtime replaces a provider that does not load by
the CPU and only warns; here that is an error.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.runtime.placement import PROVIDERS, NodePlacement

# each version of ONNX Runtime has its own set of exceptions, all of them in one module
ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(
        item
        for item in vars(state).values()
        if isinstance(item, type) and issubclass(item, Exception)
    ),
)
WARM_UP_ROUNDS = 2  # the first plans the memory, the second shows that it is over
SEVERITY_ERROR = 3  # of ONNX Runtime's own log
DTYPES = {
    'tensor(float)': 'float32',
    'tensor(float16)': 'float16',
    'tensor(double)': 'float64',
    'tensor(uint8)': 'uint8',
    'tensor(int8)': 'int8',
    'tensor(int32)': 'int32',
    'tensor(int64)': 'int64',
    'tensor(bool)': 'bool',
}


class TensorSpec(NamedTuple):
    """Element type and shape of an array; a string in the shape names a size that may vary."""

    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        """Return e.g. ``uint8 (n, 96, 128, 3)``."""
        return f'{self.dtype} ({", ".join(str(size) for size in self.shape)})'


def providers_of(placement: NodePlacement) -> tuple[str, ...]:
    """
    Return the execution providers that ``placement`` asks for.

    Raise ConfigError where one isn't in this ONNX Runtime, and for an NPU without a name.
    """
    asked = placement.providers or PROVIDERS[placement.device]
    available = onnxruntime.get_available_providers()
    if not asked:
        raise ConfigError(
            f'device {placement.device}: got no providers, expected the name of its execution '
            f'provider; this ONNX Runtime has {available}: name one in the placement'
        )
    missing = [name for name in asked if name not in available]
    if missing:
        raise ConfigError(
            f'device {placement.device}: got providers {missing}, expected some of {available}; '
            'install the ONNX Runtime build of that device, or change the placement'
        )
    return asked


class Session:
    """
    A loaded model that maps named arrays to named arrays.

    ``sizes`` fixes named dimensions, so that memory is planned once. Raise ConfigError where the
    file is no model that this ONNX Runtime can load, and where a provider did not load.
    """

    def __init__(
        self,
        path: Path,
        providers: Sequence[str],
        threads: int,
        spinning: bool = False,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.path = path
        self._sizes = dict(sizes or {})
        options = _options(threads, spinning, self._sizes)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, list(providers))
        except ORT_ERRORS as error:
            raise ConfigError(f'{path}: does not load on {list(providers)}: {error}') from None
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        self.inputs = {node.name: _spec(node) for node in self._session.get_inputs()}
        self.outputs = {node.name: _spec(node) for node in self._session.get_outputs()}
        self._check_providers(providers)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """
        Return the outputs for ``inputs`` by name; contiguous arrays go in without a copy.

        Raise VlaError where the inputs are not the model's and where the computation fails.
        """
        if inputs.keys() != self.inputs.keys():
            raise VlaError(f'{self.path}: got inputs {list(inputs)}, expected {list(self.inputs)}')
        try:
            outputs = self._session.run(None, dict(inputs))
        except ORT_ERRORS as error:
            raise VlaError(f'{self.path}: inference failed: {error}') from None
        return dict(zip(self.outputs, outputs, strict=True))

    def warm_up(self) -> None:
        """Run on zeros, so that the first real answer takes as long as any other."""
        zeros = {name: self._zeros(spec) for name, spec in self.inputs.items()}
        for _ in range(WARM_UP_ROUNDS):
            self.run(zeros)

    def _zeros(self, spec: TensorSpec) -> np.ndarray:
        sizes = self._sizes
        shape = [size if isinstance(size, int) else sizes.get(size, 1) for size in spec.shape]
        return np.zeros(shape, spec.dtype)

    def _check_providers(self, asked: Sequence[str]) -> None:
        missing = [name for name in asked if name not in self.providers]
        if missing:
            raise ConfigError(
                f'{self.path}: providers {missing} did not load, it would run on '
                f'{list(self.providers)}; available are {onnxruntime.get_available_providers()}: '
                'mend the installation of that device, or change the placement'
            )


def _options(threads: int, spinning: bool, sizes: Mapping[str, int]) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SEVERITY_ERROR
    options.add_session_config_entry('session.intra_op.allow_spinning', str(int(spinning)))
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    return options


def _spec(node: onnxruntime.NodeArg) -> TensorSpec:
    return TensorSpec(DTYPES.get(node.type, node.type), tuple(node.shape))

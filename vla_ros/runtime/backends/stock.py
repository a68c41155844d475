# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime as one gets it: the base that measurements are read against."""

from pathlib import Path

import numpy as np
import onnxruntime

from vla_ros.runtime.backends.onnx_runtime import tensor_spec
from vla_ros.runtime.session import Arrays, Layer, Session


class StockSession(Session):
    """A model on the CPU with every option as ONNX Runtime sets it, but for the threads."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        providers = ['CPUExecutionProvider']
        self.path = path
        self._session = onnxruntime.InferenceSession(str(path), options, providers)
        self.inputs = {node.name: tensor_spec(node) for node in self._session.get_inputs()}
        self.outputs = {node.name: tensor_spec(node) for node in self._session.get_outputs()}
        self.facts = {'backend': f'onnxruntime {onnxruntime.__version__}'}

    def run(self, inputs: Arrays, outputs: Arrays | None = None) -> dict[str, np.ndarray]:
        """Return the outputs by name, unchecked and in new arrays."""
        return self._compute(inputs, {})

    def fork(self) -> Session:
        """Return this one: it is its own for every thread."""
        return self

    def layers(self) -> list[Layer]:
        """Return none: it does not profile."""
        return []

    def _compute(self, inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        return dict(zip(self.outputs, self._session.run(None, dict(inputs)), strict=True))


class BoundStockSession(StockSession):
    """The same with its arrays bound: results are written in place, and are its own."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the model."""
        super().__init__(path, threads)
        self._binding = self._session.io_binding()
        self._results: dict[str, np.ndarray] = {}

    def _compute(self, inputs: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
        if not self._results:  # the first run says how large they are
            self._results = super()._compute(inputs, outputs)
            return self._results
        for name, array in inputs.items():
            self._binding.bind_cpu_input(name, array)
        for name, array in self._results.items():
            place = array.ctypes.data
            self._binding.bind_output(name, 'cpu', 0, array.dtype.type, array.shape, place)
        self._session.run_with_iobinding(self._binding)
        return self._results

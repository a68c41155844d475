# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime as one gets it: the base that measurements are read against."""

from pathlib import Path

import numpy as np
import onnxruntime


class StockSession:
    """A model on the CPU with every option as ONNX Runtime sets it, but for the threads."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        providers = ['CPUExecutionProvider']
        self._session = onnxruntime.InferenceSession(str(path), options, providers)
        self._outputs = [node.name for node in self._session.get_outputs()]

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name."""
        return dict(zip(self._outputs, self._session.run(None, inputs), strict=True))


class BoundStockSession(StockSession):
    """The same with its arrays bound: results are written in place, and are its own."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the model."""
        super().__init__(path, threads)
        self._binding = self._session.io_binding()
        self._results: dict[str, np.ndarray] = {}

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name; the first run says how large they are."""
        if not self._results:
            self._results = super().run(inputs)
            return self._results
        for name, array in inputs.items():
            self._binding.bind_cpu_input(name, array)
        for name, array in self._results.items():
            place = array.ctypes.data
            self._binding.bind_output(name, 'cpu', 0, array.dtype.type, array.shape, place)
        self._session.run_with_iobinding(self._binding)
        return self._results

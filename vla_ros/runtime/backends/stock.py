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

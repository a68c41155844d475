# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Weights of products in 4 bit, rounded so that the products of recorded inputs change least.

The weights of one input after the other are rounded, and those that follow make up for what was
lost, as far as their inputs come together with it (GPTQ, https://arxiv.org/abs/2210.17323).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from vla_ros.quantization.graph import drop_unused

BLOCK = 32  # weights per scale: fewer cost memory, more accuracy
LEVELS = 15  # codes are 0 to this
SHRINKS = np.linspace(1.0, 0.6, 17)  # shares of a range of weights that codes may span
DAMPING = 0.01  # of the inputs' mean power, added to each: frames are few, and others will come
DOMAIN = 'com.microsoft'


class Rounded(NamedTuple):
    """The weights (inputs, outputs) of one product in 4 bit: scale * (code - zero)."""

    codes: np.ndarray  # (inputs, outputs) uint8, 0..15
    scales: np.ndarray  # (blocks, outputs) float32
    zeros: np.ndarray  # (blocks, outputs) uint8, 0..15

    @property
    def values(self) -> np.ndarray:
        """Return the weights (inputs, outputs) float32 that the codes stand for."""
        block = np.arange(len(self.codes)) // BLOCK
        return (self.codes - self.zeros[block].astype(np.float32)) * self.scales[block]


def second_moments(
    model: onnx.ModelProto, products: Collection[str], inputs: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """
    Return the sums of x x' (inputs, inputs) over what each product is given, by its name.

    ``inputs`` are those of the model; products of one array share its moments.
    """
    given = {node.name: node.input[0] for node in model.graph.node if node.name in products}
    told = onnx.ModelProto()
    told.CopyFrom(model)
    known = {item.name for item in (*model.graph.input, *model.graph.output)}
    computed = sorted(set(given.values()) - known)
    told.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in computed)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        told.SerializeToString(), options, providers=['CPUExecutionProvider']
    )
    names = [item.name for item in session.get_outputs()]
    sums: dict[str, np.ndarray] = {}
    for entry in inputs:
        arrays = {**entry, **dict(zip(names, session.run(None, dict(entry)), strict=True))}
        for name in set(given.values()):
            rows = arrays[name].reshape(-1, arrays[name].shape[-1])
            sums[name] = sums.get(name, 0.0) + (rows.T @ rows).astype(np.float64)
    return {name: sums[array] for name, array in given.items()}


def round_weights(weights: np.ndarray, moments: np.ndarray) -> Rounded:
    """
    Return ``weights`` (inputs, outputs) in 4 bit, for inputs of these second moments.

    Minimised is the square of the product's error, summed over the inputs that were seen.
    """
    count, width = weights.shape
    left, codes = weights.astype(np.float64), np.empty((count, width), np.uint8)
    scales, zeros = [], []
    power, spread = np.diag(moments) + _damping(moments), _spread(moments)
    for start in range(0, count, BLOCK):
        end = min(start + BLOCK, count)
        scale, zero = _grid(left[start:end], power[start:end, None])
        lost = np.empty((end - start, width))
        for row in range(start, end):
            codes[row] = _codes(left[row], scale, zero)
            lost[row - start] = (left[row] - scale * (codes[row] - zero)) / spread[row, row]
            left[row + 1 : end] -= spread[row, row + 1 : end, None] * lost[row - start]
        left[end:] -= spread[start:end, end:].T @ lost
        scales.append(scale)
        zeros.append(zero)
    return Rounded(codes, np.array(scales, np.float32), np.array(zeros, np.uint8))


def pack(
    model: onnx.ModelProto, names: Collection[str], moments: Mapping[str, np.ndarray]
) -> None:
    """
    Replace the named products by ones whose weights are in 4 bit.

    Raise ValueError, which names it, for one that is no plain product with a matrix.
    """
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.name in names:
            weights = numpy_helper.to_array(arrays[node.input[1]])
            if node.op_type != 'MatMul' or weights.ndim != 2:
                raise ValueError(
                    f'{node.name}: got a {node.op_type} of weights {weights.shape}, expected a '
                    'product of rows with a matrix'
                )
            node.CopyFrom(_packed(node, round_weights(weights, moments[node.name]), model))
    drop_unused(model)
    if DOMAIN not in {item.domain for item in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))


def _packed(node: onnx.NodeProto, rounded: Rounded, model: onnx.ModelProto) -> onnx.NodeProto:
    """Return the product ``node`` as ONNX Runtime's MatMulNBits; its constants go to the model."""
    count, width = rounded.codes.shape
    blocks = len(rounded.scales)
    codes = np.zeros((blocks * BLOCK, width), np.uint8)
    codes[:count] = rounded.codes
    parts = {
        'codes': _halves(codes.T).reshape(width, blocks, BLOCK // 2),
        'scales': np.ascontiguousarray(rounded.scales.T),
        'zeros': _halves(rounded.zeros.T),
    }
    names = [f'{node.name}.{part}' for part in parts]
    model.graph.initializer.extend(map(numpy_helper.from_array, parts.values(), names))
    return helper.make_node(
        'MatMulNBits',
        [node.input[0], *names],
        node.output,
        name=node.name,
        domain=DOMAIN,
        K=count,
        N=width,
        bits=4,
        block_size=BLOCK,
    )


def _halves(codes: np.ndarray) -> np.ndarray:
    """Return rows of 4 bit codes, two in a byte, the first in its lower half."""
    even = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2)))
    packed: np.ndarray = even[:, ::2] | even[:, 1::2] << 4
    return packed


def _damping(moments: np.ndarray) -> float:
    """Return the power that is added to each input."""
    return max(DAMPING * float(np.trace(moments)) / len(moments), np.finfo(float).tiny)


def _spread(moments: np.ndarray) -> np.ndarray:
    """Return U (inputs, inputs), upper triangular, with U'U the inverse of the moments."""
    damped = moments + _damping(moments) * np.eye(len(moments))
    upper: np.ndarray = np.linalg.cholesky(np.linalg.inv(damped)).T
    return upper


def _grid(weights: np.ndarray, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and zero of each column that lose least of ``weights``, by power of inputs."""
    low, high = np.minimum(weights.min(axis=0), 0.0), np.maximum(weights.max(axis=0), 0.0)
    best = [np.full(low.shape, np.inf), np.zeros(low.shape), np.zeros(low.shape)]
    for scale, zero in _grids(low, high):
        errors = weights - scale * (_codes(weights, scale, zero) - zero)
        loss = (power * errors**2).sum(axis=0)
        better = loss < best[0]
        found = zip((loss, scale, zero), best, strict=True)
        best = [np.where(better, new, old) for new, old in found]
    return best[1], best[2]


def _grids(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for shrink in SHRINKS:
        scale = np.where(high > low, shrink * (high - low) / LEVELS, 1.0)
        yield scale, np.clip(np.rint(-shrink * low / scale), 0, LEVELS)


def _codes(weights: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(weights / scale) + zero, 0, LEVELS)

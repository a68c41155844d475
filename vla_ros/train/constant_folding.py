# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compute the nodes of an ONNX model that depend on constants alone."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

LARGEST = 1 << 20  # bytes of a result that is stored: a large one is cheaper to compute


def fold_constants(model: onnx.ModelProto, largest: int = LARGEST) -> None:
    """
    Replace nodes whose inputs are all constants by what they give, in place.

    The exporter leaves chains of arithmetic on shapes, which back ends fold when they load the
    model, but which shape inference does not follow. Results are computed by ONNX's reference.
    """
    graph = model.graph
    stored = {item.name: item for item in graph.initializer}
    known = {
        name: numpy_helper.to_array(item)
        for name, item in stored.items()
        if np.prod(item.dims) * 8 <= largest
    }
    kept = []
    for node in graph.node:
        results = _results(node, known, model.opset_import)
        if results is None or any(result.nbytes > largest for result in results):
            kept.append(node)
        else:
            known |= dict(zip(node.output, results, strict=True))
    needed = {name for node in kept for name in node.input} | {out.name for out in graph.output}
    new = [
        numpy_helper.from_array(known[name], name)
        for name in known
        if name in needed and name not in stored
    ]
    old = [item for name, item in stored.items() if name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend([*old, *new])


def _results(
    node: onnx.NodeProto, known: Mapping[str, np.ndarray], opsets: list[onnx.OperatorSetIdProto]
) -> list[np.ndarray] | None:
    """Return what a node of constants gives; None for any other."""
    given = [name for name in node.input if name]
    nested = any(item.type == onnx.AttributeProto.GRAPH for item in node.attribute)
    if nested or any(name not in known for name in given):
        return None
    inputs = [_value(name, known[name]) for name in dict.fromkeys(given)]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    model = helper.make_model(helper.make_graph([node], '', inputs, outputs), opset_imports=opsets)
    results = ReferenceEvaluator(model).run(None, {name: known[name] for name in given})
    # not ascontiguousarray, which would make a vector of a scalar
    return [np.array(result, order='C') for result in results]


def _value(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
    )

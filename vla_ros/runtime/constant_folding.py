# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compute the nodes of an ONNX model that depend on constants alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

LARGEST = 1 << 20  # bytes of a result that is stored: a large one is cheaper to compute


def fold_constants(
    model: onnx.ModelProto, largest: int = LARGEST, sizes_alone: bool = False
) -> None:
    """
    Replace nodes whose inputs are all constants by what they give, in place.

    With ``sizes_alone`` only those of 64-bit integers, which sizes are, and no weights.

    The exporter leaves chains of arithmetic on shapes, which back ends fold when they load the
    model, but which shape inference does not follow. Results are computed by ONNX's reference.
    """
    graph = model.graph
    stored = {item.name: item for item in graph.initializer}
    known = {
        name: numpy_helper.to_array(item)
        for name, item in stored.items()
        if np.prod(item.dims) * 8 <= largest
        and (not sizes_alone or item.data_type == onnx.TensorProto.INT64)
    }
    kept = []
    for node in graph.node:
        results = _results(node, known, model.opset_import)
        if results is None or any(
            result.nbytes > largest or sizes_alone and result.dtype != np.int64
            for result in results
        ):
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


def fix_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """
    Return the model with every shape that the sizes of its inputs decide.

    ONNX's inference alone does not follow all arithmetic on them.
    """
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    sizes = {v.name: v.type.tensor_type.shape.dim for v in (*graph.input, *graph.value_info)}
    asked = [n for n in graph.node if n.op_type == 'Shape' and _is_known(sizes.get(n.input[0]))]
    if not asked:
        return model
    for node in asked:
        shape = np.array([dim.dim_value for dim in sizes[node.input[0]]], np.int64)
        ends = {item.name: item.i for item in node.attribute}
        chosen = shape[slice(ends.get('start'), ends.get('end'))]
        graph.initializer.append(numpy_helper.from_array(chosen, node.output[0]))
        graph.node.remove(node)
    fold_constants(model, sizes_alone=True)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _is_known(sizes: Any) -> bool:
    return sizes is not None and all(size.HasField('dim_value') for size in sizes)


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

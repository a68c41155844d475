# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes of an ONNX graph that have weights, and the precision that a recipe gives each."""

from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from vla_ros.core.errors import ConfigError
from vla_ros.quantization.recipe import BlockRecipe

PRODUCTS = ('MatMul', 'Gemm')
# node types that each precision serves; ORT's dynamic convolution is slower than its fp32 one
SERVED = {
    'int8_static': ('Conv', *PRODUCTS),
    'int8_dynamic': PRODUCTS,
    'int4_weights': PRODUCTS,
}
FOLLOWERS = ('Relu', 'Add', 'MaxPool')  # of convolutions: stay in 8 bit between two of them
SHOWN = 6  # names in an error


def load_model(path: Path) -> onnx.ModelProto:
    """
    Return the model with a name for every node and the shapes that can be inferred.

    Raise ConfigError where the file is no ONNX model.
    """
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    except (OSError, ValueError, RuntimeError, DecodeError) as error:
        raise ConfigError(f'{path}: is no ONNX model that can be quantized: {error}') from None
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f'{node.op_type}_{number}'
    unshare_constants(model)
    if any(node.op_type == 'QuantizeLinear' for node in model.graph.node):
        raise ConfigError(f'{path}: is quantized already; start from the bundle at fp32')
    return model


def unshare_constants(model: onnx.ModelProto) -> None:
    """
    Give every node with weights constants of its own.

    Exporters store equal ones once, handed on by Identity; a bias that two convolutions share
    would get one scale, and all but one of them would stay in float.
    """
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    passed = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type == 'Identity' and node.input[0] in arrays
    }
    uses = Counter(passed.get(name, name) for node in model.graph.node for name in set(node.input))
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            source = passed.get(name, name)
            if node.op_type in ('Conv', *PRODUCTS) and source in arrays and uses[source] > 1:
                node.input[place] = f'{node.name}.input_{place}'
                copy = model.graph.initializer.add()
                copy.CopyFrom(arrays[source])
                copy.name = node.input[place]
            elif name in passed and node.op_type != 'Identity':
                node.input[place] = source
    kept = [node for node in model.graph.node if not set(node.output) & set(passed)]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    drop_unused(model)


def weighted(model: onnx.ModelProto, attention: bool = False) -> dict[str, onnx.NodeProto]:
    """
    Return the convolutions and products with constant weights, by name.

    With ``attention``, return the products of two activations as well.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        node.name: node
        for node in model.graph.node
        if node.op_type in ('Conv', *PRODUCTS) and (attention or node.input[1] in constants)
    }


def assign(model: onnx.ModelProto, recipe: BlockRecipe, where: str) -> dict[str, str]:
    """
    Return the precision of each node that has weights.

    Raise ConfigError, which names ``where``, for a pattern that matches none of them, and where
    a precision would serve no node at all.
    """
    nodes = weighted(model, recipe.attention)
    chosen = {name: _served(node, recipe.precision) for name, node in nodes.items()}
    for pattern, precision in recipe.layers.items():
        matching = [name for name in nodes if fnmatchcase(name, pattern)]
        if not matching:
            raise ConfigError(
                f'{where}: layers: {pattern!r} matches no node with weights; there are '
                f'{_some(pattern, list(nodes))}: take a pattern of these, * stands for anything'
            )
        for name in matching:
            if _served(nodes[name], precision) != precision:
                raise ConfigError(
                    f'{where}: layers: {pattern!r}: {name} is a {nodes[name].op_type}, and '
                    f'{precision} serves {", ".join(SERVED[precision])}; take int8_static'
                )
            chosen[name] = precision
    if recipe.precision in SERVED and recipe.precision not in chosen.values():
        raise ConfigError(
            f'{where}: {recipe.precision} serves {", ".join(SERVED[recipe.precision])}, and no '
            'such node with constant weights would get it; take int8_static, or fp32'
        )
    return chosen


def followers(model: onnx.ModelProto, names: set[str]) -> set[str]:
    """
    Return the nodes after the convolutions ``names`` that work on nothing but their output.

    With them the activations stay in 8 bit from one convolution to the next.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    nodes = weighted(model)
    inside = {
        node.output[0] for name, node in nodes.items() if name in names and node.op_type == 'Conv'
    }
    found = set()
    for node in model.graph.node:  # in the order of computation
        computed = [name for name in node.input if name not in constants]
        if node.op_type in FOLLOWERS and computed and inside.issuperset(computed):
            inside.add(node.output[0])
            found.add(node.name)
    return found


def split_gemms(model: onnx.ModelProto) -> None:
    """
    Make every Gemm a MatMul of the same name and an Add, which dynamic quantizers work on.

    One whose first input is transposed, or whose weights are computed, stays.
    """
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.extend(_as_matmul(node, arrays, model) if node.op_type == 'Gemm' else [node])
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _as_matmul(
    node: onnx.NodeProto, arrays: Mapping[str, onnx.TensorProto], model: onnx.ModelProto
) -> Iterator[onnx.NodeProto]:
    options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if options.get('transA') or not set(node.input[1:]) <= set(arrays):
        yield node
        return
    weights = numpy_helper.to_array(arrays[node.input[1]]) * np.float32(options.get('alpha', 1))
    weights = weights.T if options.get('transB') else weights
    bias = len(node.input) > 2
    product = f'{node.output[0]}_product' if bias else node.output[0]
    names = [f'{node.name}.weights', f'{node.name}.bias']
    model.graph.initializer.append(
        numpy_helper.from_array(np.ascontiguousarray(weights, np.float32), names[0])
    )
    yield helper.make_node('MatMul', [node.input[0], names[0]], [product], name=node.name)
    if bias:
        added = numpy_helper.to_array(arrays[node.input[2]]) * np.float32(options.get('beta', 1))
        model.graph.initializer.append(numpy_helper.from_array(added, names[1]))
        yield helper.make_node(
            'Add', [product, names[1]], node.output, name=f'{node.name}.add_bias'
        )


def drop_unused(model: onnx.ModelProto) -> None:
    """Remove the constants that no node reads."""
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _served(node: onnx.NodeProto, precision: str) -> str:
    """Return ``precision`` where it serves such a node, else fp32."""
    return precision if node.op_type in SERVED.get(precision, (node.op_type,)) else 'fp32'


def _some(pattern: str, names: list[str]) -> str:
    """Return the names that are most like the pattern."""
    shown = get_close_matches(pattern, names, SHOWN, cutoff=0)
    more = f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''
    return ', '.join(name for name in names if name in shown) + more

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Graphs made ready for the quantizers."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from vla_ros.core.errors import ConfigError
from vla_ros.quantization.graph import load_model, split_gemms, weighted


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def write(path, nodes, shape, **constants):
    """Write a model from ``x`` to ``y``, both of one shape."""
    tensors = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, 'g', [value('x', *shape)], [value('y', *shape)], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def run(model, shape):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return session.run(None, {'x': x})[0]


def test_a_bias_that_two_convolutions_share_is_copied_for_each(tmp_path):
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node('Identity', ['b'], ['same']),
        helper.make_node('Conv', ['x', 'w', 'b'], ['h'], name='first'),
        helper.make_node('Conv', ['h', 'v', 'same'], ['y'], name='second'),
    ]
    weights = {name: rng.standard_normal((2, 2, 1, 1)) for name in 'wv'}
    path = write(tmp_path / 'm.onnx', nodes, (1, 2, 3, 3), b=rng.standard_normal(2), **weights)
    model = load_model(path)
    biases = [node.input[2] for node in weighted(model).values()]
    assert len(set(biases)) == 2 and not [n for n in model.graph.node if n.op_type == 'Identity']
    shape = (1, 2, 3, 3)
    np.testing.assert_array_equal(run(model, shape), run(onnx.load(path), shape))


@pytest.mark.parametrize('transposed', [0, 1])
def test_a_gemm_becomes_a_product_of_its_name_and_a_sum(tmp_path, transposed):
    rng = np.random.default_rng(0)
    node = helper.make_node('Gemm', ['x', 'w', 'b'], ['y'], name='g', transB=transposed, alpha=0.5)
    sizes = {'w': rng.standard_normal((4, 4)), 'b': rng.standard_normal(4)}
    path = write(tmp_path / 'm.onnx', [node], (3, 4), **sizes)
    model = load_model(path)
    split_gemms(model)
    assert [(n.op_type, n.name) for n in model.graph.node] == [
        ('MatMul', 'g'),
        ('Add', 'g.add_bias'),
    ]
    np.testing.assert_allclose(run(model, (3, 4)), run(onnx.load(path), (3, 4)), rtol=1e-5)


def test_what_is_no_model_is_named(tmp_path):
    (tmp_path / 'm.onnx').write_bytes(b'nothing')
    with pytest.raises(ConfigError, match=r'm\.onnx'):
        load_model(tmp_path / 'm.onnx')

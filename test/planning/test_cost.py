# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counting the arithmetic and the memory traffic of a model."""

import json

import onnx
import pytest
from bundles import CAMERAS, HEIGHT, JOINTS, MEMORY, PATCH, SIZE, TOKENS, WIDTH
from onnx import TensorProto, helper, numpy_helper

from vla_ros.core.errors import ConfigError
from vla_ros.planning.cost import Cost, Work, cost_from_dict, operations, total


def count(path, sizes=None):
    """Return the cost of one run of a model."""
    return total(operations(path, sizes))


def test_a_convolution_is_counted_for_every_camera(tiny_bundle):
    path = tiny_bundle / 'vision_encoder.onnx'
    three, one = (count(path, {'n': n}).work['conv.fp32'] for n in (3, 1))
    assert one.flops == 2 * SIZE * TOKENS * 3 * PATCH**2
    assert three.flops == 3 * one.flops
    assert three.weights == one.weights == 4 * SIZE * 3 * PATCH**2
    assert one.activations == 4 * (3 * HEIGHT * WIDTH + SIZE * TOKENS)


def test_products_with_weights_and_of_activations_are_kept_apart(tiny_bundle):
    backbone = count(tiny_bundle / 'backbone.onnx').work
    assert backbone['matmul.fp32'].flops == 2 * SIZE * (len(JOINTS) + MEMORY * SIZE)
    assert 'attention.fp32' not in backbone


def test_a_size_that_is_not_given_is_named(tiny_bundle):
    with pytest.raises(ConfigError, match=r'vision_encoder.*shape.*name the sizes'):
        count(tiny_bundle / 'vision_encoder.onnx')


def test_every_operator_has_a_name_even_where_the_file_has_none(tiny_bundle):
    found = operations(tiny_bundle / 'vision_encoder.onnx', {'n': len(CAMERAS)})
    assert [item.name for item in found if item.kind == 'conv'] == ['Conv_7']


def test_a_cost_survives_json(tiny_bundle):
    cost = count(tiny_bundle / 'backbone.onnx')
    assert cost_from_dict(json.loads(json.dumps(cost.as_dict()))) == cost


def test_bf16_moves_half_the_bytes(tiny_bundle):
    cost = count(tiny_bundle / 'backbone.onnx')
    half = cost.with_floats('bf16').work
    assert set(half) == {'matmul.bf16', 'other.bf16'}
    assert half['matmul.bf16'].weights == cost.work['matmul.fp32'].weights / 2
    assert half['matmul.bf16'].flops == cost.work['matmul.fp32'].flops


def test_what_has_that_precision_already_is_counted_with_it():
    work = {'matmul.fp32': Work(1, 8.0, 400.0, 40.0), 'matmul.fp16': Work(2, 1.0, 10.0, 4.0)}
    assert Cost(work).with_floats('fp16').work == {'matmul.fp16': Work(3, 9.0, 210.0, 24.0)}


def test_a_product_of_two_activations_is_attention(tmp_path):
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (4, 4)) for n in 'abc']
    node = helper.make_node('MatMul', ['a', 'b'], ['c'])
    model = helper.make_model(helper.make_graph([node], 'g', values[:2], values[2:]))
    onnx.save(model, tmp_path / 'm.onnx')
    assert count(tmp_path / 'm.onnx').work['attention.fp32'].flops == 2 * 4**3


def test_a_transposed_gemm_has_the_depth_of_its_rows(tmp_path):
    a = helper.make_tensor_value_info('a', TensorProto.FLOAT, (5, 3))
    out = helper.make_tensor_value_info('c', TensorProto.FLOAT, (3, 2))
    weights = numpy_helper.from_array(numpy_helper.np.zeros((5, 2), 'float32'), 'w')
    node = helper.make_node('Gemm', ['a', 'w'], ['c'], transA=1)
    model = helper.make_model(helper.make_graph([node], 'g', [a], [out], [weights]))
    onnx.save(model, tmp_path / 'm.onnx')
    assert count(tmp_path / 'm.onnx').work['matmul.fp32'].flops == 2 * 5 * 3 * 2


def test_what_is_no_model_is_named(tmp_path):
    (tmp_path / 'm.onnx').write_bytes(b'nothing')
    with pytest.raises(ConfigError, match='m.onnx'):
        count(tmp_path / 'm.onnx')

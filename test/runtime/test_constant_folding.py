# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What depends on constants alone is computed ahead, and the model computes what it computed."""

import numpy as np
import onnx
import pytest
from bundles import floats, model
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from vla_ros.runtime.constant_folding import fix_shapes, fold_constants


def chain(constants, *nodes):
    """Return a model of ``x`` (1, 4) to ``y``."""
    return model(list(nodes), [floats('x', 1, 4)], [floats('y', 1, 4)], constants)


def run(folded, x):
    return ReferenceEvaluator(folded).run(None, {'x': x})[0]


@pytest.fixture
def shape_arithmetic():
    half = helper.make_node('Constant', [], ['half'], value=numpy_helper.from_array(np.int64(2)))
    return chain(
        {'sizes': np.array([2, 8], np.int64), 'weight': np.eye(4, dtype=np.float32)},
        half,
        helper.make_node('Div', ['sizes', 'half'], ['halves']),
        helper.make_node('Reshape', ['x', 'halves'], ['same']),
        helper.make_node('MatMul', ['same', 'weight'], ['y']),
    )


def test_chain_of_constants_becomes_one(shape_arithmetic):
    x = np.arange(4, dtype=np.float32)[None]
    expected = run(shape_arithmetic, x)
    fold_constants(shape_arithmetic)
    onnx.checker.check_model(shape_arithmetic)
    assert [node.op_type for node in shape_arithmetic.graph.node] == ['Reshape', 'MatMul']
    assert {item.name for item in shape_arithmetic.graph.initializer} == {'halves', 'weight'}
    np.testing.assert_array_equal(run(shape_arithmetic, x), expected)


def test_scalar_stays_a_scalar(shape_arithmetic):
    shape_arithmetic.graph.node[1].input[0] = 'half'
    fold_constants(shape_arithmetic)
    halves = next(i for i in shape_arithmetic.graph.initializer if i.name == 'halves')
    assert list(halves.dims) == []


def test_large_result_is_left_to_the_back_end():
    folded = chain(
        {'one': np.ones((1, 1), np.float32), 'size': np.array([1000, 4], np.int64)},
        helper.make_node('Expand', ['one', 'size'], ['many']),
        helper.make_node('ReduceMax', ['many'], ['most'], axes=[0]),
        helper.make_node('Mul', ['x', 'most'], ['y']),
    )
    fold_constants(folded, largest=1000)
    assert [node.op_type for node in folded.graph.node] == ['Expand', 'ReduceMax', 'Mul']
    fold_constants(folded, largest=1 << 20)
    assert [node.op_type for node in folded.graph.node] == ['Mul']


def test_constant_that_is_a_result_is_kept():
    same = model(
        [helper.make_node('Neg', ['one'], ['y'])],
        [floats('x', 1, 4)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1])],
        {'one': np.ones(1, np.float32)},
    )
    fold_constants(same)
    assert [item.name for item in same.graph.initializer] == ['y']


def test_sizes_alone_are_computed_where_only_these_are_asked_for():
    both = chain(
        {
            'sizes': np.array([2, 8], np.int64),
            'half': np.int64(2),
            'weight': np.eye(4, dtype=np.float32),
        },
        helper.make_node('Div', ['sizes', 'half'], ['halves']),
        helper.make_node('Neg', ['weight'], ['turned']),
        helper.make_node('Reshape', ['x', 'halves'], ['same']),
        helper.make_node('MatMul', ['same', 'turned'], ['y']),
    )
    fold_constants(both, sizes_alone=True)
    assert [node.op_type for node in both.graph.node] == ['Neg', 'Reshape', 'MatMul']


def test_shapes_that_follow_from_those_of_the_inputs_by_arithmetic_are_known():
    """ONNX's own inference follows no division."""
    picture = helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, 24, 32])
    halved = model(
        [
            helper.make_node('Shape', ['x'], ['all']),
            helper.make_node('Slice', ['all', 'two', 'four'], ['sides']),
            helper.make_node('Div', ['sides', 'half'], ['halves']),
            helper.make_node('Concat', ['outer', 'halves'], ['wanted'], axis=0),
            helper.make_node('Resize', ['x', '', '', 'wanted'], ['small'], mode='linear'),
            helper.make_node('Neg', ['small'], ['y']),
        ],
        [picture],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, ['n', 'c', 'h', 'w'])],
        {
            name: np.array(value, np.int64)
            for name, value in {'two': [2], 'four': [4], 'half': [2], 'outer': [1, 3]}.items()
        },
    )
    fixed = fix_shapes(halved)
    known = {value.name: value.type.tensor_type.shape.dim for value in fixed.graph.value_info}
    assert [size.dim_value for size in known['small']] == [1, 3, 12, 16]
    assert [node.op_type for node in fixed.graph.node] == ['Resize', 'Neg']

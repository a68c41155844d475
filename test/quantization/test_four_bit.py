# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights in 4 bit: what inputs that come together save, and what ONNX Runtime makes of them."""

import numpy as np
import onnx
import onnxruntime
import pytest
from bundles import floats, model
from onnx import helper

from vla_ros.quantization.four_bit import BLOCK, pack, round_weights, second_moments

STEPS_PER_RANGE = 15


def nearest(weights, rounded):
    """Return the weights that plain rounding to the same scales and zeros gives."""
    block = np.arange(len(weights)) // BLOCK
    scales, zeros = rounded.scales[block], rounded.zeros[block].astype(np.float32)
    return (np.clip(np.rint(weights / scales) + zeros, 0, STEPS_PER_RANGE) - zeros) * scales


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def product(count, width, rows=3):
    """Return a model of one product, called p, and its weights."""
    weights = draw(count, width)
    nodes = [helper.make_node('MatMul', ['x', 'w'], ['y'], name='p')]
    ends = [floats('x', 1, rows, count)], [floats('y', 1, rows, width)]
    return model(nodes, *ends, {'w': weights}), weights


def run(graph, **inputs):
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return session.run(None, inputs)[0]


def test_inputs_that_are_always_equal_lose_what_one_weight_loses_and_not_what_all_do():
    count, width = 4 * BLOCK, 200
    weights = np.random.default_rng(0).uniform(-1, 1, (count, width)).astype(np.float32)
    rounded = round_weights(weights, np.ones((count, count)))
    step = rounded.scales.mean(axis=0)
    lost, plain = (
        ((values - weights).sum(axis=0) / step).std()
        for values in (rounded.values, nearest(weights, rounded))
    )
    assert plain == pytest.approx(np.sqrt(count / 12), rel=0.15)  # each loses up to half a step
    assert lost < 1.5 * np.sqrt(1 / 12)


def test_inputs_that_have_nothing_to_do_with_each_other_are_rounded_to_the_nearest():
    weights = draw(70, 30)
    rounded = round_weights(weights, np.eye(70))
    np.testing.assert_allclose(rounded.values, nearest(weights, rounded), atol=1e-6)


def test_the_error_of_correlated_inputs_is_a_fraction_of_that_of_plain_rounding():
    mixing = draw(96, 12)
    rows = draw(500, 12, seed=1) @ mixing.T + 0.1 * draw(500, 96, seed=2)
    weights, other = draw(96, 40, seed=3), draw(400, 12, seed=4) @ mixing.T
    rounded = round_weights(weights, rows.T @ rows)
    lost, plain = (
        np.square(other @ (values - weights)).sum()
        for values in (rounded.values, nearest(weights, rounded))
    )
    assert lost < 0.25 * plain


@pytest.mark.parametrize(('count', 'width'), [(1, 1), (5, 3), (31, 1), (64, 7), (97, 2)])
def test_onnx_runtime_computes_with_the_rounded_weights_whatever_their_shape(count, width):
    graph, weights = product(count, width)
    x = draw(1, 3, count, seed=1)
    moments = second_moments(graph, {'p'}, [{'x': x}])
    pack(graph, {'p'}, moments)
    onnx.checker.check_model(graph)
    assert [node.op_type for node in graph.graph.node] == ['MatMulNBits']
    rounded = round_weights(weights, moments['p'])
    np.testing.assert_allclose(run(graph, x=x), x @ rounded.values, atol=1e-4)
    np.testing.assert_allclose(rounded.values, weights, atol=0.6 * np.ptp(weights))


def test_the_same_weights_and_frames_give_the_same_bytes():
    made = []
    for _ in range(2):
        graph, _ = product(40, 5)
        pack(graph, {'p'}, second_moments(graph, {'p'}, [{'x': draw(1, 3, 40, seed=1)}]))
        made.append(graph.SerializeToString())
    assert made[0] == made[1]


def test_inputs_that_are_always_zero_and_weights_that_are_leave_everything_finite():
    for weights in (draw(40, 5), np.zeros((40, 5), np.float32)):
        values = round_weights(weights, np.zeros((40, 40))).values
        np.testing.assert_allclose(values, weights, atol=np.ptp(weights) / STEPS_PER_RANGE)


def test_moments_are_those_of_what_each_product_is_given():
    nodes = [
        helper.make_node('MatMul', ['x', 'v'], ['h'], name='first'),
        helper.make_node('Tanh', ['h'], ['t']),
        helper.make_node('MatMul', ['t', 'w'], ['y'], name='second'),
        helper.make_node('MatMul', ['t', 'u'], ['z'], name='third'),
    ]
    constants = {'v': draw(4, 6), 'w': draw(6, 2), 'u': draw(6, 3)}
    ends = [floats('x', 1, 'n', 4)], [floats('y', 1, 'n', 2), floats('z', 1, 'n', 3)]
    graph = model(nodes, *ends, constants)
    entries = [{'x': draw(1, rows, 4, seed=rows)} for rows in (2, 5)]
    moments = second_moments(graph, {'first', 'second', 'third'}, entries)
    x = np.concatenate([entry['x'][0] for entry in entries])
    t = np.tanh(x @ constants['v'])
    np.testing.assert_allclose(moments['first'], x.T @ x, rtol=1e-4)
    np.testing.assert_allclose(moments['second'], t.T @ t, rtol=1e-4)
    assert moments['second'] is moments['third']


@pytest.mark.parametrize('shape', [(1, 4, 4), (2, 4, 4)])
def test_weights_that_are_no_matrix_are_refused_by_the_name_of_their_layer(shape):
    nodes = [helper.make_node('MatMul', ['x', 'w'], ['y'], name='p')]
    ends = [floats('x', *shape)], [floats('y', *shape)]
    graph = model(nodes, *ends, {'w': draw(*shape)})
    with pytest.raises(ValueError, match=r'p: got a MatMul of weights \(., 4, 4\).*matrix'):
        pack(graph, {'p'}, {})

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What holds for a session on every back end: named arrays, one kind of error, true facts."""

import gc
import sys
import threading

import numpy as np
import pytest
from bundles import CHUNK, JOINTS, MEMORY, SIZE, TOKENS

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.runtime.backends.table import BACKENDS
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import TensorSpec, load

PICTURES = {'image': ('n', 24, 32, 3), 'mean': ('n', 3), 'std': ('n', 3)}
PICTURE_SPECS = {
    name: TensorSpec('uint8' if name == 'image' else 'float32', shape)
    for name, shape in PICTURES.items()
}


@pytest.fixture(params=BACKENDS)
def placement(request):
    pytest.importorskip(request.param)
    return NodePlacement(backend=request.param, threads=1)


@pytest.fixture
def expert(tiny_bundle, placement):
    return load(tiny_bundle / 'action_expert.onnx', placement)


def encoder_inputs(count, seed=0):
    """Return what the tiny vision encoder takes for so many pictures."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 24, 32, 3), np.uint8)
    return {'image': pixels, 'mean': np.zeros((count, 3), 'f'), 'std': np.ones((count, 3), 'f')}


def test_session_names_its_arrays(expert):
    assert str(expert.inputs['memory']) == f'float32 (1, {MEMORY}, {SIZE})'
    assert str(expert.outputs['actions']) == f'float32 (1, {CHUNK}, {len(JOINTS)})'


def test_session_says_what_really_runs(expert, placement):
    facts = expert.facts
    assert facts['backend'].startswith(placement.backend)
    assert 'CPU' in facts['providers']
    assert (facts['precision'], facts['threads']) == ('fp32', '1')


def test_named_arrays_go_in_and_come_out(expert):
    outputs = expert.run({'memory': np.ones((1, MEMORY, SIZE), np.float32)})
    assert outputs['actions'].shape == (1, CHUNK, len(JOINTS))


def test_every_back_end_computes_the_same(tiny_bundle):
    pytest.importorskip('openvino')
    memory = np.random.default_rng(0).standard_normal((1, MEMORY, SIZE)).astype(np.float32)
    one, other = (
        load(tiny_bundle / 'action_expert.onnx', NodePlacement(backend=name, threads=1))
        for name in BACKENDS
    )
    results = [session.run({'memory': memory})['actions'] for session in (one, other)]
    np.testing.assert_allclose(*results, atol=1e-5)


def test_array_that_is_not_contiguous_is_taken(expert):
    memory = np.random.default_rng(0).standard_normal((1, SIZE, MEMORY)).astype(np.float32)
    turned = memory.transpose(0, 2, 1)
    np.testing.assert_array_equal(
        expert.run({'memory': turned})['actions'], expert.run({'memory': turned.copy()})['actions']
    )


def test_answer_does_not_change_with_the_next_run(expert):
    first = expert.run({'memory': np.ones((1, MEMORY, SIZE), np.float32)})['actions']
    kept = first.copy()
    expert.run({'memory': -np.ones((1, MEMORY, SIZE), np.float32)})
    np.testing.assert_array_equal(first, kept)


def test_answer_is_written_into_the_array_that_is_given(expert):
    memory = np.ones((1, MEMORY, SIZE), np.float32)
    into = np.zeros((1, CHUNK, len(JOINTS)), np.float32)
    assert expert.run({'memory': memory}, {'actions': into})['actions'] is into
    np.testing.assert_array_equal(into, expert.run({'memory': memory})['actions'])


def test_output_array_of_another_shape_is_refused(expert):
    memory = np.ones((1, MEMORY, SIZE), np.float32)
    with pytest.raises(VlaError, match=r'inference failed: actions: got float32 \(1, 2, 6\)'):
        expert.run({'memory': memory}, {'actions': np.zeros((1, 2, 6), np.float32)})


def test_array_with_another_name_is_refused(expert):
    with pytest.raises(VlaError, match=r"got inputs \['context'\], expected \['memory'\]"):
        expert.run({'context': np.ones((1, MEMORY, SIZE), np.float32)})


@pytest.mark.parametrize(
    'memory', [np.ones((1, 2, SIZE), np.float32), np.ones((1, MEMORY, SIZE), np.float64)]
)
def test_array_of_another_shape_or_type_fails_and_the_session_lives_on(expert, memory):
    message = 'inference failed: memory: got .*expected float32.*with the same policy'
    with pytest.raises(VlaError, match=message):
        expert.run({'memory': memory})
    expert.warm_up()


def test_named_size_is_fixed_for_the_whole_session(tiny_bundle, placement):
    path = tiny_bundle / 'vision_encoder.onnx'
    session = load(path, placement, {'n': 2}, PICTURE_SPECS)
    session.warm_up()
    assert session.outputs['features'].shape == (2, TOKENS, SIZE)
    assert session.run(encoder_inputs(2))['features'].shape == (2, TOKENS, SIZE)
    with pytest.raises(VlaError, match='image: got uint8 .3, 24, 32, 3.'):
        session.run(encoder_inputs(3))


def test_named_size_that_is_left_open_may_vary(tiny_bundle, placement):
    session = load(tiny_bundle / 'vision_encoder.onnx', placement, inputs=PICTURE_SPECS)
    both = encoder_inputs(2)
    features = session.run(both)['features']
    one = session.run({name: array[1:] for name, array in both.items()})['features']
    np.testing.assert_allclose(one, features[1:], atol=1e-6)


def test_forks_run_at_the_same_time(tiny_bundle, placement):
    path = tiny_bundle / 'vision_encoder.onnx'
    session = load(path, placement, {'n': 1}, PICTURE_SPECS, streams=2)
    seeds = range(2)
    expected = [session.run(encoder_inputs(1, seed))['features'] for seed in seeds]
    wrong = []

    def run(fork, seed):
        for _ in range(50):
            got = fork.run(encoder_inputs(1, seed))['features']
            if not np.array_equal(got, expected[seed]):
                wrong.append(seed)

    threads = [threading.Thread(target=run, args=(session.fork(), seed)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_layers_say_what_computed_them(tiny_bundle, placement, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    session = load(tiny_bundle / 'action_expert.onnx', placement, profiling=True)
    session.warm_up()
    layers = session.layers()
    assert any('MatMul' in layer.operator or 'FullyConn' in layer.operator for layer in layers)
    assert all(layer.kernel and layer.seconds >= 0 for layer in layers)
    assert not list(tmp_path.iterdir())


def test_profile_that_nobody_asks_for_is_gone_with_its_session(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    load(tiny_bundle / 'action_expert.onnx', NodePlacement(threads=1), profiling=True)
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_file_that_is_no_model_is_named(tmp_path, placement):
    (tmp_path / 'broken.onnx').write_bytes(b'not a model')
    with pytest.raises(ConfigError, match='broken.onnx: does not load on') as refused:
        load(tmp_path / 'broken.onnx', placement)
    assert '\n' not in str(refused.value)


def test_back_end_that_is_not_installed_is_named_with_what_installs_it(tiny_bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    monkeypatch.delitem(sys.modules, 'vla_ros.runtime.backends.openvino', raising=False)
    with pytest.raises(ConfigError, match=r"openvino is not installed.*'vla_ros\[openvino\]'"):
        load(tiny_bundle / 'action_expert.onnx', NodePlacement(backend='openvino'))


def write_sum(path, shape):
    """Write the model y = x + x for float32 of a shape; None stands for a size without a name."""
    onnx = pytest.importorskip('onnx')
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in 'xy'
    ]
    node = onnx.helper.make_node('Add', ['x', 'x'], ['y'])
    graph = onnx.helper.make_graph([node], 'graph', ends[:1], ends[1:])
    opset = [onnx.helper.make_opsetid('', 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_a_size_without_a_name_may_vary(tmp_path, placement):
    session = load(write_sum(tmp_path / 'm.onnx', (None, 2)), placement)
    session.warm_up()
    for rows in (1, 3):
        given = np.ones((rows, 2), np.float32)
        np.testing.assert_array_equal(session.run({'x': given})['y'], 2 * given)


def test_a_single_number_goes_in_and_comes_out(tmp_path, placement):
    session = load(write_sum(tmp_path / 'm.onnx', ()), placement)
    session.warm_up()
    made = session.run({'x': np.array(3.0, np.float32)})['y']
    assert made.shape == () and made == 6.0

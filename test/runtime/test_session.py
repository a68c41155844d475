# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A session runs on what was asked for, or says what is missing."""

import numpy as np
import onnxruntime
import pytest
from bundles import CHUNK, JOINTS, MEMORY, SIZE

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Session, providers_of

CPU = ('CPUExecutionProvider',)


@pytest.fixture
def expert(tiny_bundle):
    return Session(tiny_bundle / 'action_expert.onnx', CPU, threads=1)


def test_session_names_its_arrays(expert):
    assert expert.providers == CPU
    assert str(expert.inputs['memory']) == f'float32 (1, {MEMORY}, {SIZE})'
    assert str(expert.outputs['actions']) == f'float32 (1, {CHUNK}, {len(JOINTS)})'


def test_named_arrays_go_in_and_come_out(expert):
    outputs = expert.run({'memory': np.ones((1, MEMORY, SIZE), np.float32)})
    assert outputs['actions'].shape == (1, CHUNK, len(JOINTS))


def test_array_with_another_name_is_refused(expert):
    with pytest.raises(VlaError, match=r"got inputs \['context'\], expected \['memory'\]"):
        expert.run({'context': np.ones((1, MEMORY, SIZE), np.float32)})


@pytest.mark.parametrize(
    'memory', [np.ones((1, 2, SIZE), np.float32), np.ones((1, MEMORY, SIZE), np.float64)]
)
def test_array_of_another_shape_or_type_fails_and_the_session_lives_on(expert, memory):
    with pytest.raises(VlaError, match='inference failed'):
        expert.run({'memory': memory})
    expert.warm_up()


def test_named_size_is_fixed_for_the_whole_session(tiny_bundle):
    session = Session(tiny_bundle / 'vision_encoder.onnx', CPU, threads=1, sizes={'n': 2})
    session.warm_up()
    channels = np.ones((2, 3), np.float32)
    inputs = {'image': np.zeros((2, 24, 32, 3), np.uint8), 'mean': channels, 'std': channels}
    assert session.run(inputs)['features'].shape[0] == 2


def test_provider_that_is_not_there_is_named_with_what_is():
    placement = NodePlacement(device='gpu', providers=('NoSuchExecutionProvider',))
    with pytest.raises(ConfigError, match='NoSuch.*expected some of .*CPUExecutionProvider'):
        providers_of(placement)


def test_gpu_without_its_provider_is_refused():
    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        assert providers_of(NodePlacement(device='gpu')) == ('CUDAExecutionProvider',)
    else:
        with pytest.raises(ConfigError, match='device gpu: .*CUDAExecutionProvider'):
            providers_of(NodePlacement(device='gpu'))


def test_npu_must_name_its_provider():
    with pytest.raises(ConfigError, match='device npu: got no providers.*CPUExecutionProvider'):
        providers_of(NodePlacement(device='npu'))


def test_session_that_fell_back_to_the_cpu_is_refused(tiny_bundle):
    with (
        pytest.warns(UserWarning, match='NoSuch'),
        pytest.raises(ConfigError, match='NoSuch.*did not load, it would run on .*CPU'),
    ):
        Session(tiny_bundle / 'action_expert.onnx', ['NoSuchExecutionProvider'], threads=1)


def test_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / 'broken.onnx').write_bytes(b'not a model')
    with pytest.raises(ConfigError, match='broken.onnx: does not load on'):
        Session(tmp_path / 'broken.onnx', CPU, threads=1)

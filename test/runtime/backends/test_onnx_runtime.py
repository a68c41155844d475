# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime runs on the providers that were asked for, or says what is missing."""

import onnxruntime
import pytest
from bundles import write_operator

from vla_ros.core.errors import ConfigError
from vla_ros.runtime.backends import onnx_runtime
from vla_ros.runtime.backends.onnx_runtime import providers_of
from vla_ros.runtime.backends.providers import (
    PROVIDERS,
    cpu_precisions,
    provider_settings,
    session_settings,
)
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Wanted, load

CPU = 'CPUExecutionProvider'
HERE = onnxruntime.get_available_providers()


def wanted(*providers, precision='fp32', **placement):
    """Return what a session on the providers would be asked."""
    return Wanted('block.onnx', NodePlacement(providers=providers, **placement), precision)


def test_provider_that_is_not_there_is_named_with_what_is():
    placement = NodePlacement(device='gpu', providers=('NoSuchExecutionProvider',))
    with pytest.raises(ConfigError, match='NoSuch.*expected some of .*CPUExecutionProvider'):
        providers_of(placement)


def test_gpu_without_its_provider_is_refused():
    if 'CUDAExecutionProvider' in HERE:
        assert providers_of(NodePlacement(device='gpu')) == ('CUDAExecutionProvider',)
    else:
        with pytest.raises(ConfigError, match='device gpu: .*CUDAExecutionProvider'):
            providers_of(NodePlacement(device='gpu'))


def test_npu_must_name_its_provider():
    with pytest.raises(ConfigError, match='device npu: got no providers.*CPUExecutionProvider'):
        providers_of(NodePlacement(device='npu'))


def test_session_that_fell_back_to_the_cpu_is_refused(tiny_bundle, monkeypatch):
    if 'AzureExecutionProvider' not in HERE:
        pytest.skip('another build of ONNX Runtime')
    # as with a provider whose libraries are missing: ONNX Runtime warns and goes on without it
    monkeypatch.setattr(onnxruntime.InferenceSession, 'get_providers', lambda session: [CPU])
    placement = NodePlacement(providers=('AzureExecutionProvider', CPU), threads=1)
    with pytest.raises(ConfigError, match='Azure.*did not load, it would run on .*CPU'):
        load(tiny_bundle / 'action_expert.onnx', placement)


def test_provider_that_fails_to_load_is_not_replaced(tiny_bundle, monkeypatch, capfd):
    monkeypatch.setattr(onnx_runtime, 'providers_of', lambda placement: placement.providers)
    placement = NodePlacement(providers=('NoSuchExecutionProvider', CPU), threads=1)
    with (
        pytest.warns(UserWarning, match='NoSuch'),
        pytest.raises(ConfigError, match='does not load on .*Unknown Provider Type: NoSuch'),
    ):
        load(tiny_bundle / 'action_expert.onnx', placement)
    assert 'Falling back' not in capfd.readouterr().out


@pytest.mark.skipif('AzureExecutionProvider' not in HERE, reason='another build of ONNX Runtime')
def test_provider_that_can_not_take_every_operator_is_refused_unless_the_cpu_is_named(tiny_bundle):
    path = tiny_bundle / 'action_expert.onnx'  # Azure's provider computes nothing on this machine
    with pytest.raises(ConfigError, match="add CPUExecutionProvider to the placement's providers"):
        load(path, NodePlacement(providers=('AzureExecutionProvider',), threads=1))
    both = NodePlacement(providers=('AzureExecutionProvider', CPU), threads=1)
    assert load(path, both).facts['providers'] == f'AzureExecutionProvider, {CPU}'


@pytest.mark.parametrize(('operator', 'domain'), [('Erff', ''), ('Gelu', 'of.another.runtime')])
def test_operator_that_no_kernel_computes_is_named_with_what_to_do(tmp_path, operator, domain):
    path = write_operator(tmp_path / 'other.onnx', operator, domain)
    with pytest.raises(
        ConfigError, match=f'other.onnx: does not load.*{operator}.*another recipe'
    ):
        load(path, NodePlacement(threads=1))


def test_precision_that_the_provider_does_not_compute_in_is_refused(tiny_bundle):
    placement = NodePlacement(precision='fp16', threads=1)
    with pytest.raises(ConfigError, match=r'action_expert.onnx: got precision fp16 on CPU'):
        load(tiny_bundle / 'action_expert.onnx', placement)


@pytest.mark.parametrize('name', [*PROVIDERS, 'NewExecutionProvider'])
def test_settings_of_every_provider_are_strings(name):
    settings = provider_settings(name, wanted(name, device='npu', threads=3))
    assert all(type(value) is str for value in settings.values())


def test_placement_has_the_last_word_on_settings():
    settings = {'QNNExecutionProvider': {'backend_path': 'libQnnGpu.so', 'rpc': 1}}
    asked = wanted('QNNExecutionProvider', settings=settings)
    got = provider_settings('QNNExecutionProvider', asked)
    assert (got['backend_path'], got['rpc']) == ('libQnnGpu.so', '1')


def test_setting_that_the_provider_does_not_know_is_refused(tiny_bundle):
    if 'CUDAExecutionProvider' not in HERE:
        pytest.skip('the CPU provider takes any setting')
    placement = NodePlacement(device='gpu', settings={'CUDAExecutionProvider': {'nonsense': 1}})
    with pytest.raises(ConfigError, match='nonsense'):
        load(tiny_bundle / 'action_expert.onnx', placement)


def test_idle_threads_spin_only_where_the_placement_says_so():
    key = 'session.intra_op.allow_spinning'
    assert session_settings((CPU,), wanted(CPU))[key] == '0'
    assert session_settings((CPU,), wanted(CPU, spinning=True))[key] == '1'
    both = ('XnnpackExecutionProvider', CPU)
    assert session_settings(both, wanted(*both, spinning=True))[key] == '0'


def test_arm_cores_with_bf16_compute_products_in_it():
    assert cpu_precisions('aarch64', 'fp asimd bf16 i8mm') == ('fp32', 'bf16')
    assert cpu_precisions('aarch64', 'fp asimd') == ('fp32',)
    assert cpu_precisions('x86_64', 'avx512_bf16') == ('fp32',)
    settings = session_settings((CPU,), wanted(CPU, precision='bf16'))
    assert settings['mlas.enable_gemm_fastmath_arm64_bfloat16'] == '1'


def test_threads_are_shared_by_the_streams(tiny_bundle):
    path = tiny_bundle / 'action_expert.onnx'
    session = load(path, NodePlacement(threads=4), streams=2)
    assert session.facts['threads'] == '2'
    assert isinstance(session, onnx_runtime.OnnxRuntimeSession)

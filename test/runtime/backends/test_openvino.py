# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO computes where and at the precision that was asked for, or says that it can't."""

import subprocess
import sys

import numpy as np
import pytest
from bundles import JOINTS, MEMORY, SIZE, pictures, write_operator
from patience import PATIENCE

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.samples import Sample
from vla_ros.policy.bundle import load_bundle
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import load

pytest.importorskip('openvino')

from vla_ros.runtime.backends.openvino import devices

FOUND = list(devices())
CAPABILITIES = next(found.floats for found in FOUND if found.device == 'cpu')


def open_expert(folder, **placement):
    """Load the tiny action expert on OpenVINO."""
    asked = NodePlacement(backend='openvino', threads=1, **placement)
    return load(folder / 'action_expert.onnx', asked)


@pytest.mark.skipif('bf16' not in CAPABILITIES, reason='this CPU does not compute in bf16')
def test_bf16_is_used_and_shows_in_the_facts_and_in_the_numbers(tiny_bundle):
    memory = np.random.default_rng(0).standard_normal((1, MEMORY, SIZE)).astype(np.float32)
    exact, session = open_expert(tiny_bundle), open_expert(tiny_bundle, precision='bf16')
    assert session.facts['precision'] == 'bf16'
    results = [item.run({'memory': memory})['actions'] for item in (exact, session)]
    assert 0 < np.abs(results[0] - results[1]).max() < 0.05


def test_precision_that_would_be_replaced_by_another_is_refused(tiny_bundle):
    absent = next((name for name in ('fp16', 'bf16') if name not in CAPABILITIES), None)
    if absent is None:
        pytest.skip('this CPU computes in every precision')
    with pytest.raises(
        ConfigError, match=f'got precision .* expected {absent}, which this device'
    ):
        open_expert(tiny_bundle, precision=absent)


def test_device_that_is_not_there_is_named_with_what_is(tiny_bundle):
    if any(found.device == 'npu' for found in FOUND):
        pytest.skip('this machine has an NPU')
    with pytest.raises(ConfigError, match="device npu: OpenVINO has no NPU here.*'CPU'"):
        open_expert(tiny_bundle, device='npu')


def test_setting_that_openvino_does_not_know_is_refused_in_one_line(tiny_bundle):
    with pytest.raises(ConfigError, match='Unsupported property NO_SUCH') as refused:
        open_expert(tiny_bundle, settings={'openvino': {'NO_SUCH': 1}})
    assert '\n' not in str(refused.value)


def test_unsigned_activations_that_openvino_cannot_take_are_told_with_the_mend(
    tiny_bundle, tmp_path
):
    quantize = pytest.importorskip('vla_ros.quantization.quantize').quantize_bundle
    from vla_ros.quantization.recipe import BlockRecipe, Calibration, Recipe

    samples = [Sample(pictures(seed), np.full(len(JOINTS), seed)) for seed in range(8)]
    blocks = {'llm_backbone': BlockRecipe('int8_static')}  # for ONNX Runtime
    recipe = Recipe('mine', blocks, calibration=Calibration(8, 'minmax'))
    quantize(load_bundle(tiny_bundle), recipe, samples, tmp_path / 'new')
    on_openvino = NodePlacement(backend='openvino', threads=1)
    with pytest.raises(ConfigError, match=r'backbone\.onnx.*unsigned.*set activations: int8 .*re'):
        load_bundle(tmp_path / 'new').open('llm_backbone', on_openvino)


def test_operator_that_openvino_does_not_know_is_named_with_what_to_do(tmp_path):
    path = write_operator(tmp_path / 'other.onnx', 'Erff')
    with pytest.raises(
        ConfigError, match=r'other.onnx: does not load.*no such operator; take another.*Erff'
    ):
        load(path, NodePlacement(backend='openvino', threads=1))


def test_placement_has_the_last_word_on_settings(tiny_bundle):
    session = open_expert(tiny_bundle, settings={'openvino': {'NUM_STREAMS': 2}})
    assert session.run({'memory': np.zeros((1, MEMORY, SIZE), np.float32)})


KEEPS_ITS_STACK = """
import ctypes
from vla_ros.runtime.backends.openvino import STACK_T, load_core

def signal_stack():
    stack = ctypes.create_string_buffer(STACK_T)
    assert ctypes.CDLL(None).sigaltstack(None, stack) == 0
    return stack.raw

before = signal_stack()
load_core()
assert signal_stack() == before
"""


def test_thread_keeps_its_signal_stack():
    subprocess.run([sys.executable, '-c', KEEPS_ITS_STACK], check=True, timeout=PATIENCE)

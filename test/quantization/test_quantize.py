# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bundles written anew by a recipe: precision, size, accuracy, and what is refused."""

import errno
import resource
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import pytest
from bundles import CAMERAS, OTHER_SIZE, write_bundle_of_two_sizes

from vla_ros.core.errors import ConfigError
from vla_ros.policy.block_inputs import block_inputs
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.known_answer import read_answer
from vla_ros.policy.spec import BLOCKS
from vla_ros.quantization.compare import action_error, predict_all
from vla_ros.quantization.quantize import (
    bundle_size,
    kernels,
    on_cpu,
    quantize_bundle,
)
from vla_ros.quantization.recipe import BlockRecipe, Calibration, Recipe
from vla_ros.runtime.backends.table import BACKENDS
from vla_ros.runtime.placement import NodePlacement

FAST = Calibration(8, 'minmax')
VISION = {'vision_encoder': BlockRecipe('int8_static')}
BACKBONE = {'llm_backbone': BlockRecipe('int8_dynamic')}


def operators(bundle, block):
    model = onnx.load(bundle.path / bundle.spec.blocks[block].file)
    return Counter(node.op_type for node in model.graph.node)


@pytest.fixture
def make(bundle, samples, tmp_path):
    """Return a function that quantizes the tiny bundle and loads the result."""

    def quantize(blocks, calibration=FAST, target='onnxruntime', seen=samples):
        recipe = Recipe('mine', blocks, target, calibration=calibration)
        quantize_bundle(bundle, recipe, seen, tmp_path / 'new')
        return load_bundle(tmp_path / 'new')

    return quantize


def error_of(bundle, new, samples):
    return action_error(*(predict_all(on_cpu(b), samples) for b in (bundle, new)), bundle.spec)


@pytest.mark.parametrize('method', ['minmax', 'percentile', 'entropy'])
def test_convolutions_get_calibrated_8_bit_and_nearly_the_same_actions(
    bundle, samples, make, method
):
    new = make(VISION, Calibration(8, method))
    found = operators(new, 'vision_encoder')
    assert found['QuantizeLinear'] and found['DequantizeLinear'] > found['QuantizeLinear']
    assert 0 < error_of(bundle, new, samples).mae < 0.02


def test_what_the_back_end_computes_in_8_bit_is_counted(bundle, samples, make):
    inputs = block_inputs(bundle, samples[:1], on_cpu)
    new = make(VISION | BACKBONE)
    assert kernels(bundle, 'vision_encoder', inputs['vision_encoder'][0]) == {'Conv': 1}
    assert kernels(new, 'vision_encoder', inputs['vision_encoder'][0]) == {'QLinearConv': 1}
    products = kernels(new, 'llm_backbone', inputs['llm_backbone'][0])
    assert sum(products.values()) == 2 and not products.keys() & {'MatMul', 'Gemm'}


@pytest.fixture
def two_sizes(tmp_path, samples):
    """Return a policy whose cameras differ in size, and what it sees."""
    rng = np.random.default_rng(2)
    odd = [rng.integers(0, 256, (*OTHER_SIZE, 3), np.uint8) for _ in samples]
    seen = [
        replace(sample, images={**sample.images, CAMERAS[1]: picture})
        for sample, picture in zip(samples, odd, strict=True)
    ]
    return load_bundle(write_bundle_of_two_sizes(tmp_path / 'two_sizes')), seen


@pytest.mark.parametrize('target', ['onnxruntime', 'openvino'])
@pytest.mark.parametrize('method', ['minmax', 'percentile', 'entropy'])
def test_cameras_of_two_sizes_are_calibrated_on_both(two_sizes, tmp_path, method, target):
    bundle, seen = two_sizes
    recipe = Recipe('mine', VISION, target, calibration=Calibration(8, method))
    quantize_bundle(bundle, recipe, seen, tmp_path / 'new')
    new = load_bundle(tmp_path / 'new')
    assert 0 < error_of(bundle, new, seen).mae < 0.02
    inputs = block_inputs(bundle, seen[:1], on_cpu)['vision_encoder']
    assert [entry['image'].shape[1:3] for entry in inputs] == [(24, 32), OTHER_SIZE]
    if target == 'onnxruntime':
        assert kernels(new, 'vision_encoder', inputs[0]) == {'QLinearConv': 1}


def test_quantized_blocks_are_held_against_what_those_at_fp32_make_of_a_frame(
    bundle, samples, make
):
    new = make(VISION | BACKBONE)
    on_one_thread = NodePlacement(threads=1)
    errors = {block: new.open(block, on_one_thread).answer_error for block in BLOCKS}
    assert 0.0 < errors['vision_encoder'] < 0.2 and 0.0 < errors['llm_backbone'] < 0.2
    assert errors['action_expert'] < 1e-6
    spec = new.spec.blocks['vision_encoder']
    answer = read_answer(new.path / spec.answer.file, spec.inputs, spec.outputs)
    np.testing.assert_array_equal(answer.inputs['image'][0], samples[0].images[CAMERAS[0]])


def test_only_the_named_blocks_change(bundle, make):
    new = make(BACKBONE)
    files = {
        name: (old.sha256, new.spec.blocks[name].sha256)
        for name, old in bundle.spec.blocks.items()
    }
    assert [name for name, (before, after) in files.items() if before != after] == ['llm_backbone']


def test_products_get_dynamic_8_bit(bundle, samples, make):
    new = make(BACKBONE)
    assert operators(new, 'llm_backbone')['MatMulInteger'] == 2
    assert error_of(bundle, new, samples).mae < 0.02


def test_layers_may_differ_from_their_block(make):
    new = make({'llm_backbone': BlockRecipe('int8_dynamic', layers={'*_0': 'fp32'})})
    assert operators(new, 'llm_backbone')['MatMulInteger'] == 1


def test_weights_in_4_bit_are_packed(bundle, samples, make):
    new = make({'llm_backbone': BlockRecipe('int4_weights')})
    assert operators(new, 'llm_backbone')['MatMulNBits'] == 2
    assert error_of(bundle, new, samples).mae < 0.2


def test_half_precision_keeps_the_blocks_interface(bundle, samples, make):
    new = make({name: BlockRecipe('fp16') for name in bundle.spec.blocks})
    assert new.spec.blocks['llm_backbone'].inputs == bundle.spec.blocks['llm_backbone'].inputs
    assert bundle_size(new) < bundle_size(bundle)
    assert error_of(bundle, new, samples).mae < 0.002


def test_a_run_time_precision_is_written_into_the_bundle(make):
    pytest.importorskip('openvino')
    blocks = {'llm_backbone': BlockRecipe('bf16')}
    new = make(blocks, target='openvino')
    assert new.spec.blocks['llm_backbone'].precision == 'bf16'
    assert new.spec.blocks['action_expert'].precision == 'fp32'


def test_a_block_that_its_back_end_cannot_load_is_refused_with_the_mend(bundle, make, tmp_path):
    pytest.importorskip('openvino')
    unsigned = {'llm_backbone': BlockRecipe('int8_static')}
    with pytest.raises(
        ConfigError, match='mine: llm_backbone: does not load on OpenVINO.*activations: int8'
    ):
        make(unsigned, target='openvino')
    assert not list(tmp_path.glob('new*'))
    new = make({'llm_backbone': BlockRecipe('int8_static', activations='int8')}, target='openvino')
    session = new.open('llm_backbone', NodePlacement(threads=1))
    assert session.facts['backend'].startswith('openvino')


def test_a_back_end_that_is_not_installed_does_not_keep_a_bundle_from_being_made(
    make, monkeypatch
):
    gone = BACKENDS['openvino']._replace(module='no_such_module', library='no_such_module')
    monkeypatch.setitem(BACKENDS, 'openvino', gone)
    new = make({'llm_backbone': BlockRecipe('int8_static')}, target='openvino')
    assert new.spec.recipe['target'] == 'openvino'


def test_the_recipe_is_inside_the_bundle(make):
    recipe = make(BACKBONE).spec.recipe
    assert recipe['blocks']['llm_backbone']['precision'] == 'int8_dynamic'
    assert (recipe['name'], recipe['source']) == ('mine', 'tiny')


def test_a_pattern_has_to_match_a_layer(make):
    block = BlockRecipe('int8_dynamic', layers={'/head/*': 'fp32'})
    with pytest.raises(ConfigError, match=r'mine: llm_backbone: .*/head/\*.*there are MatMul_0'):
        make({'llm_backbone': block})


def test_a_precision_that_serves_no_layer_is_refused_with_the_mend(make):
    with pytest.raises(ConfigError, match='vision_encoder.*MatMul.*int8_static'):
        make({'vision_encoder': BlockRecipe('int8_dynamic')})


def test_a_layer_of_the_wrong_kind_is_named(make):
    with pytest.raises(ConfigError, match='Conv_7 is a Conv.*int8_dynamic'):
        make({'vision_encoder': BlockRecipe(layers={'Conv*': 'int8_dynamic'})})


def test_too_few_frames_are_refused(make, samples):
    with pytest.raises(ConfigError, match='3 frames.*at least 8.*--dataset'):
        make(VISION, seen=samples[:3])


def test_pictures_of_another_size_are_refused(make, samples):
    small = {name: np.zeros((8, 8, 3), np.uint8) for name in CAMERAS}
    with pytest.raises(ConfigError, match=r'camera.*8, 8.*24, 32.*export'):
        make(VISION, seen=[replace(sample, images=small) for sample in samples])


def test_a_bundle_that_is_quantized_already_is_refused(make, samples, tmp_path):
    new = make(BACKBONE)
    with pytest.raises(ConfigError, match='quantized already, by mine'):
        quantize_bundle(new, Recipe('again', BACKBONE), samples, tmp_path / 'third')


def test_nothing_is_left_of_a_bundle_that_failed(make, tmp_path):
    with pytest.raises(ConfigError):
        make({'llm_backbone': BlockRecipe('fp32', layers={'nothing': 'fp16'})})
    assert not list(tmp_path.glob('new*'))


def test_nothing_is_left_where_the_disk_is_full_and_the_file_is_named(make, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match='too large') as full:
            make(BACKBONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full.value.errno == errno.EFBIG and full.value.filename
    assert not list(tmp_path.glob('new*'))


def test_a_bundle_of_files_that_are_read_only_gives_one_of_files_that_are_not(
    bundle, samples, tmp_path
):
    path = tmp_path / 'read_only'
    shutil.copytree(bundle.path, path)
    for file in path.iterdir():
        file.chmod(0o444)
    quantize_bundle(load_bundle(path), Recipe('mine', BACKBONE), samples, tmp_path / 'new')
    assert all(file.stat().st_mode & 0o200 for file in (tmp_path / 'new').iterdir())


def test_a_folder_that_exists_is_never_touched(make, tmp_path):
    (tmp_path / 'new').mkdir()
    with pytest.raises(ConfigError, match='there already'):
        make(BACKBONE)

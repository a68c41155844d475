# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bundle is what its policy.json says, or it does not load."""

import json

import numpy as np
import onnx
import pytest
from bundles import write_tiny_bundle

from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.integrity import file_sha256
from vla_ros.runtime.placement import NodePlacement

CPU = NodePlacement(threads=1)


def edit(bundle, change):
    """Rewrite policy.json after ``change`` of its content."""
    file = bundle / 'policy.json'
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.fixture
def own_bundle(tmp_path):
    """Return a bundle that the test may break."""
    return write_tiny_bundle(tmp_path / 'tiny')


def test_facts_of_a_bundle_are_typed(tiny_bundle):
    spec = load_bundle(tiny_bundle).spec
    assert spec.fps == 30.0
    assert spec.chunk_size == 20
    assert [camera.name for camera in spec.cameras] == ['top', 'gripper']
    assert spec.cameras[0].mean == (0.485, 0.456, 0.406)
    assert spec.blocks['vision_encoder'].inputs['image'].shape == ('n', 24, 32, 3)
    assert str(spec.blocks['action_expert'].outputs['actions']) == 'float32 (1, 20, 6)'


def test_every_block_opens_and_runs(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    for block, spec in bundle.spec.blocks.items():
        session = bundle.open(block, CPU, {'n': 2})
        session.warm_up()
        assert session.outputs.keys() == spec.outputs.keys()


def test_folder_without_policy_is_named(tmp_path):
    with pytest.raises(ConfigError, match='without policy.json.*vla_ros export'):
        load_bundle(tmp_path)


def test_file_in_the_place_of_a_bundle_is_named(own_bundle):
    with pytest.raises(
        ConfigError, match='policy.json: got a file, expected a policy bundle, a fo'
    ):
        load_bundle(own_bundle / 'policy.json')


def test_missing_model_file_is_named(own_bundle):
    (own_bundle / 'backbone.onnx').unlink()
    with pytest.raises(ConfigError, match='/backbone.onnx: not there'):
        load_bundle(own_bundle)


def test_altered_model_file_is_named(own_bundle):
    with (own_bundle / 'action_expert.onnx').open('ab') as file:
        file.write(b'\0')
    with pytest.raises(ConfigError, match='action_expert.onnx: got sha256 .* was altered'):
        load_bundle(own_bundle)


def test_only_the_files_of_the_wanted_blocks_are_checked(own_bundle):
    (own_bundle / 'action_expert.onnx').unlink()
    assert load_bundle(own_bundle, ['vision_encoder']).spec.name == 'tiny'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c.update(format=2), 'format: got 2, expected 1; .*newer vla_ros'),
        (lambda c: c.update(format=0), 'format: got 0, expected 1; copy the bundle again'),
        (lambda c: c.update(format=True), 'format: got True, expected 1'),
        (lambda c: c.update(type='smoke'), "type: got 'smoke', expected one of"),
        (lambda c: c.update(unit='rad'), r"got keys \['unit'\] .*; did you mean units\?"),
        (lambda c: c.pop('fps'), r"got keys \[\] .* no \['fps'\], expected .*fps"),
        (lambda c: c.update(fps=0), 'fps and chunk_size: got 0'),
        (lambda c: c.update(fps='fast'), "fps: got 'fast', expected float"),
        (lambda c: c.update(joint_names='abc'), "joint_names: got 'abc', expected list"),
        (lambda c: c.update(cameras=[]), 'expected at least one'),
        (lambda c: c['cameras'][0].update(mean=[1]), r'cameras: mean and std: got \[1\]'),
        (lambda c: c['blocks'].pop('llm_backbone'), 'blocks: got .* also .*llm_backbone'),
        (lambda c: c['blocks']['llm_backbone'].update(inputs=3), 'llm_backbone: inputs: got 3'),
        (
            lambda c: c['blocks']['llm_backbone']['inputs'].update(state=[1, 6]),
            'llm_backbone: inputs and outputs: got',
        ),
        (
            lambda c: c['cameras'][1].update(width=64),
            r'camera gripper: got uint8 \(n, 24, 64, 3\), expected .*24, 32.*export .* again',
        ),
        (lambda c: c['joint_names'].pop(), 'joint_names: got .*1, 5.*expected .*1, 6.*backbone'),
        (
            lambda c: c['blocks']['vision_encoder']['inputs'].pop('image'),
            'camera top: got .* expected an input image as vision_encoder takes',
        ),
    ],
)
def test_wrong_facts_are_named(own_bundle, change, message):
    edit(own_bundle, change)
    with pytest.raises(ConfigError, match=f'policy.json: .*{message}'):
        load_bundle(own_bundle)


def test_policy_file_that_is_no_json_is_named(own_bundle):
    (own_bundle / 'policy.json').write_text('{')
    with pytest.raises(ConfigError, match='policy.json: '):
        load_bundle(own_bundle)


def test_model_with_another_shape_than_promised_is_refused(own_bundle):
    def promise_more(content):
        content['chunk_size'] = 50
        content['blocks']['action_expert']['outputs']['actions']['shape'] = [1, 50, 6]

    edit(own_bundle, promise_more)
    with pytest.raises(
        ConfigError, match=r'actions: got float32 \(1, 20, 6\), expected .*50.*copy'
    ):
        load_bundle(own_bundle).open('action_expert', CPU)


def test_model_with_other_names_than_promised_is_refused(own_bundle):
    path = own_bundle / 'action_expert.onnx'
    model = onnx.load(path)
    model.graph.output[0].name = model.graph.node[-1].output[0] = 'moves'
    onnx.save(model, path)

    def sign(content):
        content['blocks']['action_expert']['sha256'] = file_sha256(path)

    edit(own_bundle, sign)
    with pytest.raises(ConfigError, match=r"got \['moves'\], expected \['actions'\]"):
        load_bundle(own_bundle).open('action_expert', CPU)


@pytest.mark.parametrize(
    ('block', 'kind', 'old', 'new', 'message'),
    [
        ('action_expert', 'outputs', 'actions', 'moves', "expected .*'action_expert': .'actions'"),
        ('action_expert', 'inputs', 'memory', 'words', r"got inputs \['words'\] that no block"),
        ('vision_encoder', 'inputs', 'mean', 'middle', r"expected \['image', 'mean', 'std'\]"),
        ('vision_encoder', 'outputs', 'features', 'maps', r"got outputs \['maps'\]|'features'"),
    ],
)
def test_arrays_that_the_policys_type_does_not_know_are_refused(
    own_bundle, block, kind, old, new, message
):
    def rename(content):
        arrays = content['blocks'][block][kind]
        arrays[new] = arrays.pop(old)

    edit(own_bundle, rename)
    with pytest.raises(ConfigError, match=message):
        load_bundle(own_bundle)


def test_what_travels_is_what_is_known_and_taken_later(tiny_bundle):
    spec = load_bundle(tiny_bundle).spec
    assert spec.carried('vision_encoder') == ('features', 'state')
    assert spec.carried('llm_backbone') == ('memory',)
    assert spec.own_inputs('vision_encoder') == {'image', 'mean', 'std'}
    assert not spec.own_inputs('action_expert')


def test_same_seed_writes_the_same_bundle(tmp_path):
    first, second = (write_tiny_bundle(tmp_path / name) for name in 'ab')
    assert (first / 'policy.json').read_text() == (second / 'policy.json').read_text()
    assert np.all([p.read_bytes() == (second / p.name).read_bytes() for p in first.iterdir()])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A back end that computes another model than the file says is seen when the block is loaded."""

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bundles import CAMERAS, JOINTS, pictures, write_bundle_of_two_sizes, write_tiny_bundle
from flow_bundles import write_flow_bundle

from vla_ros.core.errors import ConfigError
from vla_ros.policy.block_inputs import write_answers
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.integrity import file_sha256
from vla_ros.policy.known_answer import find_other_model, read_answer
from vla_ros.policy.pipeline import Policy
from vla_ros.policy.spec import BLOCKS
from vla_ros.runtime.placement import NodePlacement, Placement
from vla_ros.runtime.session import load

CPU = NodePlacement(threads=1)
STATE = np.linspace(-1, 1, len(JOINTS))


def with_answers(path, images=None):
    """Write what the blocks of the bundle in ``path`` answer, and return the bundle."""
    seen = SimpleNamespace(images=images or pictures(), state=STATE, instruction=None)
    write_answers(load_bundle(path), seen, path)
    return load_bundle(path)


@pytest.fixture(params=[write_tiny_bundle, write_flow_bundle], ids=['act', 'smolvla'])
def known(request, tmp_path):
    """Return a bundle that knows its answers."""
    return with_answers(request.param(tmp_path / 'known'))


def computing(bundle, change):
    """Return the bundle on a back end that makes ``change(array)`` of every output."""

    def load_wrong(*wanted):
        session = load(*wanted)
        compute = session._compute
        session._compute = lambda inputs, outputs: {
            name: change(array) for name, array in compute(inputs, {}).items()
        }
        return session

    return replace(bundle, load=load_wrong)


@pytest.mark.parametrize('pictures_at_once', [1, len(CAMERAS), None])
@pytest.mark.parametrize('block', BLOCKS)
def test_block_answers_as_it_did(known, block, pictures_at_once):
    sizes = {'n': pictures_at_once} if pictures_at_once else None
    assert known.open(block, CPU, sizes).answer_error < 1e-6


@pytest.mark.parametrize(('backend', 'largest'), [('onnxruntime', 1e-6), ('openvino', 1e-5)])
def test_every_back_end_that_computes_the_model_is_near(known, backend, largest):
    policy = Policy(known, Placement(default=replace(CPU, backend=backend, precision='fp32')))
    for stage in (policy.vision_encoder, policy.llm_backbone, policy.action_expert):
        assert stage.session.answer_error < largest
        assert find_other_model(stage.session) == ''


@pytest.mark.parametrize('block', BLOCKS)
def test_back_end_that_computes_another_model_is_found(known, block):
    session = computing(known, lambda array: array * np.float32(0.75)).open(block, CPU)
    assert session.answer_error == pytest.approx(0.25, rel=1e-3)
    assert find_other_model(session, 0.3) == ''
    assert 'differs by 0.25 of its size' in find_other_model(session)
    assert f'{known.spec.blocks[block].file}: got' in find_other_model(session)
    assert 'backend onnxruntime' in find_other_model(session)


@pytest.mark.parametrize('wrong', [np.nan, np.inf])
def test_value_that_is_not_finite_is_infinitely_wrong(known, wrong):
    session = computing(known, lambda array: array * np.float32(wrong)).open('llm_backbone', CPU)
    assert session.answer_error == np.inf
    assert 'differs by inf' in find_other_model(session, 1e9)


def test_policy_warns_of_the_block_that_computes_another_model(known, caplog):
    with caplog.at_level(logging.WARNING):
        Policy(known, Placement(default=CPU))
        assert not caplog.messages
        Policy(computing(known, lambda array: array / 2), Placement(default=CPU))
    assert len(caplog.messages) == len(BLOCKS)


def test_bundle_without_answers_loads_and_knows_nothing(tiny_bundle):
    session = load_bundle(tiny_bundle).open('llm_backbone', CPU)
    assert session.answer_error is None
    assert find_other_model(session, 0.0) == ''


def test_pictures_of_another_size_are_not_compared(tmp_path):
    path = write_bundle_of_two_sizes(tmp_path / 'two')
    (first, second) = load_bundle(path).spec.cameras
    images = {c.name: np.full((*c.size, 3), 9, np.uint8) for c in (first, second)}
    bundle = with_answers(path, images)
    sizes = [bundle.spec.picture_sizes(1, camera) for camera in (first, second)]
    errors = [bundle.open('vision_encoder', CPU, size).answer_error for size in sizes]
    assert errors[0] < 1e-6
    assert errors[1] is None


def forge(bundle, content, block='action_expert'):
    """Put bytes or arrays in the place of a block's answer, with their hash in policy.json."""
    answer = bundle.path / bundle.spec.blocks[block].answer.file
    if isinstance(content, bytes):
        answer.write_bytes(content)
    else:
        np.savez_compressed(answer, **content)
    file = bundle.path / 'policy.json'
    facts = json.loads(file.read_text())
    facts['blocks'][block]['answer']['sha256'] = file_sha256(answer)
    file.write_text(json.dumps(facts))
    return load_bundle(bundle.path)


def arrays_of(bundle, block='action_expert'):
    with np.load(bundle.path / bundle.spec.blocks[block].answer.file) as arrays:
        return dict(arrays)


def test_file_that_is_no_answer_is_refused(known):
    arrays = arrays_of(known)
    whole = (known.path / known.spec.blocks['action_expert'].answer.file).read_bytes()
    without = {key: array for key, array in arrays.items() if key != 'inputs/memory'}
    pickled = arrays | {'inputs/memory': np.array([{}], object)}
    damaged = bytearray(whole)
    damaged[200:400] = bytes(200)
    for content in (b'', b'nothing', whole[:-30], bytes(damaged), without, pickled):
        with pytest.raises(ConfigError, match='answer.npz: cannot be read: .*export it again'):
            forge(known, content).open('action_expert', CPU)


def test_answer_of_other_shapes_is_not_near(known):
    arrays = arrays_of(known)
    made = next(key for key in arrays if key.startswith('outputs/'))
    other = forge(known, arrays | {made: arrays[made][:-1]})
    assert other.open('action_expert', CPU).answer_error == np.inf
    for array in (np.zeros(3, np.float32), arrays['inputs/memory'].astype(np.float64)):
        other = forge(known, arrays | {'inputs/memory': array})
        assert other.open('action_expert', CPU).answer_error is None


def test_altered_answer_is_named(known):
    with (known.path / 'llm_backbone_answer.npz').open('ab') as file:
        file.write(b'\0')
    with pytest.raises(ConfigError, match='llm_backbone_answer.npz: got sha256'):
        load_bundle(known.path)


def test_answers_are_small_and_of_one_picture(known):
    spec = known.spec.blocks['vision_encoder']
    answer = read_answer(known.path / spec.answer.file, spec.inputs, spec.outputs)
    assert len(answer.inputs['image']) == 1
    for block in known.spec.blocks.values():
        arrays = read_answer(known.path / block.answer.file, block.inputs, block.outputs)
        assert all(array.size <= 4096 for array in arrays.outputs.values())

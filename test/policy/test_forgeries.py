# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a bundle may say and bring that no export writes: refused before anything is loaded."""

import hashlib
import json
import os
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import onnx
import pytest
from bundles import write_tiny_bundle
from onnx import TensorProto, helper, numpy_helper

from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import load_bundle
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import load

CPU = NodePlacement(threads=1)
NAN, INF = float('nan'), float('inf')


@pytest.fixture
def bundle(tmp_path):
    """Return a bundle that the test may forge."""
    return write_tiny_bundle(tmp_path / 'tiny')


def edit(bundle, change):
    file = bundle / 'policy.json'
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def replace_model(bundle, model, block='action_expert', name='action_expert.onnx'):
    """Put another model in the place of a block's, with its own hash in policy.json."""
    data = model if isinstance(model, bytes) else model.SerializeToString()
    (bundle / name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    edit(bundle, lambda c: c['blocks'][block].update(file=name, sha256=digest))


def set_in(*path, value):
    """Return the change that sets one value deep in policy.json."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


EXPERT = ('blocks', 'action_expert')
STATISTICS = ('statistics', 'action')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (set_in('fps', value=INF), 'got the number Infinity'),
        (set_in('fps', value=NAN), 'got the number NaN'),
        (set_in('fps', value=-30.0), 'fps and chunk_size: got -30.0'),
        (set_in('fps', value=1e9), 'fps and chunk_size: got 1000000000.0'),
        (set_in('fps', value=1e-9), 'got chunks of 2e.10 s'),
        (set_in('fps', value=True), 'fps: got True, expected float'),
        (set_in('chunk_size', value=100), 'chunk_size .*got 100 and 6, expected those of .*20, 6'),
        (set_in('chunk_size', value=10**9), 'got 30.0 and 1000000000'),
        (set_in('chunk_size', value=True), 'chunk_size: got True, expected int'),
        (set_in('joint_names', 0, value='gripper'), 'joint_names: got gripper twice'),
        (set_in('joint_names', 0, value=7), 'joint_names: got 7, expected texts'),
        (set_in('joint_names', 0, value=' '), "joint_names: got ' ', expected texts"),
        (set_in('cameras', 0, 'name', value='gripper'), 'cameras: got gripper twice'),
        (
            set_in('cameras', 0, 'key', value='observation.images.gripper'),
            'cameras: key: got .*tw',
        ),
        (set_in('cameras', 0, 'height', value=-24), 'got -24 x 32 px'),
        (set_in('cameras', 0, 'std', value=[0.2, 0.0, 0.2]), 'std: got 0.0, .* above 0'),
        (set_in('cameras', 0, 'mean', value=['a', 0, 0]), "mean: got 'a', expected finite"),
        (set_in('cameras', 0, 'mean', value=[True, 0, 0]), 'mean: got True, expected finite'),
        (set_in('cameras', 0, 'mean', value=[127.5] * 3), 'mean and std: got .*scaled to 0..1'),
        (set_in('cameras', 0, 'std', value=[1e-300] * 3), 'std: got 1e-300, .* above 0'),
        (set_in(*STATISTICS, 'mean', value=[1e300] * 6), r'mean: got 1e\+300, expected finite'),
        (set_in(*STATISTICS, 'mean', value=[10**400] * 6), 'the number 1000.* of at most 64 bits'),
        (set_in('name', value='\ud800'), 'cannot be read: .*surrogates'),
        (set_in('name', value=['x' * 10**6]), r'name: got .* \[\.\.\.\] .* expected str'),
        (set_in(*EXPERT, 'runs', value=2**31), 'runs: got 2147483648, expected 1 to 1000'),
        (set_in(*EXPERT, 'inputs', 'memory', 'shape', value='ab'), 'inputs and outputs: got'),
        (set_in(*EXPERT, 'inputs', 'memory', 'kind', value=1), 'inputs and outputs: got'),
        (set_in('cameras', 0, value='a\nb'), r"cameras: got 'a\\nb', expected keys"),
        (set_in(*STATISTICS, 'std', value=[-1.0] * 6), 'action: std: got -1.0, .*at least 0'),
        (set_in(*STATISTICS, 'mean', value=[0.0] * 5), 'action: mean: got .* expected 6 numbers'),
        (set_in(*STATISTICS, 'min', value=[2.0] * 6), 'action: got a min above its max'),
        (set_in(*STATISTICS, 'max', value=['1'] * 6), "max: got '1', expected finite numbers"),
        (set_in('units', value='degrees'), "units: got 'degrees', expected rad"),
        (set_in(*STATISTICS, 'max', value=[34.0] * 6), 'goes to 34, .* degrees, or another unit'),
        (set_in('statistics', value={}), r'statistics: got \[\], expected also action'),
        (set_in(*EXPERT, 'file', value='../outside.onnx'), "file: got '../outside.onnx', expect"),
        (set_in(*EXPERT, 'file', value='/etc/passwd'), "file: got '/etc/passwd'"),
        (set_in(*EXPERT, 'file', value='deep/model.onnx'), "file: got 'deep/model.onnx'"),
        (set_in(*EXPERT, 'file', value='..'), r"file: got '\.\.'"),
        (set_in(*EXPERT, 'file', value=''), "file: got ''"),
        (set_in(*EXPERT, 'file', value='a\0b'), 'file: got '),
        (set_in(*EXPERT, 'sha256', value='beef'), "sha256: got 'beef', expected 64"),
        (set_in(*EXPERT, 'inputs', 'memory', 'shape', value=[1, -13, 8]), 'memory: got shape'),
        (set_in(*EXPERT, 'inputs', 'memory', 'shape', value=[1, 10**9, 10**9]), 'bytes, expected'),
        (set_in(*EXPERT, 'inputs', 'memory', 'shape', value=[1.5, 13, 8]), 'memory: got shape'),
        (set_in(*EXPERT, 'inputs', 'memory', 'dtype', value='object'), "got dtype 'object'"),
        (set_in(*EXPERT, 'inputs', value=[['memory', 3]]), 'inputs: got .*expected dict'),
    ],
)
def test_forged_fact_is_named(bundle, change, message):
    edit(bundle, change)
    with pytest.raises(ConfigError, match=f'policy.json: .*(?:{message})'):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"format": 1, "fps": 30.0, "fps": 60.0}', 'key fps comes twice'),
        ('{"format": 1, "a": {"b": 1, "b": 2}}', 'key b comes twice'),
        ('{"format": 1e999}', 'got the number 1e999'),
        ('[' * 100_000, 'cannot be read'),
        ('[1, 2]', 'format: got None'),
        ('"text"', 'format: got None'),
        ('', 'cannot be read'),
    ],
)
def test_text_that_json_alone_would_let_pass_is_named(bundle, text, message):
    (bundle / 'policy.json').write_text(text)
    with pytest.raises(ConfigError, match=f'policy.json: .*{message}'):
        load_bundle(bundle)


def test_policy_file_of_another_encoding_or_endless_length_is_named(bundle):
    (bundle / 'policy.json').write_bytes(b'{"name": "\xff"}')
    with pytest.raises(ConfigError, match='policy.json: cannot be read'):
        load_bundle(bundle)
    with (bundle / 'policy.json').open('wb') as file:
        file.truncate(2**40)  # a hole: it takes no room
    with pytest.raises(ConfigError, match='got more than'):
        load_bundle(bundle)


# --- models


def external(location, where='initializer'):
    """Return the bytes of an expert whose weights lie in the file ``location``."""
    head = numpy_helper.from_array(np.zeros((8, 6), np.float32), 'head')
    head.ClearField('raw_data')
    head.data_location = TensorProto.EXTERNAL
    head.external_data.add(key='location', value=location)
    if where == 'initializer':
        nodes = [helper.make_node('MatMul', ['memory', 'head'], ['actions'])]
        graph = helper.make_graph(nodes, 'g', [], [], [head])
    else:
        constant = helper.make_node('Constant', [], ['head'], value=head)
        inner = helper.make_graph([constant], 'inner', [], [])
        choice = helper.make_node('If', ['c'], ['y'], then_branch=inner, else_branch=inner)
        graph = helper.make_graph([choice], 'g', [], [])
    return helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize('where', ['initializer', 'branch'])
@pytest.mark.parametrize('location', ['weights.bin', '../weights.bin', '/etc/passwd'])
def test_weights_in_another_file_are_refused_wherever_they_are(bundle, location, where):
    replace_model(bundle, external(location, where))
    with pytest.raises(ConfigError, match='got weights in another file, .* sha256; export it ag'):
        load_bundle(bundle)


def test_network_that_was_compiled_elsewhere_is_refused(bundle):
    node = helper.make_node('EPContext', [], ['y'], domain='com.microsoft', embed_mode=0)
    replace_model(bundle, helper.make_model(helper.make_graph([node], 'g', [], [])))
    with pytest.raises(ConfigError, match='got an EPContext'):
        load_bundle(bundle)


@pytest.mark.parametrize(
    'data', [b'', b'no model', b'\x3a\xff\xff\xff\xff\x7f', b'\x3a\x02\x08' * 9, bytes(1000)]
)
def test_file_that_is_no_model_is_refused(bundle, data):
    replace_model(bundle, data)
    with pytest.raises(ConfigError, match=r'action_expert.onnx: got (no ONNX model|an empty)'):
        load_bundle(bundle)


def test_model_of_an_operator_set_that_does_not_exist_is_refused_as_a_config_error(bundle):
    model = onnx.load(bundle / 'action_expert.onnx')
    model.opset_import[0].version = 9999
    replace_model(bundle, model)
    with pytest.raises(ConfigError, match='action_expert.onnx: does not load'):
        load_bundle(bundle).open('action_expert', CPU)


def test_link_to_a_file_is_that_file_and_a_pipe_is_none(bundle, tmp_path):
    model = bundle / 'action_expert.onnx'
    shutil.move(model, tmp_path / 'blob')
    model.symlink_to(tmp_path / 'blob')  # as the hub's cache and colcon --symlink-install do
    load_bundle(bundle).open('action_expert', CPU)
    model.unlink()
    os.mkfifo(model)
    with pytest.raises(ConfigError, match='action_expert.onnx: not there'):
        load_bundle(bundle)


# --- files that change


@pytest.mark.parametrize('way', ['in place', 'by another file', 'by a link'])
def test_file_that_is_swapped_after_the_check_is_not_loaded(bundle, tmp_path, way):
    loaded, model = load_bundle(bundle), bundle / 'action_expert.onnx'
    time.sleep(0.02)  # Linux counts time of change in ticks
    content = model.read_bytes()
    if way == 'in place':
        model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    other = tmp_path / 'other'
    other.write_bytes(content)
    if way == 'by another file':
        other.replace(model)
    elif way == 'by a link':
        model.unlink()
        model.symlink_to(other)
    with pytest.raises(ConfigError, match='changed while it was loaded'):
        loaded.open('action_expert', CPU)


def test_file_that_is_swapped_while_it_is_loaded_is_not_used(bundle):
    def slow_load(path, *args):
        swap = threading.Thread(target=lambda: path.write_bytes(path.read_bytes()))
        swap.start()
        swap.join()
        return load(path, *args)

    loaded = replace(load_bundle(bundle), load=slow_load)
    time.sleep(0.02)
    with pytest.raises(ConfigError, match='changed while it was loaded'):
        loaded.open('action_expert', CPU)


def test_block_that_was_not_checked_is_checked_when_it_is_opened(bundle):
    loaded = load_bundle(bundle, ())
    with (bundle / 'action_expert.onnx').open('ab') as file:
        file.write(b'\0')
    with pytest.raises(ConfigError, match='got sha256'):
        loaded.open('action_expert', CPU)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny policy bundle with the blocks, names and shapes of an exported ACT, made in a moment."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

JOINTS = ('shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll', 'gripper')
CAMERAS = ('top', 'gripper')
HEIGHT, WIDTH = 24, 32  # px
OTHER_SIZE = (16, 48)  # px, height and width, of the second camera where the sizes differ
FILES = {
    'vision_encoder': 'vision_encoder.onnx',
    'llm_backbone': 'backbone.onnx',
    'action_expert': 'action_expert.onnx',
}
CHUNK = 20  # rows
FPS = 30.0
SIZE = 8  # of a token
PATCH = 8  # px
TOKENS = (HEIGHT // PATCH) * (WIDTH // PATCH)  # of one camera
MEMORY = len(CAMERAS) * TOKENS + 1  # tokens: the pictures' and the state's


def write_tiny_bundle(path: Path, seed: int = 0) -> Path:
    """Write a whole ACT with random weights into the folder ``path`` and return it."""
    rng = np.random.default_rng(seed)
    models = {
        'vision_encoder': vision_encoder(rng),
        'llm_backbone': llm_backbone(rng),
        'action_expert': action_expert(rng),
    }
    return write_bundle(path, models)


def write_bundle(
    path: Path,
    models: dict[str, onnx.ModelProto],
    runs: Mapping[str, int] | None = None,
    **facts: Any,
) -> Path:
    """Write a bundle of these blocks; ``facts`` stand in policy.json, too."""
    path.mkdir(parents=True, exist_ok=True)
    blocks = {name: _save(path / FILES[name], model) for name, model in models.items()}
    for name, count in (runs or {}).items():
        blocks[name]['runs'] = count
    (path / 'policy.json').write_text(json.dumps(policy_facts() | {'blocks': blocks} | facts))
    return path


def write_bundle_of_two_sizes(path: Path) -> Path:
    """Write the tiny ACT with cameras whose pictures differ in size, and as many tokens each."""
    write_tiny_bundle(path)
    encoder = onnx.load(path / FILES['vision_encoder'])
    image, features = encoder.graph.input[0], encoder.graph.output[0]
    for axis, name in ((1, 'height'), (2, 'width')):
        image.type.tensor_type.shape.dim[axis].dim_param = name
    features.type.tensor_type.shape.dim[1].dim_param = 'tokens'
    for item in encoder.graph.initializer:
        if item.name == 'flat':
            item.CopyFrom(numpy_helper.from_array(np.array([0, SIZE, -1], np.int64), 'flat'))
    content = json.loads((path / 'policy.json').read_text())
    content['blocks']['vision_encoder'] = _save(path / FILES['vision_encoder'], encoder)
    content['cameras'][1] |= dict(zip(('height', 'width'), OTHER_SIZE, strict=True))
    (path / 'policy.json').write_text(json.dumps(content))
    return path


def write_operator(path: Path, operator: str, domain: str = '') -> Path:
    """Write a model of one operator from ``x`` to ``y``, which need not exist, and return it."""
    nodes = [helper.make_node(operator, ['x'], ['y'], domain=domain)]
    ends = [[floats(name, 1, 4)] for name in 'xy']
    operation = model(nodes, *ends)
    if domain:
        operation.opset_import.append(helper.make_opsetid(domain, 1))
    onnx.save(operation, path)
    return path


def policy_facts() -> dict[str, Any]:
    """Return policy.json without its blocks."""
    joints = len(JOINTS)
    statistics = {'mean': [0.0] * joints, 'std': [1.0] * joints}
    limits = {'min': [-1.0] * joints, 'max': [1.0] * joints}
    return {
        'format': 1,
        'name': 'tiny',
        'type': 'act',
        'fps': FPS,
        'chunk_size': CHUNK,
        'instruction': 'Grab the tea bag and place it in the mug.',
        'joint_names': list(JOINTS),
        'cameras': [_camera(name) for name in CAMERAS],
        'statistics': {'observation.state': statistics | limits, 'action': statistics | limits},
        'source': {'made by': 'test/bundles.py'},
    }


def vision_encoder(rng: np.random.Generator) -> onnx.ModelProto:
    """Return pictures (n, H, W, 3) uint8 -> features (n, tokens, size)."""
    constants = {
        'full': np.float32(255.0),
        'per_picture': np.array([-1, 1, 1, 3], np.int64),
        'kernel': weights(rng, SIZE, 3, PATCH, PATCH),
        'flat': np.array([0, SIZE, TOKENS], np.int64),
    }
    nodes = [
        helper.make_node('Cast', ['image'], ['pixels'], to=TensorProto.FLOAT),
        helper.make_node('Div', ['pixels', 'full'], ['scaled']),
        helper.make_node('Reshape', ['mean', 'per_picture'], ['means']),
        helper.make_node('Reshape', ['std', 'per_picture'], ['stds']),
        helper.make_node('Sub', ['scaled', 'means'], ['centred']),
        helper.make_node('Div', ['centred', 'stds'], ['normal']),
        helper.make_node('Transpose', ['normal'], ['planes'], perm=[0, 3, 1, 2]),
        helper.make_node('Conv', ['planes', 'kernel'], ['maps'], strides=[PATCH, PATCH]),
        helper.make_node('Tanh', ['maps'], ['bounded']),
        helper.make_node('Reshape', ['bounded', 'flat'], ['columns']),
        helper.make_node('Transpose', ['columns'], ['features'], perm=[0, 2, 1]),
    ]
    inputs = [
        value('image', TensorProto.UINT8, 'n', HEIGHT, WIDTH, 3),
        floats('mean', 'n', 3),
        floats('std', 'n', 3),
    ]
    outputs = [floats('features', 'n', TOKENS, SIZE)]
    return model(nodes, inputs, outputs, constants)


def llm_backbone(rng: np.random.Generator) -> onnx.ModelProto:
    """Return features (1, tokens, size) and state (1, joints) -> memory (1, tokens + 1, size)."""
    constants = {
        'from_state': weights(rng, len(JOINTS), SIZE),
        'as_token': np.array([1, 1, SIZE], np.int64),
        'mix': weights(rng, SIZE, SIZE),
    }
    nodes = [
        helper.make_node('MatMul', ['state', 'from_state'], ['projected']),
        helper.make_node('Reshape', ['projected', 'as_token'], ['token']),
        helper.make_node('Concat', ['token', 'features'], ['tokens'], axis=1),
        helper.make_node('MatMul', ['tokens', 'mix'], ['mixed']),
        helper.make_node('Tanh', ['mixed'], ['memory']),
    ]
    inputs = [
        floats('features', 1, MEMORY - 1, SIZE),
        floats('state', 1, len(JOINTS)),
    ]
    outputs = [floats('memory', 1, MEMORY, SIZE)]
    return model(nodes, inputs, outputs, constants)


def action_expert(rng: np.random.Generator) -> onnx.ModelProto:
    """Return memory (1, tokens + 1, size) -> actions (1, chunk, joints), each within -1..1."""
    constants = {'queries': weights(rng, CHUNK, MEMORY), 'head': weights(rng, SIZE, len(JOINTS))}
    nodes = [
        helper.make_node('MatMul', ['queries', 'memory'], ['read']),
        helper.make_node('MatMul', ['read', 'head'], ['raw']),
        helper.make_node('Tanh', ['raw'], ['actions']),
    ]
    inputs = [floats('memory', 1, MEMORY, SIZE)]
    outputs = [floats('actions', 1, CHUNK, len(JOINTS))]
    return model(nodes, inputs, outputs, constants)


def pictures(seed: int = 0) -> dict[str, np.ndarray]:
    """Return one random picture for each camera, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    return {name: rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for name in CAMERAS}


def _camera(name: str) -> dict[str, Any]:
    size = {'height': HEIGHT, 'width': WIDTH}
    channels = {'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}
    return {'name': name, 'key': f'observation.images.{name}'} | size | channels


def weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return weights that keep the spread of what they are multiplied with."""
    return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """Return the float array of that name and shape."""
    return value(name, TensorProto.FLOAT, *shape)


def value(name: str, dtype: int, *shape: int | str) -> onnx.ValueInfoProto:
    """Return the array of that name, element type and shape."""
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """Return the model of these nodes."""
    stored = [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()]
    graph = helper.make_graph(nodes, 'tiny', inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)


def _save(path: Path, model: onnx.ModelProto) -> dict[str, Any]:
    """Write one block and return what policy.json says about it."""
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    path.write_bytes(content)
    return {
        'file': path.name,
        'sha256': hashlib.sha256(content).hexdigest(),
        'inputs': {value.name: _array_facts(value) for value in model.graph.input},
        'outputs': {value.name: _array_facts(value) for value in model.graph.output},
    }


def _array_facts(value: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = value.type.tensor_type
    shape = [size.dim_param or size.dim_value for size in kind.shape.dim]
    return {'dtype': helper.tensor_dtype_to_np_dtype(kind.elem_type).name, 'shape': shape}

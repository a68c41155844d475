# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A tiny SmolVLA whose flow is known in closed form, made in a moment.

Its expert knows a goal, which pictures, words and state decide. All joints but the last go to it
on straight lines and reach it in any number of steps; the last one goes on with the distance that
is left as its speed, and ends short of it, depending on the noise.
"""

from pathlib import Path

import numpy as np
import onnx
from bundles import (
    CAMERAS,
    CHUNK,
    JOINTS,
    SIZE,
    TOKENS,
    floats,
    model,
    vision_encoder,
    weights,
    write_bundle,
)
from onnx import helper
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from vla_ros.policy.integrity import file_sha256

WORDS = 24  # tokens of a prompt
WIDTH = 8  # of the flow
HALF = 2  # of the size of a head
STEPS = 10
PICTURES = len(CAMERAS) * TOKENS  # tokens
PREFIX = PICTURES + WORDS + 1
SHORTEST = 1e-3  # flow time; held rows are at 0
PERIOD = 8.0  # of the sine and the cosine that tell the flow time, up to an eighth of a turn


def write_flow_bundle(path: Path, seed: int = 0, held_rows: int = 0) -> Path:
    """Write a whole SmolVLA with random weights into the folder ``path`` and return it."""
    path.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    blocks = {
        'vision_encoder': vision_encoder(rng),
        'llm_backbone': backbone(rng),
        'action_expert': expert(rng),
    }
    tokenizer = make_tokenizer()
    tokenizer.save(str(path / 'tokenizer.json'))
    np.save(path / 'language.npy', weights(rng, tokenizer.get_vocab_size(), SIZE) * SIZE**0.5)
    files = {'tokenizer': 'tokenizer.json', 'embedding': 'language.npy'}
    hashed = {name: {'file': f, 'sha256': file_sha256(path / f)} for name, f in files.items()}
    flow = {
        'width': WIDTH,
        'offset': rng.uniform(-0.1, 0.1, len(JOINTS)).tolist(),
        'scale': rng.uniform(0.5, 1.0, len(JOINTS)).tolist(),
        'held_rows': held_rows,
        'min_period': PERIOD,
        'max_period': PERIOD,
    }
    write_bundle(
        path,
        blocks,
        {'action_expert': STEPS},
        type='smolvla',
        language={**hashed, 'words': WORDS},
        flow=flow,
    )
    return path


def make_tokenizer() -> Tokenizer:
    """Return a tokenizer of bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def backbone(rng: np.random.Generator) -> onnx.ModelProto:
    """
    Return features, language, language_mask, state -> memory (1, prefix, size), prefix_mask.

    It takes the rotation of its tokens, too, and does not turn them.
    """
    constants = {
        'from_state': weights(rng, len(JOINTS), SIZE),
        'as_token': np.array([1, 1, SIZE], np.int64),
        'mix': weights(rng, SIZE, SIZE),
        'pictures': np.ones((1, PICTURES), np.float32),
        'one': np.ones((1, 1), np.float32),
    }
    nodes = [
        helper.make_node('MatMul', ['state', 'from_state'], ['projected']),
        helper.make_node('Reshape', ['projected', 'as_token'], ['token']),
        helper.make_node('Concat', ['features', 'language', 'token'], ['tokens'], axis=1),
        helper.make_node('MatMul', ['tokens', 'mix'], ['mixed']),
        helper.make_node('Tanh', ['mixed'], ['memory']),
        helper.make_node('Concat', ['pictures', 'language_mask', 'one'], ['prefix_mask'], axis=1),
    ]
    inputs = [
        floats('features', 1, PICTURES, SIZE),
        floats('language', 1, WORDS, SIZE),
        floats('language_mask', 1, WORDS),
        floats('state', 1, len(JOINTS)),
        floats('rotation', 2, PREFIX, HALF),
    ]
    outputs = [floats('memory', 1, PREFIX, SIZE), floats('prefix_mask', 1, PREFIX)]
    return model(nodes, inputs, outputs, constants)


def expert(rng: np.random.Generator) -> onnx.ModelProto:
    """Return memory, prefix_mask, noisy (1, chunk, width), time_embedding -> velocity."""
    straight = np.ones((1, 1, WIDTH), np.float32)
    straight[..., len(JOINTS) - 1] = 0.0
    constants = {
        'queries': weights(rng, CHUNK, PREFIX),
        'head': weights(rng, SIZE, WIDTH),
        'shortest': np.float32(SHORTEST),
        'turn': np.float32(PERIOD / (2 * np.pi)),
        'last': np.array([2], np.int64),
        'straight': straight,
        'slow': 1 - straight,
    }
    nodes = [
        helper.make_node('Unsqueeze', ['prefix_mask', 'last'], ['there']),
        helper.make_node('Mul', ['memory', 'there'], ['seen']),
        helper.make_node('MatMul', ['queries', 'seen'], ['read']),
        helper.make_node('MatMul', ['read', 'head'], ['raw']),
        helper.make_node('Tanh', ['raw'], ['goal']),
        helper.make_node('Split', ['time_embedding'], ['sine', 'cosine'], axis=2),
        helper.make_node('Div', ['sine', 'cosine'], ['tangent']),
        helper.make_node('Atan', ['tangent'], ['angle']),
        helper.make_node('Mul', ['angle', 'turn'], ['time']),
        helper.make_node('Max', ['time', 'shortest'], ['left']),
        helper.make_node('Div', ['straight', 'left'], ['fast']),
        helper.make_node('Add', ['fast', 'slow'], ['rate']),
        helper.make_node('Sub', ['noisy', 'goal'], ['distance']),
        helper.make_node('Mul', ['distance', 'rate'], ['velocity']),
    ]
    inputs = [
        floats('memory', 1, PREFIX, SIZE),
        floats('prefix_mask', 1, PREFIX),
        floats('noisy', 1, CHUNK, WIDTH),
        floats('time_embedding', 1, CHUNK, 2),
        floats('rotation', 2, CHUNK, HALF),
    ]
    return model(nodes, inputs, [floats('velocity', 1, CHUNK, WIDTH)], constants)

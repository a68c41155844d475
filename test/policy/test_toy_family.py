# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A new family is one file, a line in the table, and this test."""

import sys

import numpy as np
import pytest
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

from vla_ros.policy import family

from . import toy_family
from .contract import FamilyContract

MEMORY = len(CAMERAS) * TOKENS


class TestToy(FamilyContract):
    """The promises, kept by a family that no other file knows."""

    reads_language = True

    @pytest.fixture(autouse=True)
    def known(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'toy_family', toy_family)
        monkeypatch.setitem(family.FAMILIES, 'toy', 'toy_family')

    def write(self, path):
        blocks = {
            'vision_encoder': vision_encoder(np.random.default_rng(0)),
            'llm_backbone': backbone(),
            'action_expert': expert(np.random.default_rng(1)),
        }
        return write_bundle(path, blocks, type='toy')


def backbone():
    """Return features -> memory, their hyperbolic tangents."""
    arrays = [floats(name, 1, MEMORY, SIZE) for name in ('features', 'memory')]
    return model([helper.make_node('Tanh', ['features'], ['memory'])], arrays[:1], arrays[1:])


def expert(rng):
    """Return memory (1, tokens, size), state (1, joints), words (1, 1) -> actions."""
    constants = {'queries': weights(rng, CHUNK, MEMORY), 'head': weights(rng, SIZE, len(JOINTS))}
    nodes = [
        helper.make_node('MatMul', ['queries', 'memory'], ['read']),
        helper.make_node('MatMul', ['read', 'head'], ['raw']),
        helper.make_node('Add', ['raw', 'state'], ['moved']),
        helper.make_node('Add', ['moved', 'words'], ['actions']),
    ]
    inputs = [
        floats('memory', 1, MEMORY, SIZE),
        floats('state', 1, len(JOINTS)),
        floats('words', 1, 1),
    ]
    return model(nodes, inputs, [floats('actions', 1, CHUNK, len(JOINTS))], constants)

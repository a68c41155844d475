# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A new back end is one module and one line of the table."""

import sys

import numpy as np
import pytest
from bundles import MEMORY, SIZE

from vla_ros.quantization.recipe import BlockRecipe, Recipe
from vla_ros.runtime.backends.table import BACKENDS, Backend, Device
from vla_ros.runtime.capabilities import try_out
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import Layer, Session, TensorSpec, load

# --- the module: computes with ONNX's reference implementation, in NumPy


class ReferenceSession(Session):
    """A model as onnx.reference computes it."""

    def __init__(self, wanted):
        """Load the file."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        self.path, self._model = wanted.path, onnx.load(wanted.path)
        self._evaluator = ReferenceEvaluator(self._model)
        self.inputs = {value.name: spec_of(value) for value in self._model.graph.input}
        self.outputs = {value.name: spec_of(value) for value in self._model.graph.output}
        self.facts = {'backend': 'reference', 'providers': 'NumPy', 'precision': 'fp32'}

    def fork(self):
        """Return itself: it keeps nothing between two runs."""
        return self

    def layers(self):
        """Return the operators, untimed."""
        return [Layer(n.name, n.op_type, 'NumPy', 0.0) for n in self._model.graph.node]

    def _compute(self, inputs, outputs):
        found = dict(zip(self.outputs, self._evaluator.run(None, dict(inputs)), strict=True))
        for name, array in outputs.items():
            array[...] = found[name]
        return {**found, **outputs}


def spec_of(value):
    kind = value.type.tensor_type
    assert kind.elem_type == 1, 'float32'
    return TensorSpec('float32', tuple(d.dim_value or d.dim_param for d in kind.shape.dim))


def devices():
    """Yield the one device."""
    yield Device('NumPy', 'cpu', (), ('fp32',))


# --- the line in the table, and what it brings


@pytest.fixture(autouse=True)
def reference(monkeypatch):
    pytest.importorskip('onnx')
    monkeypatch.setitem(sys.modules, 'reference_backend', sys.modules[__name__])
    line = Backend('reference_backend', 'ReferenceSession', 'onnx', '', frozenset({'fp32'}))
    monkeypatch.setitem(BACKENDS, 'reference', line)


def test_a_placement_can_ask_for_it_and_it_computes_the_same(tiny_bundle):
    memory = np.random.default_rng(0).standard_normal((1, MEMORY, SIZE)).astype(np.float32)
    path = tiny_bundle / 'action_expert.onnx'
    results = [
        load(path, NodePlacement(backend=name, threads=1)).run({'memory': memory})['actions']
        for name in ('reference', 'onnxruntime')
    ]
    np.testing.assert_allclose(*results, atol=1e-5)


def test_the_doctor_tries_it_and_a_recipe_can_be_for_it():
    assert try_out(NodePlacement(backend='reference', threads=1)) == ''
    assert Recipe('mine', {'action_expert': BlockRecipe('fp32')}, target='reference')

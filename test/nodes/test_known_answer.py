# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node whose back end computes another model than the bundle's is not configured."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from bundles import JOINTS, pictures, write_tiny_bundle

from vla_ros.nodes.action_expert import ActionExpertNode
from vla_ros.nodes.llm_backbone import LlmBackboneNode
from vla_ros.nodes.policy import PolicyNode
from vla_ros.nodes.vision_encoder import VisionEncoderNode
from vla_ros.policy.block_inputs import write_answers
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.integrity import file_sha256

NODES = {
    'vision_encoder': VisionEncoderNode,
    'llm_backbone': LlmBackboneNode,
    'action_expert': ActionExpertNode,
}
EACH = [*NODES.items(), ('llm_backbone', PolicyNode)]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a bundle whose block answers so much more than it knows."""

    def write_bundle(block, share):
        path = write_tiny_bundle(tmp_path / 'known')
        seen = SimpleNamespace(images=pictures(), state=np.zeros(len(JOINTS)), instruction=None)
        write_answers(load_bundle(path), seen, path)
        file, answer = path / 'policy.json', path / f'{block}_answer.npz'
        with np.load(answer) as found:
            arrays = dict(found)
        for key in arrays:
            if key.startswith('outputs/'):
                arrays[key] = arrays[key] / np.float32(1 + share)
        np.savez(answer, **arrays)
        content = json.loads(file.read_text())
        content['blocks'][block]['answer']['sha256'] = file_sha256(answer)
        file.write_text(json.dumps(content))
        return path

    return write_bundle


@pytest.mark.parametrize(('block', 'node_type'), EACH)
def test_node_whose_back_end_computes_another_model_is_not_configured(
    start_graph, write, capfd, block, node_type
):
    graph = start_graph(f'policy:={write(block, 0.75)}')
    with pytest.raises(AssertionError):
        graph.start(node_type())
    told = capfd.readouterr().err
    assert 'answer that differs by 0.75 of its size from the one that the bundle knows' in told
    assert 'expected at most 0.5: this back end computes another model (backend onnxrunt' in told
    assert 'parameter largest_answer_error lets it go' in told


@pytest.mark.parametrize(('block', 'node_type'), EACH)
def test_node_that_is_let_go_warns_and_tells_how_far_it_is(
    start_graph, write, capfd, block, node_type
):
    graph = start_graph(f'policy:={write(block, 0.75)}', 'largest_answer_error:=0.8')
    node = graph.start(node_type())
    assert 'differs by 0.75 of its size' in capfd.readouterr().err
    assert node.diagnostics()['answer_error'] == '0.75'


def test_node_that_computes_the_model_says_so_and_warns_of_nothing(start_graph, write, capfd):
    node = start_graph(f'policy:={write("llm_backbone", 0.0)}').start(LlmBackboneNode())
    assert float(node.diagnostics()['answer_error']) < 1e-6
    assert 'differs' not in capfd.readouterr().err


def test_node_of_a_bundle_that_knows_no_answer_says_that(start_graph, tiny_bundle):
    node = start_graph(f'policy:={tiny_bundle}').start(LlmBackboneNode())
    assert node.diagnostics()['answer_error'] == 'unknown'

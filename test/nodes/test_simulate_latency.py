# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A stage that plays a slower board."""

import numpy as np
from bundles import MEMORY, SIZE
from rclpy.lifecycle import TransitionCallbackReturn

from vla_ros.msg import ActionChunk, Features
from vla_ros.nodes.action_expert import ActionExpertNode
from vla_ros.ros import messages, qos

BOARD = """
description: So slow that it shows.
sources: [invented]
processors:
  cpu:
    device: cpu
    peak: {fp32: 1}
    bandwidth: 1
    efficiency: {conv: 0.5, matmul: 0.5, attention: 0.5, memory: 0.5}
    overhead: 0.1
"""
OPERATORS = 3  # of the tiny action expert


def test_an_answer_takes_as_long_as_on_the_board_that_is_played(
    start_graph, tiny_bundle, tmp_path
):
    board = tmp_path / 'slow.yaml'
    board.write_text(BOARD)
    graph = start_graph(f'policy:={tiny_bundle}', f'simulate_latency:={board}')
    graph.start(ActionExpertNode())
    chunks = graph.collect(ActionChunk, 'action_chunk', qos.LATEST)
    context = graph.publisher(Features, 'context', qos.LATEST)
    memory = messages.tensor_to_msg('memory', np.zeros((1, MEMORY, SIZE), np.float32))
    context.publish(Features(sequence=1, tensors=[memory]))
    graph.until(lambda: chunks)
    timing = chunks[0].timings[-1]
    taken = messages.seconds(timing.end) - messages.seconds(timing.start)
    assert OPERATORS * 0.1 <= taken < OPERATORS * 0.1 + 0.2


def test_a_board_that_is_not_there_stops_the_node(start_graph, tiny_bundle):
    graph = start_graph(f'policy:={tiny_bundle}', 'simulate_latency:=abacus')
    node = graph.add(ActionExpertNode())
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE

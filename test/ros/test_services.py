# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node owns its services: they end with it, and say what is wrong."""

from pathlib import Path

from std_srvs.srv import Trigger

from vla_ros.core.errors import VlaError
from vla_ros.ros import lifecycle
from vla_ros.ros.lifecycle import NOT_ACTIVE, VlaNode


class TellingNode(VlaNode):
    """Answers while it is active."""

    def __init__(self):
        super().__init__('telling')

    def configure(self):
        self.serve(Trigger, '~/tell', self._on_tell)

    def _on_tell(self, request, response):
        if not self.active:
            raise VlaError(NOT_ACTIVE)
        response.success = True
        return response


def test_service_is_there_until_the_clean_up_and_tells_what_is_wrong(start_graph):
    graph = start_graph()
    node = graph.start(TellingNode())
    client = graph.peer.create_client(Trigger, 'telling/tell')

    def ask():
        graph.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        graph.until(future.done)
        return future.result()

    assert ask().success
    node.trigger_deactivate()
    answer = ask()
    assert not answer.success and answer.message == 'not active: activate the node first'
    node.trigger_cleanup()
    graph.until(lambda: not client.service_is_ready())
    assert node.start() and ask().success


def test_no_node_has_services_that_its_base_does_not_end():
    for path in sorted(Path(lifecycle.__file__).parents[1].glob('nodes/*.py')):
        assert 'create_service(' not in path.read_text(), path.name

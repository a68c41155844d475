# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node does while it is active ends with that, and its topics have names that ROS has."""

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.ros.lifecycle import VlaNode


class TickingNode(VlaNode):
    """Counts, and may fail to be activated whole."""

    def __init__(self, broken=False):
        super().__init__('ticking')
        self.broken, self.ticks = broken, 0

    def activate(self):
        self.repeat(0.01, self.tick)
        if self.broken:
            raise ConfigError('activate: got nothing, expected something; mend it')

    def tick(self):
        self.ticks += 1


def test_what_is_repeated_ends_with_the_activity_even_where_that_did_not_begin_whole(start_graph):
    graph = start_graph()
    whole, broken = graph.start(TickingNode()), graph.add(TickingNode(broken=True))
    assert not broken.start()
    graph.until(lambda: whole.ticks > 3)
    whole.trigger_deactivate()
    ticks = whole.ticks
    graph.spin(0.1)
    assert (whole.ticks, broken.ticks) == (ticks, 0)


@pytest.mark.parametrize('name', ['a b', '0', 'a/'])
def test_topic_that_is_no_name_is_refused_wherever_it_comes_up(start_graph, name):
    graph = start_graph()
    node = graph.add(TickingNode())
    with pytest.raises(ConfigError, match=f"topic: got 'camera/{name}/image_raw', expected"):
        node.resolve_topic_name(f'camera/{name}/image_raw')

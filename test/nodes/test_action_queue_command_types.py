# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Commands as the controllers of ros2_control take them."""

import numpy as np
import pytest
from arm import JOINTS, MEASURED, Arm
from std_msgs.msg import Float64MultiArray

from vla_ros.core.errors import ConfigError
from vla_ros.nodes.action_queue import ActionQueueNode


def test_forward_command_controller_gets_bare_positions_in_the_order_of_the_joints(start_graph):
    graph = start_graph('command_type:=positions', 'budget_chunks:=0', 'enabled:=true')
    arm = Arm(graph, command_type=Float64MultiArray)
    commands = arm.commands
    arm.begin()
    arm.play(np.linspace(0.0, 0.5, 20))
    graph.until(lambda: len(commands) > 20)
    assert len(commands[0].data) == len(JOINTS)
    np.testing.assert_allclose(commands[0].data, MEASURED, atol=0.05)
    assert np.abs(np.array(commands[20].data) - MEASURED).max() > 0.0


def test_command_type_that_there_is_not_is_named(start_graph):
    start_graph('command_type:=torque')
    with pytest.raises(ConfigError, match="command_type: got 'torque'"):
        ActionQueueNode()

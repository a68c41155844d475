# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node that can't be configured or activated is as it was before, and says why in one line."""

import os

import pytest

pytest.importorskip('mujoco')
pytest.importorskip('scservo_sdk')

from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.nodes.robot import RobotNode
from vla_ros.nodes.servo_bus import ServoBusNode
from vla_ros.nodes.sim import SimNode
from vla_ros.nodes.teleoperate import TeleoperateNode


@pytest.mark.parametrize(
    ('make', 'topic'),
    [
        (ActionQueueNode, 'joint_states'),
        (SimNode, 'instruction'),
        (ServoBusNode, 'episode'),
        (TeleoperateNode, 'joint_states'),
    ],
)
def test_node_that_is_not_activated_is_inactive_and_hears_nothing(
    start_graph, tmp_path, capfd, make, topic
):
    os.mkfifo(tmp_path / 'js0')
    wrong = f'qos_overrides./{topic}.subscription.reliability'
    device = ('device:=gamepad', f'path:={tmp_path}/js0')
    graph = start_graph(f'port:={tmp_path}/arm', *device, f'{wrong}:=mostly')
    node = graph.add(make())
    assert not node.start()
    assert node._state_machine.current_state[1] == 'inactive'
    said = capfd.readouterr().err
    assert f"{wrong}: got 'mostly', expected one of" in said and 'Traceback' not in said
    assert not node._subscribed and not node._repeated
    node.trigger_cleanup()
    assert node._state_machine.current_state[1] == 'unconfigured'


@pytest.mark.parametrize('make', [RobotNode, ServoBusNode])
def test_node_that_is_not_configured_is_unconfigured(start_graph, tmp_path, capfd, make):
    parameters = (f'port:={tmp_path}/nowhere/arm', 'calibration:=/nowhere.json')
    (tmp_path / 'nowhere').touch()
    node = start_graph(*parameters).add(make())
    states = []
    node.on_error = states.append
    assert not node.start()
    assert node._state_machine.current_state[1] == 'unconfigured' and not states
    said = capfd.readouterr().err
    assert 'nowhere' in said and 'Traceback' not in said

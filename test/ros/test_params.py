# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One dataclass declares a node's parameters, checks them and gives their values."""

from dataclasses import dataclass

import pytest
import rclpy
from rcl_interfaces.msg import ParameterType

from vla_ros.core.errors import ConfigError
from vla_ros.ros.params import declare, param


@dataclass(frozen=True)
class Params:
    """Some parameters."""

    rate: float = param(30.0, 'Commands per second.', low=1.0, high=1000.0)
    depth: int = param(2, 'Length.', low=1)
    mode: str = param('async', 'How.')
    enabled: bool = param(False, 'Whether.', read_only=False)


@pytest.fixture
def node_with():
    """Return a function that makes a node with the given parameter overrides."""
    nodes = []

    def make(*overrides):
        rclpy.init(args=['--ros-args', *(part for text in overrides for part in ('-p', text))])
        nodes.append(rclpy.create_node('some_node'))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


def test_defaults_are_in_force_where_nothing_else_is_said(node_with):
    assert declare(node_with(), Params) == Params()


def test_overrides_are_in_force(node_with):
    values = declare(node_with('rate:=100.0', 'mode:=sync', 'enabled:=true'), Params)
    assert values == Params(rate=100.0, mode='sync', enabled=True)


def test_declaration_is_described_for_tools(node_with):
    node = node_with()
    declare(node, Params)
    rate = node.describe_parameter('rate')
    assert rate.description == 'Commands per second.'
    assert rate.type == ParameterType.PARAMETER_DOUBLE
    assert rate.floating_point_range[0].to_value == 1000.0
    assert rate.read_only
    assert not node.describe_parameter('enabled').read_only


@pytest.mark.parametrize('override', ['rate:=0.0', 'rate:=2000.0', 'rate:=30', 'depth:=0'])
def test_value_that_does_not_fit_is_named_with_the_mend(node_with, override):
    name = override.split(':')[0]
    with pytest.raises(ConfigError, match=f'some_node: parameter {name}: .*give {name}:='):
        declare(node_with(override), Params)


def test_value_without_an_upper_limit_may_be_large(node_with):
    assert declare(node_with('depth:=1000000'), Params).depth == 1_000_000

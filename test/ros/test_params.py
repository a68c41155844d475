# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One dataclass declares a node's parameters, checks them and gives their values."""

from dataclasses import dataclass

import pytest
import rclpy
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy

from vla_ros.core.errors import ConfigError
from vla_ros.ros.params import Change, declare, declare_qos, param, parse_names


@dataclass(frozen=True)
class Params:
    """Some parameters."""

    rate: float = param(30.0, 'Commands per second.', low=1.0, high=1000.0)
    depth: int = param(2, 'Length.', low=1)
    mode: str = param('async', 'How.', choices=('async', 'sync'))
    policy: str = param('', 'Which.', change=Change.CONFIGURE)
    enabled: bool = param(False, 'Whether.', change=Change.RUNNING)


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
    assert node.describe_parameter('mode').additional_constraints == 'one of async, sync'


@pytest.mark.parametrize('override', ['rate:=0.0', 'rate:=2000.0', 'rate:=30', 'depth:=0'])
def test_value_that_does_not_fit_is_named_with_the_mend(node_with, override):
    name = override.split(':')[0]
    with pytest.raises(ConfigError, match=f'some_node: parameter {name}: .*give {name}:='):
        declare(node_with(override), Params)


def test_value_without_an_upper_limit_may_be_large(node_with):
    assert declare(node_with('depth:=1000000'), Params).depth == 1_000_000


def test_value_that_is_no_choice_is_named_with_the_choices(node_with):
    with pytest.raises(
        ConfigError, match="parameter mode: got 'fast', expected one of async, sync"
    ):
        declare(node_with('mode:=fast'), Params)


def set_one(node, name, value):
    """Set a parameter as `ros2 param set` does and return the result."""
    [result] = node.set_parameters([Parameter(name, value=value)])
    return result


def test_parameter_that_may_change_is_in_force_at_once(node_with):
    node, calls = node_with(), []
    values = declare(node, Params, on_change=lambda: calls.append(values.enabled))
    assert set_one(node, 'enabled', True).successful
    assert values.enabled and calls == [True]
    set_one(node, 'enabled', True)
    assert calls == [True]  # no change


def test_parameter_of_the_start_is_refused_with_the_mend(node_with):
    node = node_with()
    values = declare(node, Params)
    result = set_one(node, 'rate', 50.0)
    assert not result.successful and 'start the node with it' in result.reason
    assert values.rate == 30.0
    assert set_one(node, 'rate', 30.0).successful  # what `ros2 param load` of a dump does


def test_parameter_of_the_configuration_waits_for_a_clean_up(node_with):
    node = node_with()
    values = declare(node, Params)
    node.configured = True
    result = set_one(node, 'policy', 'other')
    assert not result.successful and 'ros2 lifecycle set /some_node cleanup' in result.reason
    node.configured = False
    assert set_one(node, 'policy', 'other').successful
    assert values.policy == 'other'


@pytest.mark.parametrize(('name', 'value'), [('mode', 'fast'), ('rate', 0.5)])
def test_value_that_is_not_allowed_is_refused_later_too(node_with, name, value):
    node = node_with()
    values = declare(node, Params, Change.RUNNING)
    assert not set_one(node, name, value).successful
    assert getattr(values, name) == getattr(Params(), name)


def test_quality_of_service_is_a_matter_of_parameters(node_with):
    node = node_with('qos_overrides./images.publisher.reliability:=best_effort')
    profile = declare_qos(node, 'images', QoSProfile(depth=3), 'publisher')
    assert profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert profile.depth == 3
    again = declare_qos(node, 'images', QoSProfile(depth=3), 'publisher')
    assert again.reliability == ReliabilityPolicy.BEST_EFFORT
    name = 'qos_overrides./images.publisher.depth'
    assert set_one(node, name, 3).successful
    assert 'start the node with it' in set_one(node, name, 4).reason


def test_quality_of_service_that_is_none_is_named(node_with):
    name = 'qos_overrides./images.publisher.reliability'
    node = node_with(f'{name}:=maybe')
    with pytest.raises(ConfigError, match=f"{name}: got 'maybe', expected one of reliable"):
        declare_qos(node, 'images', QoSProfile(depth=3), 'publisher')


def test_names_are_separated_by_commas_and_each_is_there_once():
    assert parse_names(' top, left ,') == ('top', 'left')
    with pytest.raises(ConfigError, match="names: got top twice in 'top,left,top', expected each"):
        parse_names('top,left,top')

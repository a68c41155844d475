# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A deployment gives its nodes only parameters that they have: ROS ignores the others."""

from dataclasses import fields, is_dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from vla_ros.deployment.deployment import Deployment, NodeEntry, load_deployment

pytest.importorskip('rclpy')
pytest.importorskip('mujoco')
pytest.importorskip('rosbags')

from vla_ros.ros.lifecycle import VlaNode

DEPLOYMENTS = [load_deployment(name) for name in ('tea_bag', 'record')]


def own_nodes(deployment: Deployment) -> list[NodeEntry]:
    return [entry for entry in deployment.nodes if entry.package == 'vla_ros']


def declared_in(module: ModuleType) -> dict[str, Any]:
    """Return the parameters, with their defaults, of a node's module and of its base classes."""
    nodes = [item for item in vars(module).values() if isinstance(item, type)]
    bases = {base.__module__ for node in nodes if issubclass(node, VlaNode) for base in node.mro()}
    declarations = [
        item
        for name in bases
        for item in vars(import_module(name)).values()
        if isinstance(item, type) and is_dataclass(item)
    ]
    return {
        item.name: item.default
        for declaration in declarations
        for item in fields(declaration)
        if 'param' in item.metadata
    }


@pytest.mark.parametrize('deployment', DEPLOYMENTS, ids=lambda deployment: deployment.name)
def test_every_parameter_is_one_that_the_node_declares(deployment: Deployment) -> None:
    for entry in own_nodes(deployment):
        declared = declared_in(import_module(f'vla_ros.nodes.{entry.executable}'))
        assert set(entry.parameters) | {'placement'} <= set(declared), entry.name


@pytest.mark.parametrize('deployment', DEPLOYMENTS, ids=lambda deployment: deployment.name)
def test_arguments_have_the_type_of_the_parameters_that_they_set(deployment: Deployment) -> None:
    defaults = {argument.name: argument.default for argument in deployment.arguments}
    for entry in own_nodes(deployment):
        declared = declared_in(import_module(f'vla_ros.nodes.{entry.executable}'))
        for name, value in entry.parameters.items():
            if isinstance(value, str) and value.startswith('$'):
                assert type(defaults[value[2:-1]]) is type(declared[name]), name

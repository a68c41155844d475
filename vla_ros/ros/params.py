# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node: one frozen dataclass is the declaration, the check and the document."""

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from vla_ros.core.errors import ConfigError

T = TypeVar('T')
INT_MAX = 2**63 - 1


@dataclass(frozen=True)
class Meta:
    """What a field says about its parameter besides its type and default."""

    description: str
    low: float | None
    high: float | None
    read_only: bool


def param(
    default: bool | int | float | str,
    description: str,
    low: float | None = None,
    high: float | None = None,
    read_only: bool = True,
) -> Any:
    """Return a dataclass field that is a ROS parameter, within ``low``..``high`` where given."""
    return field(default=default, metadata={'param': Meta(description, low, high, read_only)})


def declare(node: Node, cls: type[T]) -> T:
    """
    Declare every field of ``cls`` as a parameter of ``node`` and return the values in force.

    Raise ConfigError, naming the parameter, for a value of another type or out of range.
    """
    values = {}
    for item in fields(cls):  # type: ignore[arg-type]
        descriptor = _descriptor(item.default, item.metadata['param'])
        try:
            values[item.name] = node.declare_parameter(item.name, item.default, descriptor).value
        except ParameterException as error:
            raise ConfigError(_refusal(node, item.name, item.default, error)) from None
    return cls(**values)


def _refusal(node: Node, name: str, default: Any, error: ParameterException) -> str:
    mend = f'; give {name}:={default} or another {type(default).__name__} within its range'
    return f'{node.get_name()}: parameter {name}: {error}{mend}'


def _descriptor(default: Any, meta: Meta) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=meta.description, read_only=meta.read_only)
    if meta.low is None and meta.high is None:
        return descriptor
    if isinstance(default, float):
        descriptor.floating_point_range = [_float_range(meta)]
    else:
        descriptor.integer_range = [_integer_range(meta)]
    return descriptor


def _float_range(meta: Meta) -> FloatingPointRange:
    return FloatingPointRange(
        from_value=float('-inf') if meta.low is None else float(meta.low),
        to_value=float('inf') if meta.high is None else float(meta.high),
    )


def _integer_range(meta: Meta) -> IntegerRange:
    return IntegerRange(
        from_value=-INT_MAX if meta.low is None else int(meta.low),
        to_value=INT_MAX if meta.high is None else int(meta.high),
    )

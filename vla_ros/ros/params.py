# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node: one frozen dataclass is the declaration, the check and the document."""

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from vla_ros.core.errors import ConfigError, suggest

T = TypeVar('T')
_LATER = 'qos_overrides.'  # declared with the publishers and subscriptions that they are for
INT_MAX = 2**63 - 1


class UnknownParameterError(ConfigError):
    """A parameter that no node has: a slip of the pen, which may have meant something grave."""


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


def refuse_unknown(node: Node) -> None:
    """Raise UnknownParameterError for one that was given and that the node does not have."""
    known = {name for name in node._parameters if '.' not in name}  # rclpy has no public list
    given = node._parameter_overrides
    unknown = [n for n in given if not node.has_parameter(n) and not n.startswith(_LATER)]
    if unknown:
        raise UnknownParameterError(
            f'{node.get_name()}: parameter {", ".join(unknown)}: no such parameter, expected some '
            f'of {", ".join(sorted(known))}{suggest(unknown[0], known)}'
        )


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

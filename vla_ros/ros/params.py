# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node: one frozen dataclass is the declaration, the check and the document."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

from vla_ros.core.errors import ConfigError, repeated, suggest

T = TypeVar('T')
_LATER = 'qos_overrides.'  # declared with the publishers and subscriptions that they are for
INT_MAX = 2**63 - 1
QOS_POLICIES = {  # that parameters may replace, with their choices; none: any number
    'history': ('keep_last', 'keep_all'),
    'depth': (),
    'reliability': ('reliable', 'best_effort'),
}


class Change(Enum):
    """Until when a parameter can be set to another value, and what to do for it after that."""

    START = 'start the node with it'
    CONFIGURE = 'clean the node up first (ros2 lifecycle set NODE cleanup)'
    RUNNING = ''


class UnknownParameterError(ConfigError):
    """A parameter that no node has: a slip of the pen, which may have meant something grave."""


@dataclass(frozen=True)
class Meta:
    """What a field says about its parameter besides its type and default."""

    description: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]  # empty: any
    change: Change | None  # None: as of the others of its class


def param(
    default: bool | int | float | str,
    description: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    change: Change | None = None,
) -> Any:
    """
    Return a dataclass field that is a ROS parameter.

    It is within ``low``..``high`` and one of ``choices``, where those are given.
    """
    meta = Meta(description, low, high, tuple(choices), change)
    return field(default=default, metadata={'param': meta})


def declare(
    node: Node,
    cls: type[T],
    change: Change = Change.START,
    on_change: Callable[[], None] = lambda: None,
) -> T:
    """
    Declare every field of ``cls`` as a parameter of ``node`` and return the values in force.

    They stay in force: a parameter that is set later, which ``change`` allows until then, changes
    them, and ``on_change`` is called. Any may be set to the value that it has. Raise ConfigError,
    naming the parameter, for a value of another type, out of range or not among the choices.
    """
    values = {}
    for item in fields(cls):  # type: ignore[arg-type]
        descriptor = _descriptor(item.default, item.metadata['param'])
        try:
            values[item.name] = node.declare_parameter(item.name, item.default, descriptor).value
        except ParameterException as error:
            raise ConfigError(_refusal(node, item.name, item.default, error)) from None
    _check_choices(node, cls, values)
    declared = cls(**values)
    _follow(node, declared, change, on_change)
    return declared


def _follow(node: Node, declared: Any, change: Change, on_change: Callable[[], None]) -> None:
    """Have parameters that are set later change ``declared``, which is frozen for others."""
    metas = {item.name: item.metadata['param'] for item in fields(declared)}

    def changes(parameters: Sequence[Parameter]) -> dict[str, Any]:
        given = {parameter.name: parameter.value for parameter in parameters}
        ours = given.keys() & metas.keys()
        return {name: given[name] for name in ours if given[name] != getattr(declared, name)}

    def check(parameters: list[Parameter]) -> SetParametersResult:
        changed = changes(parameters)
        try:
            for name in changed:
                _check_time(node, name, metas[name].change or change)
            _check_choices(node, type(declared), changed)
            replace(declared, **changed)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def apply(parameters: list[Parameter]) -> None:
        changed = changes(parameters)
        for name, value in changed.items():
            object.__setattr__(declared, name, value)
        if changed:
            on_change()

    node.add_on_set_parameters_callback(check)
    node.add_post_set_parameters_callback(apply)


def _check_time(node: Node, name: str, change: Change) -> None:
    """Raise ConfigError where it is too late to change a parameter."""
    configured = getattr(node, 'configured', False)
    if change is Change.START or (change is Change.CONFIGURE and configured):
        raise ConfigError(
            f'{name}: got another value while the node runs, expected the one that it has; '
            + change.value.replace('NODE', node.get_fully_qualified_name())
        )


def _check_choices(node: Node, cls: type, values: dict[str, Any]) -> None:
    for item in fields(cls):
        choices = item.metadata['param'].choices
        if item.name in values and choices and values[item.name] not in choices:
            raise ConfigError(
                f'{node.get_name()}: parameter {item.name}: got {values[item.name]!r}, expected '
                f'one of {", ".join(choices)}'
            )


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
    descriptor = ParameterDescriptor(description=meta.description)
    if meta.choices:
        descriptor.additional_constraints = f'one of {", ".join(meta.choices)}'
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


def declare_qos(node: Node, topic: str, profile: QoSProfile, kind: str) -> QoSProfile:
    """
    Return the ``profile`` of a ``topic`` as the node's parameters want it.

    They are named as everywhere in ROS: qos_overrides./TOPIC.publisher.reliability for ``kind``
    publisher. Raise ConfigError, naming the parameter, for a value that is none.
    """
    wanted = copy.copy(profile)
    resolved = node.resolve_topic_name(topic)
    for policy, choices in QOS_POLICIES.items():
        name = f'qos_overrides.{resolved}.{kind}.{policy}'
        value = getattr(profile, policy)
        default = value.name.lower() if choices else value
        if not node.has_parameter(name):
            _declare_start_only(node, name, default, f'{policy} of this {kind}.')
        given = node.get_parameter(name).value
        if choices and given not in choices:
            raise ConfigError(
                f'{node.get_name()}: parameter {name}: got {given!r}, expected one of '
                f'{", ".join(choices)}'
            )
        setattr(wanted, policy, type(value)[given.upper()] if choices else given)
    return wanted


def _declare_start_only(node: Node, name: str, default: Any, description: str) -> None:
    """Declare a parameter that only the start of the node can give another value."""
    try:
        value = node.declare_parameter(
            name, default, ParameterDescriptor(description=description)
        ).value
    except ParameterException as error:
        raise ConfigError(_refusal(node, name, default, error)) from None

    def check(parameters: list[Parameter]) -> SetParametersResult:
        try:
            for parameter in parameters:
                if parameter.name == name and parameter.value != value:
                    _check_time(node, name, Change.START)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)


def parse_names(text: str) -> tuple[str, ...]:
    """Return the names in a list separated by commas; raise ConfigError for one that is twice."""
    names = tuple(name.strip() for name in text.split(',') if name.strip())
    twice = repeated(names)
    if twice:
        raise ConfigError(f'names: got {", ".join(twice)} twice in {text!r}, expected each once')
    return names

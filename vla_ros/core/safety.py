# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a robot's file allows the arm to be; see core/workspace.py for what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.joint import number

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Safety:
    """Box and speed of the tool, and the table, in the frame of the root of the URDF."""

    lower: Point  # m, corner of the box that the tool stays in
    upper: Point  # m
    table: float  # m, height below which no moving link goes
    tool_speed: float  # m/s
    may_touch: tuple[tuple[str, str], ...] = ()  # pairs of links that are not kept apart

    def __post_init__(self) -> None:
        """Check that there is room in the box."""
        for axis, low, high in zip('xyz', self.lower, self.upper, strict=True):
            if not low < high:
                raise ConfigError(f'safety: {axis}: lower {low} is not below upper {high}')
        if not 0.0 < self.tool_speed <= 10.0:
            raise ConfigError(
                f'safety: tool_speed: got {self.tool_speed}, expected above 0 and at most 10 m/s'
            )


def read_safety(what: str, content: Any) -> Safety:
    """Return what a robot's file says; raise ConfigError, beginning with ``what``."""
    names = {item.name for item in fields(Safety)}
    if not isinstance(content, Mapping) or not names - {'may_touch'} <= set(content) <= names:
        raise ConfigError(f'{what}: got {content}, expected {", ".join(sorted(names))}')
    pairs = content.get('may_touch', [])
    if not isinstance(pairs, list) or any(not _is_pair(pair) for pair in pairs):
        raise ConfigError(f'{what}: may_touch: got {pairs}, expected pairs of links')
    return Safety(
        _point(f'{what}: lower', content['lower']),
        _point(f'{what}: upper', content['upper']),
        number(f'{what}: table', content['table']),
        number(f'{what}: tool_speed', content['tool_speed']),
        tuple((str(first), str(second)) for first, second in pairs),
    )


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, str) for n in pair)


def _point(what: str, value: Any) -> Point:
    if not isinstance(value, list) or len(value) != 3:
        raise ConfigError(f'{what}: got {value!r}, expected [x, y, z] in m')
    x, y, z = (number(what, each) for each in value)
    return x, y, z

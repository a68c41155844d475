# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What one joint can do, as a robot's file says it, and whether that can be true."""

import math
from typing import Any, NamedTuple

from vla_ros.core.errors import ConfigError


class Plausible(NamedTuple):
    """What the joints of one type can have; beyond it the numbers are of another unit."""

    unit: str
    position: float  # rad or m, either side of 0
    velocity: float  # per s
    acceleration: float  # per s^2
    other: str  # the unit that is mistaken for this one
    share: float  # one of that unit in this one


DEGREE = math.pi / 180
TURNING = Plausible('rad', 4 * math.pi, 50.0, 5e3, 'degrees', DEGREE)
SLIDING = Plausible('m', 20.0, 20.0, 2e3, 'millimetres', 1e-3)
TYPES = {'revolute': TURNING, 'continuous': TURNING, 'prismatic': SLIDING}  # URDF's names
SLOWEST = 1e-3  # rad/s or m/s; a joint that is slower is of no use
LONGEST_BRAKING = 10.0  # s, from full velocity
LIMITS = ('lower', 'upper', 'velocity', 'acceleration')


def read_joint(what: str, limits: Any) -> tuple[float, ...]:
    """
    Return lower, upper, velocity and acceleration of one joint, as its mapping has them.

    Raises ConfigError, beginning with ``what``, for a key, a number or a unit that is wrong.
    """
    if not isinstance(limits, dict):
        raise ConfigError(f'{what}: got {limits!r}, expected numbers for {", ".join(LIMITS)}')
    kind = limits.get('type', 'revolute')
    if not isinstance(kind, str) or kind not in TYPES:
        raise ConfigError(f'{what}: type: got {kind!r}, expected one of {", ".join(TYPES)}')
    given = {key: value for key, value in limits.items() if key != 'type'}
    if kind == 'continuous':
        given = {'lower': -math.inf, 'upper': math.inf, **given}
    if set(given) != set(LIMITS):
        raise ConfigError(f'{what}: got {limits}, expected numbers for {", ".join(LIMITS)}')
    row = tuple(number(f'{what}: {key}', given[key]) for key in LIMITS)
    if kind == 'continuous' and not (math.isinf(row[0]) and math.isinf(row[1])):
        raise ConfigError(
            f'{what}: got limits {row[0]} and {row[1]} for a joint that turns without end; '
            'leave them out, or make it revolute'
        )
    check_limits(what, *row)
    _check_plausible(what, TYPES[kind], row)
    return row


def number(what: str, value: Any) -> float:
    """Return ``value``; raise ConfigError, beginning with ``what``, where it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f'{what}: got {value!r}, expected a number')
    try:
        return float(value)
    except OverflowError:
        raise ConfigError(f'{what}: got a whole number that is too large') from None


def _check_plausible(what: str, plausible: Plausible, row: tuple[float, ...]) -> None:
    """Refuse numbers of another unit, and a joint that can't be braked within a sane time."""
    unit, position, fastest, hardest, other, share = plausible
    lower, upper, velocity, acceleration = row
    for key, got, most, per in (
        ('lower', lower, position, ''),
        ('upper', upper, position, ''),
        ('velocity', velocity, fastest, '/s'),
    ):
        if most < abs(got) < math.inf:
            raise ConfigError(
                f'{what}: {key}: got {got:g}, expected at most {most:.4g} {unit}{per}: these look '
                f'like {other}; write {unit}{per} ({got:g} {other}{per} are {got * share:.4g})'
            )
    if acceleration > hardest:
        raise ConfigError(
            f'{what}: acceleration: got {acceleration:g}, expected at most {hardest:g} {unit}/s^2'
        )
    if velocity < SLOWEST or velocity / acceleration > LONGEST_BRAKING:
        raise ConfigError(
            f'{what}: got velocity {velocity:g} {unit}/s and acceleration {acceleration:g} '
            f'{unit}/s^2, expected at least {SLOWEST:g} {unit}/s and braking within '
            f'{LONGEST_BRAKING:g} s'
        )


def check_limits(
    what: str, lower: float, upper: float, velocity: float, acceleration: float
) -> None:
    """Raise ConfigError, beginning with ``what``, for limits that no command can be held to."""
    if not lower < upper:
        raise ConfigError(f'{what}: lower {lower} is not below upper {upper}')
    if math.isinf(lower) != math.isinf(upper):
        raise ConfigError(
            f'{what}: got limits {lower} and {upper}, expected two numbers, or -inf and inf for a '
            'joint that turns without end'
        )
    for key, value in (('velocity', velocity), ('acceleration', acceleration)):
        if not 0 < value < math.inf:
            raise ConfigError(f'{what}: {key}: got {value}, expected a number above 0')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Profiles: measured latencies of blocks, and the rates of a processor that explain them.

`vla_ros benchmark policy` writes a profile.json. The rates of a board's description are bent until
they fit it; work that the profile has none of keeps the description's rates, scaled like the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import read_json
from vla_ros.planning.boards import Rates, features
from vla_ros.planning.cost import Cost, cost_from_dict

FORMAT = 1
STIFFNESS = 0.01  # of the description's rates, against the measurements
ROUNDS = 400  # of the descent; it is done in milliseconds
KEYS = ('policy', 'recipe', 'backend', 'threads', 'block', 'p50', 'cost')


@dataclass(frozen=True)
class Measured:
    """How long one block took, and the work that it is."""

    policy: str
    recipe: str
    backend: str
    threads: int
    block: str
    seconds: float  # median
    cost: Cost
    variant: str = ''  # of several that one recipe was measured in


class Comparison(NamedTuple):
    """The latency of a whole policy, measured and as predicted without having seen the recipe."""

    policy: str
    recipe: str
    backend: str
    threads: int
    measured: float  # s
    predicted: float  # s

    @property
    def error(self) -> float:
        """Return the relative error; 0.1 is 10 % too slow."""
        return self.predicted / self.measured - 1


def load_profile(path: Path) -> list[Measured]:
    """Read a profile.json; raise ConfigError naming the entry and the key that is wrong."""
    content = read_json(path)
    version, entries = (
        (content.get('format'), content.get('entries')) if isinstance(content, dict) else (None, 0)
    )
    if version != FORMAT or not isinstance(entries, list) or not entries:
        raise ConfigError(
            f'{path}: got format {version!r}, expected {FORMAT} with entries; write it with '
            'vla_ros benchmark policy'
        )
    return [_read_entry(path, number, entry) for number, entry in enumerate(entries)]


def fit(measured: Sequence[Measured], prior: Rates) -> Rates:
    """
    Return the rates, none below zero, that explain the latencies and stay near ``prior``.

    Minimises the squared relative errors plus STIFFNESS times the squared relative changes
    from the prior, which is scaled to the measurements first.
    """
    names = sorted(set(prior.seconds) | {name for m in measured for name in features(m.cost)})
    known = np.array([prior.seconds.get(name, 0.0) for name in names])
    amounts = np.array([[features(m.cost).get(name, 0.0) for name in names] for m in measured])
    shares = amounts * known / np.array([[m.seconds] for m in measured])
    whole = shares.sum(axis=1)
    scale = whole.sum() / (whole**2).sum()
    factors = np.full(len(names), scale)
    diagonal = (shares**2).sum(axis=0) + STIFFNESS
    for _ in range(ROUNDS):
        for column in range(len(names)):
            rest = 1 - shares @ factors + shares[:, column] * factors[column]
            best = (shares[:, column] @ rest + STIFFNESS * scale) / diagonal[column]
            factors[column] = max(0.0, best)
    return Rates(dict(zip(names, (known * factors).tolist(), strict=True)))


def hold_out(measured: Sequence[Measured], prior: Rates, by: str = 'recipe') -> list[Comparison]:
    """
    Return measured and predicted latency of each recipe, fitted on the other recipes alone.

    ``by`` 'policy' leaves out one policy (or size of pictures) at a time instead. ``measured``
    are of one back end and one number of threads.
    """
    found = []
    for left_out in sorted({getattr(m, by) for m in measured}):
        others = [m for m in measured if getattr(m, by) != left_out]
        if others:
            rates = fit(others, prior)
            held = sorted((m for m in measured if getattr(m, by) == left_out), key=_whole)
            found += [_compare(list(group), rates) for _, group in groupby(held, _whole)]
    return found


def settings(measured: Sequence[Measured]) -> list[tuple[str, int]]:
    """Return the back ends and numbers of threads that were measured."""
    return sorted({(m.backend, m.threads) for m in measured})


def select(measured: Sequence[Measured], backend: str, threads: int) -> list[Measured]:
    """Return what was measured with that back end and number of threads."""
    return [m for m in measured if (m.backend, m.threads) == (backend, threads)]


def _compare(group: list[Measured], rates: Rates) -> Comparison:
    first = group[0]
    return Comparison(
        first.policy,
        first.recipe,
        first.backend,
        first.threads,
        sum(m.seconds for m in group),
        sum(rates.latency(m.cost) for m in group),
    )


def _whole(measured: Measured) -> tuple[str, str, str]:
    """Return what the blocks of one whole policy have in common."""
    return measured.policy, measured.recipe, measured.variant


def _read_entry(path: Path, number: int, entry: Any) -> Measured:
    """Return what one entry says; raise ConfigError naming it where it says nothing."""
    try:
        return _measured(path, number, entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f'{path}: entry {number}: got a value of another kind ({error!r}), expected what '
            'vla_ros benchmark policy wrote; measure again'
        ) from None


def _measured(path: Path, number: int, entry: dict[str, Any]) -> Measured:
    missing = [key for key in KEYS if key not in entry]
    if missing:
        raise ConfigError(
            f'{path}: entry {number}: got no {", ".join(missing)}; measure again, with the extra '
            '[quantize] installed'
        )
    precision = entry.get('precision') or 'fp32'
    cost = cost_from_dict(entry['cost']).with_floats(precision)
    if not float(entry['p50']) > 0:
        raise ConfigError(f'{path}: entry {number}: p50: got {entry["p50"]!r} s, expected above 0')
    policy = f'{entry["policy"]} {entry.get("width", "?")}x{entry.get("height", "?")}'
    return Measured(
        policy,
        entry['recipe'],
        entry['backend'],
        int(entry['threads']),
        entry['block'],
        float(entry['p50']),
        cost,
        entry.get('variant', ''),
    )

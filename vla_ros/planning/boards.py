# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Boards: what their processors can do, and how long a model takes there.

A board file states peak figures with their source, and the share of them that inference reaches.
Latency is the sum of arithmetic, memory traffic and a fixed time for each operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from vla_ros.core.config import load_yaml
from vla_ros.core.errors import ConfigError
from vla_ros.planning.cost import Cost, Operation
from vla_ros.runtime.backends.table import DEFAULT
from vla_ros.runtime.placement import PROVIDERS

GIGA = 1e9
KINDS = ('conv', 'matmul', 'attention')
PRECISIONS = ('fp32', 'fp16', 'bf16', 'int8_static', 'int8_dynamic', 'int4_weights')


@dataclass(frozen=True)
class Rates:
    """
    Seconds for each unit of work; a sum over them is a latency.

    Keys: ``kind.precision`` (s per operation), ``weights`` and ``activations`` (s per byte),
    ``operators`` (s each).
    """

    seconds: Mapping[str, float]

    def latency(self, cost: Cost) -> float:
        """Return the seconds of one run; raise ConfigError for work that has no rate."""
        missing = sorted(set(features(cost)) - set(self.seconds))
        if missing:
            raise ConfigError(f'rates: got none for {missing}; this processor does not do that')
        return sum(self.seconds[name] * amount for name, amount in features(cost).items())


def features(cost: Cost) -> dict[str, float]:
    """Return the amounts of work that take time, by the keys of ``Rates``."""
    amounts = {name: work.flops for name, work in cost.work.items() if name.split('.')[0] in KINDS}
    work = cost.work.values()
    amounts['weights'] = sum(item.weights for item in work)
    amounts['activations'] = sum(item.activations for item in work)
    amounts['operators'] = float(sum(item.operators for item in work))
    return amounts


@dataclass(frozen=True)
class Processor:
    """
    One processor of a board; raises ConfigError for values that make no sense.

    ``peak`` is of one core; a GPU or NPU counts as one core.
    """

    device: str  # cpu, gpu or npu, as in a placement
    peak: Mapping[str, float]  # 1e9 operations per s by precision
    bandwidth: float  # 1e9 bytes per s, peak
    efficiency: Mapping[str, float]  # share of the peak reached: conv, matmul, ..., memory
    providers: tuple[str, ...] = ()  # ONNX Runtime's; empty takes the device's default
    backend: str = DEFAULT
    cores: int = 1
    scaling: float = 0.9  # what each further core adds, in cores
    overhead: float = 0.0  # s for each operator
    operators: tuple[str, ...] = ()  # ONNX's names of those that it runs; empty: all of them

    def __post_init__(self) -> None:
        """Check every value."""
        object.__setattr__(self, 'providers', tuple(self.providers))
        object.__setattr__(self, 'operators', tuple(self.operators))
        _check_keys('device', [self.device], PROVIDERS)
        _check_keys('peak', self.peak, PRECISIONS)
        _check_keys('efficiency', self.efficiency, (*KINDS, 'memory'))
        if not self.peak or 'memory' not in self.efficiency:
            raise ConfigError('peak and efficiency: expected a precision, and at least memory')
        numbers = [*self.peak.values(), *self.efficiency.values(), self.bandwidth, self.cores]
        if not all(isinstance(number, int | float) and number > 0 for number in numbers):
            raise ConfigError(f'figures: got {numbers}, expected numbers above 0')

    def rates(self, threads: int) -> Rates:
        """Return the seconds for each unit of work on ``threads`` cores."""
        cores = 1 + (min(threads, self.cores) - 1) * self.scaling
        seconds = {
            f'{kind}.{precision}': 1 / (GIGA * peak * share * cores)
            for precision, peak in self.peak.items()
            for kind in KINDS
            if (share := self.efficiency.get(kind))
        }
        byte = 1 / (GIGA * self.bandwidth * self.efficiency['memory'])
        return Rates({**seconds, 'weights': byte, 'activations': byte, 'operators': self.overhead})

    def can_run(self, operation: Operation) -> bool:
        """Say whether the processor has the operator, and computes at its precision."""
        known = not self.operators or operation.operator in self.operators
        light = self.device == 'cpu' and operation.kind == 'other'
        return known and (light or operation.precision in self.peak)


@dataclass(frozen=True)
class Published:
    """What somebody else says that a policy takes on a board: to be read beside predictions."""

    policy: str
    seconds: float
    how: str  # on what, at which precision
    source: str


@dataclass(frozen=True)
class Board:
    """A board as its file describes it."""

    name: str
    description: str
    sources: tuple[str, ...]  # of the figures
    processors: Mapping[str, Processor]
    control_core: int | None = None  # that is kept for the command loop
    published: tuple[Published, ...] = ()  # nothing here is fitted to, unless ``sources`` say so

    def __post_init__(self) -> None:
        """Check that there is a CPU: what an accelerator can't run has to run somewhere."""
        if 'cpu' not in self.processors:
            raise ConfigError(f'processors: got {list(self.processors)}, expected also cpu')


def load_board(path: Path) -> Board:
    """Read a board file; raise ConfigError naming the file, the processor and the value."""
    content = load_yaml(path, {item.name for item in fields(Board)} - {'name'})
    try:
        processors = content.pop('processors', None)
        if not isinstance(processors, dict):
            raise ConfigError(f'processors: got {processors!r}, expected a mapping')
        sources = tuple(content.pop('sources', ()))
        if not sources:
            raise ConfigError('sources: got none, expected where the figures come from')
        made = {name: _processor(name, entry) for name, entry in processors.items()}
        others = tuple(Published(**entry) for entry in content.pop('published', ()))
        return Board(path.stem, processors=made, sources=sources, published=others, **content)
    except (ConfigError, TypeError) as error:
        raise ConfigError(f'{path}: {error}') from None


def _processor(name: str, content: Any) -> Processor:
    known = {item.name for item in fields(Processor)}
    if not isinstance(content, dict) or set(content) - known:
        got = sorted(content) if isinstance(content, dict) else content
        raise ConfigError(f'{name}: got {got}, expected keys of {sorted(known)}')
    try:
        return Processor(**content)
    except (ConfigError, TypeError) as error:
        raise ConfigError(f'{name}: {error}') from None


def _check_keys(what: str, got: Any, allowed: Any) -> None:
    unknown = sorted(set(got) - set(allowed))
    if unknown:
        raise ConfigError(f'{what}: got {unknown}, expected some of {list(allowed)}')

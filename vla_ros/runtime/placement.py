# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Placement: on which device, cores and threads each node runs.

A placement file says what differs from the default, under the node's own name::

    defaults: {device: cpu, threads: 1}
    nodes:
      vision_encoder: {device: cpu, cores: [0, 1], threads: 2, priority: -5}
      llm_backbone: {device: gpu, providers: [TensorrtExecutionProvider]}
      action_expert: {backend: openvino, precision: bf16}
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from vla_ros.core.config import load_yaml
from vla_ros.core.errors import ConfigError, repeated, suggest
from vla_ros.core.files import write_text
from vla_ros.runtime.backends.table import BACKENDS
from vla_ros.runtime.memory import lock_memory

PRECISIONS = ('fp32', 'bf16', 'fp16')
CAMERAS = ('batched', 'single', 'parallel', 'measured')
PROVIDERS: dict[str, tuple[str, ...]] = {
    'cpu': ('CPUExecutionProvider',),
    'gpu': ('CUDAExecutionProvider',),
    'npu': (),  # every vendor has its own: the placement must name it
}


@dataclass(frozen=True)
class NodePlacement:
    """
    Where one node runs; raises ConfigError for a value that no machine could serve.

    ``providers`` are ONNX Runtime's names, first choice first; empty takes the device's default.
    ``settings`` go to the provider, or to the back end, of their name. An empty ``backend`` or
    ``precision`` takes what the policy was made for. ``threads`` 0 gives inference one thread per
    core that the node may use.
    """

    device: str = 'cpu'  # cpu, gpu or npu
    providers: tuple[str, ...] = ()
    cores: tuple[int, ...] = ()  # of the machine; empty leaves the choice to the kernel
    threads: int = 0
    priority: int = 0  # nice value, -20 (first) to 19 (last)
    # SCHED_FIFO, 1 (last) to 99 (first): before all that has a nice value; memory stays in RAM
    realtime: int = 0
    backend: str = ''  # one of BACKENDS
    precision: str = ''  # of the float parts: fp32, bf16 or fp16
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    spinning: bool = False  # idle threads of ONNX Runtime wait busily: for cores of its own
    cameras: str = ''  # pictures to the encoder: batched, single, parallel, or measured at start

    def __post_init__(self) -> None:
        """Check every value."""
        object.__setattr__(self, 'providers', _sequence('providers', self.providers, str))
        object.__setattr__(self, 'cores', _sequence('cores', self.cores, int))
        if self.device not in tuple(PROVIDERS):  # it may be anything that a file holds
            raise ConfigError(f'device: got {self.device!r}, expected one of {list(PROVIDERS)}')
        _check_choice('backend', self.backend, tuple(BACKENDS))
        _check_choice('precision', self.precision, PRECISIONS)
        _check_choice('cameras', self.cameras, CAMERAS)
        _check_settings(self.settings)
        if type(self.spinning) is not bool:
            raise ConfigError(f'spinning: got {self.spinning!r}, expected true or false')
        _check_range('threads', self.threads, 0, 1024)
        _check_range('priority', self.priority, -20, 19)
        _check_range('realtime', self.realtime, 0, 99)
        for core in self.cores:
            _check_range('cores', core, 0, 4095)
        twice = repeated(map(str, self.cores))
        if twice:
            raise ConfigError(f'cores: got {", ".join(twice)} twice, expected each once')

    def thread_count(self) -> int:
        """Return how many threads inference takes, at least one."""
        allowed = os.sched_getaffinity(0)
        return self.threads or len(allowed.intersection(self.cores) or allowed)


@dataclass(frozen=True)
class Placement:
    """The placement of every node of a deployment."""

    nodes: Mapping[str, NodePlacement] = field(default_factory=dict)
    default: NodePlacement = field(default_factory=NodePlacement)

    def node(self, name: str) -> NodePlacement:
        """Return the placement of the node ``name``, the default where the file has none."""
        return self.nodes.get(name, self.default)


def load_placement(path: Path) -> Placement:
    """Read a placement file; raise ConfigError naming the file, the node and the value."""
    content = load_yaml(path, {'defaults', 'nodes', 'description'})
    defaults = _settings(path, 'defaults', content.get('defaults'))
    nodes = {
        name: _node(path, f'nodes: {name}', defaults | _settings(path, name, entry))
        for name, entry in _settings(path, 'nodes', content.get('nodes')).items()
    }
    placement = Placement(nodes, _node(path, 'defaults', defaults))
    _check_heeded(path, placement)
    return placement


def save_placement(placement: Placement, path: Path) -> None:
    """Write a placement file that ``load_placement`` reads as ``placement``."""
    content = {
        'defaults': asdict(placement.default),
        'nodes': {name: asdict(node) for name, node in placement.nodes.items()},
    }
    write_text(path, yaml.safe_dump(content, sort_keys=False))


def apply(placement: NodePlacement) -> list[str]:
    """
    Pin every thread of this process and set its priority; return what was not permitted.

    A real-time process keeps its memory in RAM, too.

    Threads that start later inherit both. Raise ConfigError for a core that isn't there.
    """
    _check_cores(placement.cores)
    threads = [int(name) for name in os.listdir('/proc/self/task')]
    for thread in threads if placement.cores else ():
        os.sched_setaffinity(thread, placement.cores)
    return [
        *_permitted(placement.priority, _PRIORITY_MEND, threads, _set_priority),
        *_permitted(placement.realtime, _REALTIME_MEND, threads, _set_realtime),
        *_locked(placement.realtime),
    ]


_PRIORITY_MEND = (
    'priority {} is not permitted: the node runs at the usual one; '
    'allow it with a nice limit in /etc/security/limits.conf, or run as root'
)
_REALTIME_MEND = (
    'realtime {} (SCHED_FIFO) is not permitted: the node runs under the usual scheduler; allow it '
    'with an rtprio limit in /etc/security/limits.conf, with CAP_SYS_NICE, or run as root'
)


def _permitted(
    value: int, mend: str, threads: Sequence[int], change: Callable[[int, int], None]
) -> list[str]:
    """Change every thread, where there is a ``value``; return the text ``mend`` if refused."""
    try:
        for thread in threads if value else ():
            change(thread, value)
    except PermissionError:
        return [mend.format(value)]
    return []


def _locked(realtime: int) -> list[str]:
    """Keep the memory of a real-time process in RAM; say so where that is not permitted."""
    obstacle = lock_memory() if realtime else ''
    if not obstacle:
        return []
    return [f'memory is not locked ({obstacle}): a page fault may delay a command']


def _set_priority(thread: int, value: int) -> None:
    os.setpriority(os.PRIO_PROCESS, thread, value)


def _set_realtime(thread: int, value: int) -> None:
    os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(value))


def _check_cores(cores: tuple[int, ...]) -> None:
    allowed = os.sched_getaffinity(0)
    there = os.sysconf('SC_NPROCESSORS_CONF')  # those that are switched off have numbers, too
    wrong = [core for core in cores if core >= there]
    if wrong:
        raise ConfigError(
            f'cores: got {wrong}, expected cores of this machine, 0 to {there - 1}; '
            'use a placement made for this board'
        )
    if cores and not allowed.intersection(cores):
        raise ConfigError(
            f'cores: got {list(cores)}, expected some of {sorted(allowed)}, which this process '
            'may use; widen the container or change the placement'
        )


def _node(path: Path, where: str, settings: Mapping[str, Any]) -> NodePlacement:
    known = {item.name for item in fields(NodePlacement)}
    unknown = sorted(map(str, set(settings) - known))
    if unknown:
        raise ConfigError(
            f'{path}: {where}: got {unknown}, expected keys of {sorted(known)}'
            f'{suggest(unknown[0], known)}'
        )
    try:
        return NodePlacement(**settings)
    except ConfigError as error:
        raise ConfigError(f'{path}: {where}: {error}') from None


def _check_heeded(path: Path, placement: Placement) -> None:
    """Raise ConfigError for settings of a provider that no node of the file could run on."""
    placed = {**placement.nodes, 'defaults': placement.default}
    known = {*BACKENDS, *chain(*PROVIDERS.values(), *(node.providers for node in placed.values()))}
    for where, node in placed.items():
        for name in node.settings:
            if name not in known:
                raise ConfigError(
                    f'{path}: {where}: settings: got {name!r}, expected a back end or a provider '
                    f'of the file, such as {", ".join(sorted(known))}{suggest(name, known)}'
                )


def _settings(path: Path, where: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f'{path}: {where}: got {value!r}, expected a mapping')
    return value


def _sequence(name: str, value: Any, item_type: type) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not all(type(item) is item_type for item in value):
        raise ConfigError(f'{name}: got {value!r}, expected a list of {item_type.__name__}')
    return tuple(value)


def _check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in ('', *allowed):
        raise ConfigError(f'{name}: got {value!r}, expected one of {list(allowed)}')


def _check_settings(value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ConfigError(f'settings: got {value!r}, expected {{provider: {{name: value}}}}')


def _check_range(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f'{name}: got {value!r}, expected a whole number {low} to {high}')

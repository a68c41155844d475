# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Deployments: which nodes a job runs, with which parameters, as data that launch and ``up`` share.

A deployment file declares arguments and nodes (those in config/ are examples). A node's texts
may hold ``${argument}``; a text that is nothing but that becomes the argument's value with its
type. Every text, an argument's default too, may hold ``${config}``, the folder of the
configuration that ships, and ``${folder}``, that of the deployment file.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_origin, get_type_hints

import yaml

from vla_ros.core.config import find_config, load_yaml
from vla_ros.core.errors import ConfigError, suggest
from vla_ros.deployment.fastdds import PROFILE, shipped_profile

Scalar = bool | int | float | str
Entry = TypeVar('Entry')
NODE_NAME = re.compile('[A-Za-z_][A-Za-z0-9_]*')  # that ROS allows
REFERENCE = re.compile(r'\$\{(\w*)\}')
TYPE_NAMES = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'a text'}


@dataclass(frozen=True)
class Argument:
    """What a caller may choose; the type of the default is the type of the value."""

    name: str
    default: Scalar
    description: str
    choices: tuple[Scalar, ...] = ()  # empty: any value of the type
    config: str = ''  # the kind of configuration that the value names, e.g. 'placement'

    def __post_init__(self) -> None:
        """Check that the default is one of the choices."""
        if self.choices and self.default not in self.choices:
            raise ConfigError(f'default: got {self.default!r}, expected one of {self.choices}')

    def parse(self, text: str) -> Scalar:
        """Return the value that ``text`` stands for; raise ConfigError saying what is allowed."""
        value = _convert(text, type(self.default))
        if value is None:
            expected = TYPE_NAMES[type(self.default)]
            raise ConfigError(f'argument {self.name}: got {text!r}, expected {expected}')
        if self.choices and value not in self.choices:
            allowed = ', '.join(map(str, self.choices))
            raise ConfigError(f'argument {self.name}: got {text!r}, expected one of {allowed}')
        if self.config:
            find_config(self.config, text)
        return value


@dataclass(frozen=True)
class NodeEntry:
    """One node of a deployment, its texts not filled in yet."""

    name: str
    executable: str  # of the package, or a file where it holds a slash
    package: str = 'vla_ros'
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()  # command line, before the ROS arguments
    # values that arguments must have: one for each, or a list of those that will do
    when: Mapping[str, Scalar | list[Scalar]] = field(default_factory=dict)
    required: bool = False  # the run fails when it ends
    ends_run: bool = False  # the run is over when it ends, and fails with it
    respawn: bool = False  # it is started again when it ends
    images: bool = True  # false: it stays off the shared memory of the middleware

    def __post_init__(self) -> None:
        """Check that ROS allows the name, and that the node has one role."""
        if not NODE_NAME.fullmatch(self.name):
            raise ConfigError(
                f'name: got {self.name!r}, expected letters, digits and _, and no digit first'
            )
        if self.respawn and (self.required or self.ends_run):
            raise ConfigError('respawn: got true, expected false for a node that ends the run')


class _QuotingDumper(yaml.SafeDumper):
    """Quotes every text, for ROS 2 takes others for numbers and bools than YAML 1.1 does."""


_QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style='"')
)


@dataclass(frozen=True)
class ProcessSpec:
    """One process to start, everything filled in."""

    name: str
    namespace: str  # '' is the root
    package: str  # '' where executable is a file
    executable: str
    parameters: Mapping[str, Any]
    remappings: Mapping[str, str]
    arguments: tuple[str, ...]
    env: Mapping[str, str]  # what the caller's environment lacks
    required: bool
    ends_run: bool
    respawn: bool

    def write_parameters(self, folder: Path) -> Path:
        """Write the parameters as a ROS parameter file into ``folder`` and return its path."""
        path = folder / f'{self.name}.yaml'
        content = {'/**': {'ros__parameters': dict(self.parameters)}}
        path.write_text(yaml.dump(content, Dumper=_QuotingDumper, sort_keys=False))
        return path


@dataclass(frozen=True)
class Deployment:
    """A job: its arguments and the nodes that it runs."""

    path: Path
    nodes: tuple[NodeEntry, ...]
    description: str = ''
    arguments: tuple[Argument, ...] = ()
    namespace: str = ''
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of every node

    def __post_init__(self) -> None:
        """Check that names are used once, and only those that are declared."""
        names = [entry.name for entry in self.nodes]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f'nodes: got {name!r} twice, expected a name for each')
        _check_references(self)

    @property
    def name(self) -> str:
        """Return the name that the file gives the deployment."""
        return self.path.stem

    def values(self, chosen: Mapping[str, str]) -> dict[str, Scalar]:
        """
        Return the value of every argument: as chosen, else its default.

        Raise ConfigError for an argument that isn't declared or a value that isn't allowed.
        """
        declared = {argument.name: argument for argument in self.arguments}
        for name in chosen:
            if name not in declared:
                raise ConfigError(
                    f'argument: got {name!r}, expected one of {", ".join(declared)}'
                    f'{suggest(name, declared)}'
                )
        rest = {
            name: as_text(_fill(argument.default, self._places))
            for name, argument in declared.items()
            if name not in chosen
        }
        return {name: declared[name].parse(text) for name, text in {**chosen, **rest}.items()}

    def resolve(self, chosen: Mapping[str, str]) -> list[ProcessSpec]:
        """Return the processes to start, in order; raises what ``values`` raises."""
        values = self.values(chosen)
        filled = values | self._places
        return [self._process(entry, filled) for entry in self._started(values)]

    def heeded(self, chosen: Mapping[str, str]) -> set[str]:
        """Return the arguments that make a difference in such a run; raises as ``values``."""
        started = self._started(self.values(chosen))
        texts = (started, self.environment, self.namespace, self.parameters)
        used = {name for text in texts for name in REFERENCE.findall(repr(text))}
        return used.union(*(entry.when for entry in self.nodes))

    def _started(self, values: Mapping[str, Scalar]) -> list[NodeEntry]:
        """Return the nodes that a run with these values has."""
        return [
            entry
            for entry in self.nodes
            if all(values[name] in _listed(wanted) for name, wanted in entry.when.items())
        ]

    @property
    def _places(self) -> dict[str, Scalar]:
        """Return the folders that every text may name."""
        return {'config': str(shipped_profile().parent), 'folder': str(self.path.parent)}

    def _process(self, entry: NodeEntry, values: Mapping[str, Scalar]) -> ProcessSpec:
        executable = str(_fill(entry.executable, values))
        namespace = str(_fill(self.namespace, values))
        inside = namespace.removeprefix('/').removesuffix('/')
        if inside and not all(map(NODE_NAME.fullmatch, inside.split('/'))):
            raise ConfigError(
                f'namespace: got {namespace!r}, expected letters, digits and _ between its '
                'slashes, and no digit first'
            )
        given = {PROFILE: str(shipped_profile(entry.images)), **self.environment}
        env = {name: as_text(_fill(text, values)) for name, text in given.items()}
        return ProcessSpec(
            name=entry.name,
            namespace=namespace,
            package='' if '/' in executable else entry.package,
            executable=executable,
            parameters=_fill({**self.parameters, **entry.parameters}, values),
            remappings=_fill(dict(entry.remappings), values),
            arguments=tuple(as_text(_fill(item, values)) for item in entry.arguments),
            env={name: text for name, text in env.items() if name not in os.environ},
            required=entry.required,
            ends_run=entry.ends_run,
            respawn=entry.respawn,
        )


def load_deployment(name: str) -> Deployment:
    """Read a deployment by its name or path; raise ConfigError naming the file and the key."""
    path = find_config('', name).resolve()
    content = load_yaml(path, {item.name for item in fields(Deployment)} - {'path'})
    try:
        arguments = _typed('arguments', content.get('arguments', {}), Mapping)
        nodes = _typed('nodes', content.get('nodes'), list)
        content['arguments'] = [
            _make(Argument, f'arguments: {key}', entry, name=key)
            for key, entry in arguments.items()
        ]
        content['nodes'] = [
            _make(NodeEntry, f'nodes: {i}', entry) for i, entry in enumerate(nodes)
        ]
        return _make(Deployment, 'deployment', content, path=path)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from None


def as_text(value: Any) -> str:
    """Return a value as it is typed on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_references(deployment: Deployment) -> None:
    """Raise ConfigError for an argument that is used and not declared, or can't have a value."""
    declared = {argument.name: argument for argument in deployment.arguments}
    used = set(REFERENCE.findall(repr(deployment.nodes) + repr(deployment.environment)))
    used.update(REFERENCE.findall(deployment.namespace + repr(deployment.parameters)))
    used.update(name for entry in deployment.nodes for name in entry.when)
    places = set(deployment._places)
    unknown = sorted(used - set(declared) - places)
    if unknown:
        raise ConfigError(
            f'argument: got {unknown}, expected some of {sorted(declared)}; '
            'declare it under arguments'
        )
    for argument in deployment.arguments:
        if unknown := sorted({*REFERENCE.findall(as_text(argument.default))} - places):
            raise ConfigError(
                f'arguments: {argument.name}: default: got {unknown}, expected some of '
                f'{sorted(places)}'
            )
    for entry in deployment.nodes:
        for name, wanted in entry.when.items():
            for value in _listed(wanted):
                declared[name].parse(as_text(value))


def _listed(wanted: Scalar | list[Scalar]) -> list[Scalar]:
    """Return the values that will do."""
    return wanted if isinstance(wanted, list) else [wanted]


def _make(kind: type[Entry], where: str, content: Any, **more: Any) -> Entry:
    """Return the dataclass ``kind`` made of the mapping ``content``; lists become tuples."""
    keys = {**_typed(where, content, Mapping), **more}
    hints = get_type_hints(kind)
    if set(keys) - set(hints):
        unknown = sorted(map(str, set(keys) - set(hints)))
        raise ConfigError(
            f'{where}: got {unknown}, expected {list(hints)}{suggest(unknown[0], hints)}'
        )
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name not in keys and item.default is item.default_factory is MISSING:
            raise ConfigError(f'{where}: got no {item.name}, expected one')
    values = {key: _typed(f'{where}: {key}', value, hints[key]) for key, value in keys.items()}
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f'{where}: {error}') from None


def _typed(where: str, value: Any, hint: Any) -> Any:
    """Return ``value`` where its type is ``hint``; a list stands for a tuple."""
    kind = hint if isinstance(hint, UnionType) else get_origin(hint) or hint
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    if not isinstance(value, kind):
        raise ConfigError(f'{where}: got {value!r}, expected a {getattr(kind, "__name__", kind)}')
    return value


def _convert(text: str, kind: type) -> Scalar | None:
    """Return ``text`` as a ``kind``, or None where it is none."""
    if kind is bool:
        return {'true': True, 'false': False}.get(text.lower())
    if kind is not str and ('_' in text or not text.isascii()):
        return None  # which Python alone takes for a number
    try:
        value = kind(text)
    except ValueError:
        return None
    return value if kind is not float or isfinite(value) else None


def _fill(item: Any, values: Mapping[str, Scalar]) -> Any:
    """Return ``item`` with every ${name} in its texts replaced."""
    if isinstance(item, Mapping):
        return {key: _fill(value, values) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_fill(value, values) for value in item]
    if not isinstance(item, str):
        return item
    whole = REFERENCE.fullmatch(item)
    if whole:
        return values[whole[1]]
    return REFERENCE.sub(lambda match: as_text(values[match[1]]), item)

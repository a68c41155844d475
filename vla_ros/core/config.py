# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where configuration lies, and strict reading of it."""

import os
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from vla_ros.core.errors import ConfigError, suggest

LARGEST_YAML = 2**20  # bytes
MOST_NODES = 100_000  # of a file of settings, once aliases are written out
_CHECKOUT = Path(__file__).resolve().parents[2] / 'config'


def find_config(kind: str, name: str) -> Path:
    """
    Return the path of configuration ``name`` in the folder ``kind`` ('' for the top one).

    A name that is the path of a file or folder is taken as it is; else it is looked for with and
    without .yaml. Raises ConfigError that lists what there is.
    """
    given = _expand(name)
    if name and (os.sep in name or given.suffix == '.yaml') and given.exists():
        return given
    for folder in _folders():
        for candidate in (folder / kind / name, folder / kind / f'{name}.yaml'):
            if name and candidate.exists() and candidate.resolve() != (folder / kind).resolve():
                return candidate
    here = f'; did you mean {os.path.join(os.curdir, name)}?' if name and given.exists() else ''
    raise ConfigError(
        f'{kind or "configuration"}: got {name!r}, expected one of '
        f'{", ".join(config_names(kind)) or "none, there is nothing"}, or a path'
        f'{here or suggest(name, config_names(kind))}'
    )


def _expand(name: str) -> Path:
    """Return a path below a home that is known; of another ~name, what it says."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def config_names(kind: str) -> list[str]:
    """Return the names of the configuration that there is in the folder ``kind``."""
    names = {
        entry.name if entry.is_dir() else entry.stem
        for folder in _folders()
        for entry in (folder / kind).glob('*')
        if entry.is_dir() != (entry.suffix == '.yaml') and (kind or not entry.is_dir())
    }
    return sorted(names)


def load_yaml(path: Path, keys: Collection[str]) -> dict[str, Any]:
    """
    Return the mapping in a YAML file.

    Raises ConfigError for a key that is not in ``keys``, and for one that comes twice anywhere.
    """
    try:
        if path.stat().st_size > LARGEST_YAML:
            raise ConfigError(f'{path}: got more than {LARGEST_YAML} bytes, expected settings')
        content = yaml.load(path.read_text(encoding='utf-8'), _StrictLoader)
    except RecursionError:
        raise ConfigError(f'{path}: cannot be read: it is nested too deeply') from None
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f'{path}: cannot be read: {error}') from None
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: got {type(content).__name__}, expected a mapping')
    unknown = sorted(str(key) for key in content if key not in keys)
    if unknown:
        raise ConfigError(
            f'{path}: unknown key {", ".join(unknown)}, expected {", ".join(sorted(keys))}'
            f'{suggest(unknown[0], keys)}'
        )
    return content


class _StrictLoader(yaml.SafeLoader):
    """
    Refuses what YAML's own loaders let pass.

    That is a key that comes twice in a mapping, of which they keep the last one; and aliases that
    make a short file contain itself, or almost endless. Numbers are those that everyone reads
    alike: 1e-3 is one, for ROS 2 too, where YAML 1.1 has a text; 010 and 1:30, where it has 8 and
    90, are texts.
    """

    def compose_document(self) -> Any:
        node: Any = super().compose_document()
        _count(node, {})
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.MarkedYAMLError(
                problem=f'key {", ".join(sorted(twice))} comes twice', problem_mark=node.start_mark
            )
        return node


_INTEGER = re.compile(r'[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)\Z')
_FLOAT = re.compile(
    r'[-+]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+'
    r'|\.(inf|Inf|INF))\Z|\.(nan|NaN|NAN)\Z'
)
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith((':int', ':float'))]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _form in (('int', _INTEGER), ('float', _FLOAT)):
    _StrictLoader.add_implicit_resolver(f'tag:yaml.org,2002:{_kind}', _form, list('-+.0123456789'))


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many nodes there are once every alias is written out."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MOST_NODES + 1  # as long as it is not known: what contains itself is endless
    children = node.value if isinstance(node, yaml.CollectionNode) else []
    flat = (item for child in children for item in (child if type(child) is tuple else (child,)))
    count = 1 + sum(_count(child, known) for child in flat)
    if count > MOST_NODES:
        raise yaml.MarkedYAMLError(
            problem='its aliases make it contain itself, or far too much',
            problem_mark=node.start_mark,
        )
    known[id(node)] = count
    return count


def _folders() -> list[Path]:
    """Return the folders called config: of the ROS 2 prefixes, of this Python, of the checkout."""
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    shared = [Path(prefix) / 'share' / 'vla_ros' / 'config' for prefix in prefixes if prefix]
    checkout = [_CHECKOUT] if (_CHECKOUT.parent / 'package.xml').exists() else []
    return [folder for folder in (*checkout, *shared) if folder.is_dir()]

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Imports point one way, from tools, nodes, benchmarks and train down to core."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

PACKAGE = Path(__file__).parents[2] / 'vla_ros'
MODULES = sorted(path for path in PACKAGE.glob('*/**/*.py') if path.parent.name != 'msg')

# the layers that each layer may import, besides itself
BASE = {'core', 'runtime', 'policy'}
WORLD = BASE | {'dataset', 'sim', 'hardware'}
BELOW = {
    'core': set(),
    'runtime': {'core'},
    'hardware': {'core'},
    'policy': {'core', 'runtime'},
    'dataset': BASE | {'view'},
    'sim': BASE | {'dataset', 'hardware'},
    'deployment': {'core', 'runtime'},
    'planning': BASE | {'quantization'},
    'quantization': BASE | {'dataset'},
    'view': {'core'},
    'evaluation': WORLD | {'planning', 'quantization', 'view'},
    'train': WORLD | {'evaluation'},
    'ros': BASE | {'hardware', 'dataset', 'deployment', 'planning', 'view'},
    'nodes': WORLD | {'deployment', 'ros', 'view'},
    'benchmarks': WORLD | {'deployment', 'evaluation', 'planning', 'quantization', 'view'},
    'benchmarks/probes': BASE | {'dataset', 'deployment', 'ros', 'nodes', 'benchmarks'},
    'benchmarks/versus_lerobot': BASE | {'deployment'},
    'tools': WORLD | {'deployment', 'evaluation', 'planning', 'quantization', 'view'},
}
# these may run a node or a training, and then load them
ON_TOP = {'tools', 'benchmarks', 'benchmarks/versus_lerobot'}
LAZILY = {'nodes', 'ros', 'train', 'benchmarks', 'benchmarks/probes', 'benchmarks/versus_lerobot'}
# the layers that may import each heavy library
ROS = {'ros', 'nodes', 'benchmarks/probes'}
AT_HOME = {
    'rclpy': ROS,
    'torch': {'train', 'benchmarks/versus_lerobot'},
    'torchvision': {'train'},
    'lerobot': {'train', 'dataset', 'benchmarks/versus_lerobot'},
    'onnxruntime': {'runtime', 'quantization'},
    'openvino': {'runtime'},
    'mujoco': {'sim'},
    'scservo_sdk': {'hardware'},
    'serial': {'hardware'},
    'aiohttp': {'view'},
}


class Import(NamedTuple):
    """One imported module, the line, and whether it is loaded only when a function runs."""

    name: str
    line: int
    lazy: bool


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return what the file imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    late = [node for node in ast.walk(tree) if runs_late(node)]
    lazy = {id(inner) for node in late for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        else:
            continue
        found += [Import(name, node.lineno, id(node) in lazy) for name in names]
    return tuple(found)


def runs_late(node: ast.AST) -> bool:
    """Say whether loading the module leaves the node out: a function, or `if TYPE_CHECKING:`."""
    for_types = isinstance(node, ast.If) and getattr(node.test, 'id', '') == 'TYPE_CHECKING'
    return for_types or isinstance(node, ast.FunctionDef)


def layer_of(path: Path) -> str:
    """Return the room that the file is in."""
    return room_of(path.relative_to(PACKAGE).parts[:-1])


def room_of(parts: tuple[str, ...]) -> str:
    """Return the innermost room of BELOW that the folders lead to, else the outermost folder."""
    nested = '/'.join(parts[:2])
    return nested if nested in BELOW else parts[0]


def stray_imports(path: Path) -> Iterator[str]:
    """Yield each import of the file that its layer may not have."""
    layer = layer_of(path)
    for name, line, lazy in imports(path):
        top, _, rest = name.partition('.')
        target = room_of(tuple(rest.split('.')))
        if top == 'vla_ros' and target in BELOW and target != layer:
            allowed = BELOW[layer] | (LAZILY if layer in ON_TOP and lazy else set())
            if target not in allowed:
                yield f'{path.name}:{line}: {layer} imports {name}'
        elif layer not in AT_HOME.get(top, {layer}):
            yield f'{path.name}:{line}: {top} belongs to {", ".join(sorted(AT_HOME[top]))}'
        elif (top.endswith('_msgs') or name.startswith('vla_ros.msg')) and layer not in ROS:
            yield f'{path.name}:{line}: messages belong to nodes, and {layer} imports {name}'


def test_every_folder_is_a_known_layer():
    assert {layer_of(path) for path in MODULES} == set(BELOW)


def test_every_layer_is_a_package_that_gets_installed():
    assert not [layer for layer in BELOW if not (PACKAGE / layer / '__init__.py').is_file()]


@pytest.mark.parametrize('layer', BELOW)
def test_a_layer_imports_only_what_it_may(layer):
    files = [path for path in MODULES if layer_of(path) == layer]
    assert not [stray for path in files for stray in stray_imports(path)]


def drawn_edges() -> set[tuple[str, str]]:
    """Return who may import whom in the picture of the documentation."""
    text = (PACKAGE.parent / 'docs' / 'architecture.md').read_text(encoding='utf-8')
    edges = re.findall(r'^    ([a-z]+) --> ([a-z& ]+)$', text, re.MULTILINE)
    return {(upper, lower) for upper, lowers in edges for lower in lowers.split(' & ')}


def test_the_picture_of_the_layers_is_true():
    ways = {(upper, upper) for upper in BELOW} | drawn_edges()
    for _ in BELOW:
        ways |= {(top, low) for top, middle in ways for upper, low in ways if middle == upper}
    needed = {(upper, low) for upper in BELOW for low in BELOW[upper] if '/' not in upper}
    assert needed <= ways
    late = {(upper, low) for upper in ON_TOP for low in LAZILY}
    assert drawn_edges() <= needed | late


def test_every_ros_package_that_is_imported_is_declared():
    manifest = ElementTree.parse(PACKAGE.parent / 'package.xml').getroot()
    declared = {element.text for element in manifest if element.tag.endswith('depend')}
    names = {name.split('.')[0] for path in MODULES for name, _, _ in imports(path)}
    assert {name for name in names if name.endswith(('_msgs', '_srvs', 'rclpy'))} <= declared


def test_a_stray_import_is_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), 'PACKAGE', tmp_path)
    path = tmp_path / 'core' / 'chunk.py'
    path.parent.mkdir()
    path.write_text('import torch\ndef late():\n    from vla_ros import nodes\n    import yaml\n')
    assert list(stray_imports(path)) == [
        'chunk.py:1: torch belongs to benchmarks/versus_lerobot, train',
        'chunk.py:3: core imports vla_ros.nodes',
    ]

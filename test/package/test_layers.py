# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Imports point one way, from tools, nodes, benchmarks and train down to core."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

PACKAGE = Path(__file__).parents[2] / 'vla_ros'
MODULES = sorted(path for path in PACKAGE.glob('*/**/*.py') if path.parent.name != 'msg')

# the layers that each layer may import, besides itself
BELOW = {
    'core': set(),
    'runtime': {'core'},
    'policy': {'core', 'runtime'},
    'dataset': {'core', 'runtime', 'policy'},
    'sim': {'core', 'runtime', 'policy', 'dataset'},
    'train': {'core', 'runtime', 'policy', 'dataset', 'sim'},
    'nodes': {'core', 'runtime', 'policy', 'dataset', 'sim'},
    'quantization': {'core', 'runtime', 'policy', 'dataset', 'sim'},
    'benchmarks': {'core', 'runtime', 'policy', 'dataset', 'sim', 'quantization'},
    'tools': {'core', 'runtime', 'policy', 'dataset', 'sim', 'quantization'},
}
# these two may run a node or a training, and then load them
ON_TOP, LAZILY = {'tools', 'benchmarks'}, {'nodes', 'train'}
# the layers that may import each heavy library
AT_HOME = {
    'rclpy': {'nodes'},
    'torch': {'train'},
    'torchvision': {'train'},
    'lerobot': {'train', 'dataset'},
    'onnxruntime': {'runtime', 'quantization'},
    'openvino': {'runtime'},
    'mujoco': {'sim'},
}


class Import(NamedTuple):
    """One imported module, the line, and whether it is loaded only when a function runs."""

    name: str
    line: int
    lazy: bool


def imports(path: Path) -> Iterator[Import]:
    """Yield what the file imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    late = [node for node in ast.walk(tree) if runs_late(node)]
    lazy = {id(inner) for node in late for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        else:
            continue
        yield from (Import(name, node.lineno, id(node) in lazy) for name in names)


def runs_late(node: ast.AST) -> bool:
    """Say whether loading the module leaves the node out: a function, or `if TYPE_CHECKING:`."""
    for_types = isinstance(node, ast.If) and getattr(node.test, 'id', '') == 'TYPE_CHECKING'
    return for_types or isinstance(node, ast.FunctionDef)


def layer_of(path: Path) -> str:
    """Return the name of the subpackage that the file is in."""
    return path.relative_to(PACKAGE).parts[0]


def stray_imports(path: Path) -> Iterator[str]:
    """Yield each import of the file that its layer may not have."""
    layer = layer_of(path)
    for name, line, lazy in imports(path):
        top, _, rest = name.partition('.')
        target = rest.split('.')[0]
        if top == 'vla_ros' and target in BELOW and target != layer:
            allowed = BELOW[layer] | (LAZILY if layer in ON_TOP and lazy else set())
            if target not in allowed:
                yield f'{path.name}:{line}: {layer} imports {name}'
        elif layer not in AT_HOME.get(top, {layer}):
            yield f'{path.name}:{line}: {top} belongs to {", ".join(sorted(AT_HOME[top]))}'
        elif (top.endswith('_msgs') or name.startswith('vla_ros.msg')) and layer != 'nodes':
            yield f'{path.name}:{line}: messages belong to nodes, and {layer} imports {name}'


def test_every_folder_is_a_known_layer():
    assert {layer_of(path) for path in MODULES} == set(BELOW)


def test_every_layer_is_a_package_that_gets_installed():
    assert not [layer for layer in BELOW if not (PACKAGE / layer / '__init__.py').is_file()]


@pytest.mark.parametrize('layer', BELOW)
def test_a_layer_imports_only_what_it_may(layer):
    files = [path for path in MODULES if layer_of(path) == layer]
    assert not [stray for path in files for stray in stray_imports(path)]


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
        'chunk.py:1: torch belongs to train',
        'chunk.py:3: core imports vla_ros.nodes',
    ]

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs on a robot takes no code from the wire."""

import ast
from pathlib import Path

import pytest

import vla_ros

ROOT = Path(vla_ros.__file__).parent
FILES = [
    path
    for layer in ('core', 'runtime', 'policy', 'nodes')
    for path in sorted((ROOT / layer).glob('*.py'))
]


@pytest.mark.parametrize('path', FILES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_nothing_is_unpickled(path):
    tree = ast.parse(path.read_text(encoding='utf-8'))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {'pickle', 'dill', 'cloudpickle', 'marshal', 'shelve'}

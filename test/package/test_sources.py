# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every source file has to keep to."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ('vla_ros', 'launch', 'test')
FOUND = sorted(path for top in FOLDERS for path in (ROOT / top).rglob('*.py'))
FILES = [ROOT / 'setup.py', *(path for path in FOUND if 'build' not in path.parts)]
LONGEST_FILE = 400  # lines
HEADER = [
    '# SPDX-FileCopyrightText: 2026 vla_ros contributors',
    '# SPDX-License-Identifier: Apache-2.0',
]


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def read(path):
    return path.read_text(encoding='utf-8')


def test_every_file_starts_with_its_licence():
    assert not names(path for path in FILES if read(path).splitlines()[:2] != HEADER)


def test_every_file_says_what_it_is():
    assert not names(path for path in FILES if not ast.get_docstring(ast.parse(read(path))))


def test_every_file_is_short_enough_to_read():
    assert not names(path for path in FILES if len(read(path).splitlines()) > LONGEST_FILE)


def test_nothing_is_logged_by_the_root_logger():
    """LeRobot's noise is silenced there, and what the package says would be, too."""
    spoken = re.compile(r'\blogging\.(debug|info|warning|error|exception|critical)\(')
    package = (path for path in FILES if path.is_relative_to(ROOT / 'vla_ros'))
    assert not names(path for path in package if spoken.search(read(path)))


def test_the_licence_is_here():
    assert 'Apache License' in (ROOT / 'LICENSE').read_text()

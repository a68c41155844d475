# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the documents name exists: commands with their options, launch files, targets, links."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from vla_ros.core.extras import EXTRAS
from vla_ros.deployment.deployment import load_deployment
from vla_ros.tools.main import parse
from vla_ros.tools.up import parse_assignments

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob('*.md'),
    *(ROOT / 'docs').rglob('*.md'),
    *(ROOT / '.github').rglob('*.md'),
]
BLOCK = re.compile(r'^[ ]*```(?:bash|sh|console)\n(.*?)^[ ]*```', re.DOTALL | re.MULTILINE)
BETWEEN = re.compile(r'\s*(?:&&|;|\|)\s+')  # commands on one line
LINK = re.compile(r'\]\(([^)\s]+)\)')
SNIPPET = re.compile(r'--8<-- "([^":]+):(\d+):(\d*)"')  # of a file, from a line to a line
TARGET = re.compile(r'^([a-z]+):', re.MULTILINE)


def lines_of(path):
    """Return the commands of a document's code blocks, each joined to one line."""
    blocks = BLOCK.findall(path.read_text(encoding='utf-8'))
    lines = [line for block in blocks for line in block.replace('\\\n', ' ').splitlines()]
    parts = [part for line in lines for part in BETWEEN.split(without_comment(line))]
    return [part.strip() for part in parts if part.strip()]


def without_comment(line):
    return re.sub(r'(^|\s)#.*$', '', line)


def commands(first):
    """Return (document, words) of every command whose first words are ``first``."""
    found = []
    for path in DOCUMENTS:
        for line in lines_of(path):
            words = shlex.split(line)
            if words and [Path(words[0]).name, *words[1 : len(first)]] == first:
                found.append(pytest.param(words[len(first) :], id=f'{path.name}: {line[:70]}'))
    return found


@pytest.mark.parametrize('words', commands(['vla_ros']))
def test_a_command_takes_these_options(words, capsys):
    try:
        parse(words)
    except ModuleNotFoundError as error:
        # the command needs an extra that this machine may lack; it exists all the same
        assert (error.name or '').partition('.')[0] in EXTRAS
    except SystemExit as end:
        assert end.code == 0, capsys.readouterr().err


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: path.name)
def test_an_example_that_is_put_in_is_whole_code(path):
    """Whatever looks like one is one: formatters of code break the lines that name them."""
    lines = [line for line in path.read_text(encoding='utf-8').splitlines() if '--8' in line]
    for line in lines:
        match = SNIPPET.fullmatch(line)
        assert match, line
        file, first, last = match[1], int(match[2]), int(match[3] or 0)
        code = (ROOT / file).read_text(encoding='utf-8').splitlines()
        assert code[first - 1].strip() and not code[first - 2].strip()
        assert not last or (code[last - 1].strip() and not code[last].strip())
        ast.parse('\n'.join(code[first - 1 : last or None]))


def next_commands():
    """Return the words of every command that a tool tells its user to go on with."""
    texts = [
        (path, node.value)
        for path in (ROOT / 'vla_ros' / 'tools').glob('*.py')
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.Constant) and str(node.value).startswith('vla_ros ')
    ]
    return [
        pytest.param(shlex.split(text)[1:], id=f'{path.name}: {text}')
        for path, text in texts
        if '{}' in text
    ]


@pytest.mark.parametrize('words', next_commands())
def test_a_command_that_is_told_at_the_end_of_another_can_be_given(words, capsys):
    test_a_command_takes_these_options(words, capsys)


def test_commands_tell_what_comes_next():
    assert len(next_commands()) > 10


@pytest.mark.parametrize('words', commands(['vla_ros', 'up']))
def test_a_deployment_takes_these_arguments(words):
    name, *rest = [word for word in words if not word.startswith('-')]
    if (ROOT / 'config' / f'{name}.yaml').exists():  # others are the reader's own
        known = {argument.name for argument in load_deployment(name).arguments}
        assert set(parse_assignments(rest)) <= known


@pytest.mark.parametrize('words', commands(['ros2', 'launch', 'vla_ros']))
def test_a_launch_file_exists_and_takes_these_arguments(words):
    file, *rest = words
    assert (ROOT / 'launch' / file).is_file()
    name = file.removesuffix('.launch.py')
    if (ROOT / 'config' / f'{name}.yaml').exists():
        known = {argument.name for argument in load_deployment(name).arguments}
        assert set(parse_assignments(rest)) <= known | {'deployment'}


@pytest.mark.parametrize('words', commands(['make']))
def test_a_target_exists(words):
    targets = set(TARGET.findall((ROOT / 'Makefile').read_text()))
    assert {word for word in words if '=' not in word} <= targets


@pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: path.name)
def test_a_link_leads_somewhere(path):
    links = [link.partition('#')[0] for link in LINK.findall(path.read_text(encoding='utf-8'))]
    local = [
        link for link in links if link and '://' not in link and not link.startswith('mailto:')
    ]
    assert not [link for link in local if not (path.parent / link).exists()]


def test_the_documents_name_commands():
    assert len(commands(['vla_ros'])) > 20

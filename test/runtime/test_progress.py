# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bar on a terminal, and nothing in a log; files for programs everywhere by the same option."""

import io
import sys
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest

from vla_ros.runtime.progress import progress
from vla_ros.tools.arguments import Written
from vla_ros.tools.main import COMMANDS


class Terminal(io.StringIO):
    """What a person sits before."""

    def isatty(self):
        return True


def show(monkeypatch, out):
    monkeypatch.setattr(sys, 'stderr', out)
    with progress('episode') as on_progress:
        on_progress(1, 2)
        on_progress(2, 2)
    return out.getvalue()


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end(monkeypatch):
    shown = show(monkeypatch, Terminal())
    assert 'episode' in shown and shown.endswith('\r')


def test_a_log_gets_nothing(monkeypatch):
    assert show(monkeypatch, io.StringIO()) == ''


@pytest.mark.parametrize('name', [name for name in COMMANDS if name != 'benchmark'])
def test_a_file_for_programs_is_checked_before_the_work_and_is_called_alike(name):
    parser = ArgumentParser()
    import_module(COMMANDS[name]).add_arguments(parser)
    files = {
        option: action
        for action in parser._actions
        for option in action.option_strings
        if option in ('--json', '--html')
    }
    for option, action in files.items():
        assert isinstance(action.type('x'), Written), f'{name} {option}'
        assert action.metavar == 'FILE', f'{name} {option}'


def test_only_the_one_place_shows_progress():
    folder = Path(import_module('vla_ros').__path__[0])

    users = [p.name for p in folder.rglob('*.py') if 'import tqdm' in p.read_text()]
    assert users == ['progress.py']

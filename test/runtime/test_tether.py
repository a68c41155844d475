# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes that end with what started them: real ones, really killed."""

import os
import signal
import subprocess
import sys
import time

import pytest
from patience import PATIENCE

from vla_ros.runtime.tether import LAUNCHER, is_running, open_launcher

TETHER = [sys.executable, '-m', 'vla_ros.runtime.tether']


def start(*command):
    """Start what ``sleep`` is started by, and return it with the process id of ``sleep``."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def ends(pid, timeout=PATIENCE):
    """Say whether a process ends in time."""
    end = time.monotonic() + timeout
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_running(pid)


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_program_ends_with_its_launcher_however_that_ends(number):
    script = f'{" ".join(TETHER)} $$ sh -c "echo \\$\\$; exec sleep 600" & wait'
    launcher, pid = start('sh', '-c', script)
    assert is_running(pid)
    launcher.send_signal(number)
    assert ends(pid)
    launcher.communicate()


def test_a_program_whose_launcher_has_ended_already_does_not_begin():
    ended = subprocess.Popen(['true'])
    ended.wait()
    begun = subprocess.run([*TETHER, str(ended.pid), 'echo', 'begun'], capture_output=True)
    assert begun.returncode == -signal.SIGTERM
    assert begun.stdout == b''


def test_a_program_lives_on_below_a_debugger_whose_launcher_lives():
    words = [*TETHER, str(os.getpid()), 'echo', 'begun']
    below = subprocess.run(['sh', '-c', '"$@"; true', 'sh', *words], capture_output=True)
    assert below.stdout == b'begun\n'


def test_the_launcher_is_what_the_environment_names_and_is_told_to_nobody_else():
    code = (
        'import os; from vla_ros.runtime.tether import LAUNCHER, has_ended, open_launcher;'
        'launcher = open_launcher(); print(has_ended(launcher), LAUNCHER in os.environ)'
    )
    env = os.environ | {LAUNCHER: str(os.getpid())}
    told = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert told.stdout == 'False False\n'


def test_who_is_started_by_hand_has_no_launcher(monkeypatch):
    monkeypatch.delenv(LAUNCHER, raising=False)
    assert open_launcher() is None

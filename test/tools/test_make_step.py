# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A step of a making is told once to end, and has the time to save what it has."""

import sys
from pathlib import Path

import pytest

from vla_ros.tools.make import run_step

STEP = """
import os, pathlib, signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append('SIGTERM'))
signal.signal(signal.SIGINT, lambda *_: told.append('SIGINT'))
os.kill(os.getppid(), signal.SIGINT)
while not told:
    time.sleep(0.01)
time.sleep(1.0)  # of saving
pathlib.Path(sys.argv[1]).write_text(' '.join(told))
"""


def test_an_interrupt_lets_a_step_save_what_it_has(tmp_path: Path) -> None:
    saved = tmp_path / 'saved'
    with pytest.raises(KeyboardInterrupt):
        run_step([sys.executable, '-c', STEP, str(saved)])
    assert saved.read_text() == 'SIGTERM'


def test_the_exit_code_of_a_step_is_known() -> None:
    assert run_step([sys.executable, '-c', 'raise SystemExit(3)']) == 3

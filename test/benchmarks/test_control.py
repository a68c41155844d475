# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The control benchmark: the real action queue, for a moment."""

import json
from pathlib import Path

import pytest

from vla_ros.benchmarks import control
from vla_ros.benchmarks.control import LATENESS, Run, summary
from vla_ros.runtime.pacing import Lateness
from vla_ros.tools.main import main


def test_ticks_of_the_real_action_queue_are_measured(tmp_path: Path) -> None:
    pytest.importorskip('rclpy')
    file = tmp_path / 'control.json'
    words = ['--rates', '100', '--runs', '1', '--seconds', '1', '--idle', '--json', str(file)]
    assert main(['benchmark', 'control', *words]) == 0
    runs = json.loads(file.read_text())
    assert [run['rate'] for run in runs] == 4 * [100.0]
    usual, short, first, realtime = (run['scheduler'] for run in runs)
    assert usual == 'usual' and short in ('usual', '0.3 ms')
    assert first in ('usual', 'nice -20') and realtime in ('usual', 'FIFO')
    assert all(run['ticks'] > 10 for run in runs)
    assert all(0.0 <= run['p50'] <= run['p99'] for run in runs)


def test_lateness_of_the_diagnostics_is_read_back() -> None:
    found = LATENESS.fullmatch(str(Lateness(200, 0.001, 0.002, 0.0345, 3)))
    assert found is not None and found.groups() == ('1.00', '2.00', '34.50', '3', '200')


def test_summary_takes_the_medians_and_says_what_was_not_permitted() -> None:
    runs = [Run(50.0, 'usual', p50, p50, p50, 0, 10) for p50 in (0.001, 0.002, 0.009)]
    text = summary(runs)
    assert '50 Hz  usual        2.00' in text
    assert 'SCHED_FIFO is not permitted here' in text
    assert 'not permitted' not in summary([*runs, Run(50.0, 'FIFO', 0.0, 0.0, 0.0, 0, 10)])


def test_runs_that_were_measured_are_kept_whatever_ends_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = iter([Run(50.0, 'usual', 0.001, 0.001, 0.001, 0, 10)])

    def measure(*_: object) -> Run:
        for run in runs:
            return run
        raise KeyboardInterrupt

    monkeypatch.setattr(control, 'measure', measure)
    file = tmp_path / 'control.json'
    assert main(['benchmark', 'control', '--idle', '--json', str(file)]) == 130
    assert [run['rate'] for run in json.loads(file.read_text())] == [50.0]

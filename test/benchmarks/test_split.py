# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The split benchmark: both graphs really run, on a tiny policy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vla_ros.benchmarks.split import describe
from vla_ros.tools.main import main


def test_split_and_fused_graphs_answer_with_the_same_chunks(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    pytest.importorskip('rclpy')
    file = tmp_path / 'split.json'
    words = ['--policy', str(tiny_bundle), '--rounds', '4', '--json', str(file)]
    argv = [sys.executable, '-m', 'vla_ros.tools.main', 'benchmark', 'split', *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert figures['difference'] == 0.0
    assert 0.0 < figures['split p50'] <= figures['split p95']
    assert 0.0 < figures['fused p50'] <= figures['fused p95']


def test_one_side_of_the_pictures_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['benchmark', 'split', '--size', '240']) == 2
    assert "--size: got '240', expected WIDTHxHEIGHT" in capsys.readouterr().err


def test_figures_are_put_in_words() -> None:
    figures = {f'{name} p{q}': 0.1 for name in ('split', 'fused') for q in (50, 95)}
    text = describe(figures | {'cost p50': 0.021, 'cost of a pair p50': 0.02, 'difference': 0.0})
    assert 'splitting costs +2.1 % (p50), +2.0 % (median of pairs)' in text

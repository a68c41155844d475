# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The recorder is measured, and killed, as the command does it, but briefly."""

import json

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')

from vla_ros.tools.main import main


@pytest.mark.slow
def test_recorder_writes_all_and_survives_being_killed(tmp_path, capsys):
    file = tmp_path / 'figures.json'
    words = '--episodes 1 --seconds 1 --size 64x48 --cameras 2 --kills 2'
    code = main(['benchmark', 'recorder', *words.split(), '--json', str(file)])
    figures = json.loads(file.read_text())
    assert code == int(figures['dropped'] + figures['missing'] > 0)
    assert figures['episodes'] == 1 and figures['messages'] > 0
    assert figures['megabytes_per_second'] > 0 and 0 <= figures['cpu'] < 2
    assert figures['kills']['kills'] == 2 and figures['kills']['damaged'] == 0
    assert 'killed 2 times' in capsys.readouterr().out

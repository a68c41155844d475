# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The transport benchmark: real processes, small tensors."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vla_ros.benchmarks.transport import Row, large_profile, ratio
from vla_ros.tools.main import main


def row(way: str, p50: float, lost: int = 0) -> Row:
    return Row(way, 'shipped', 8, 100, lost, 0, p50, p50)


def test_every_way_hands_tensors_over_whole(tmp_path: Path) -> None:
    pytest.importorskip('rclpy')
    file = tmp_path / 'transport.json'
    words = ['--megabytes', '0.2', '--rounds', '3', '--json', str(file)]
    assert main(['benchmark', 'transport', *words]) == 0
    answer = json.loads(file.read_text())
    assert [(r['way'], r['profile']) for r in answer['rows']] == [
        ('slots', 'shipped'),
        ('copied', 'shipped'),
        ('reliable', 'shipped'),
        ('best_effort', 'shipped'),
        ('reliable', 'large'),
        ('best_effort', 'large'),
    ]
    assert not any(r['torn'] for r in answer['rows'])
    for slots in answer['rows'][:2]:
        assert slots['lost'] == 0 and 0.0 < slots['p50'] <= slots['p95']


def test_slots_are_compared_with_the_fastest_topic_that_loses_little() -> None:
    rows = [row('slots', 1.0), row('copied', 2.0), row('reliable', 8.0)]
    rows.append(row('best_effort', 6.0, lost=50))
    assert ratio(rows) == 8.0
    assert ratio([*rows, row('best_effort', 6.5, lost=2)]) == 6.5
    assert math.isnan(ratio(rows[:1]))


def test_large_profile_is_the_one_that_ships_with_more_room(tmp_path: Path) -> None:
    path = large_profile(tmp_path, 10_000_000)
    values = {e.tag.rpartition('}')[2]: e.text for e in ElementTree.parse(path).getroot().iter()}
    assert values['segment_size'] == '40000000' and values['maxMessageSize'] == '20000000'
    assert values['useBuiltinTransports'] == 'false'

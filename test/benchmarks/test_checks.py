# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of what the checks find: every defect spoils a recording, and is found."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('rosbags')

from vla_ros.benchmarks.checks import Trial, defects, judge, make_table, summarise
from vla_ros.benchmarks.defects import Recording
from vla_ros.dataset.plan import find_plan
from vla_ros.sim.episode import demonstrate
from vla_ros.sim.task import TaskChoice

NAMES = tuple(defects(np.random.default_rng(0)))


@pytest.fixture(scope='module')
def trial():
    env = TaskChoice().make()
    plan = replace(
        find_plan('tea_bag').only((2, 5, 8)), starts=1, recoveries=0, seed=31
    ).episodes()
    recording = Recording([demonstrate(env, planned) for planned in plan], (128, 96))
    return judge(recording, np.random.default_rng(0))


@pytest.mark.parametrize('name', NAMES)
def test_defect_is_found(trial, name):
    assert trial.found[name]


def test_only_what_three_episodes_cannot_cover_is_complained_of(trial):
    assert {alarm.partition(' cluster')[0].partition(' all')[0] for alarm in trial.alarms} == {
        'cluster coverage',
        'recovery share',
    }


def test_table_counts_what_was_found_and_what_was_not():
    found = {'dark': ['brightness']}
    result = summarise([Trial([], 40, found), Trial(['focus top: 0.5'], 40, {'dark': []})])
    assert result['false_alarms'] == 1 and result['findings'] == 80
    assert result['defects'] == [{'defect': 'dark', 'found': 1, 'of': 2, 'by': ['brightness']}]
    assert 'dark                           1 of 2   brightness' in make_table(result)

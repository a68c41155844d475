# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small fuzz run: nothing hostile leads a command beyond the limits."""

import json
from dataclasses import replace

import numpy as np

from vla_ros.benchmarks.fuzz import Findings, Fuzz, fuzz
from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.tools.main import main

ROBOT = load_robot(find_config('robots', 'so101'))
WEAK = replace(ROBOT, velocity=np.full(6, 0.5), acceleration=np.full(6, 3.0))


def test_nothing_is_violated_and_everything_was_tried(tmp_path, capsys):
    figures = tmp_path / 'fuzz.json'
    assert main(['benchmark', 'fuzz', '--ticks', '20000', '--json', str(figures)]) == 0
    found = json.loads(figures.read_text())
    assert found['ticks'] == 20000 and found['commands'] > 5000 and found['chunks'] > 300
    assert set(found['results']) >= {'ACCEPTED', 'STALE', 'EXPIRED', 'JUMP', 'UNKNOWN', 'BROKEN'}
    assert len(found['events']) == 7 and 'nothing violated' in capsys.readouterr().out


def test_weak_joints_are_not_driven_beyond_their_limits_either():
    assert fuzz(WEAK, 6000, 3).violations == 0


def test_fuzz_is_the_same_for_the_same_seed():
    first, second = fuzz(ROBOT, 3000, 5), fuzz(ROBOT, 3000, 5)
    assert first.results == second.results and first.largest_seam == second.largest_seam


def test_commands_beyond_the_limits_are_seen():
    """The judge is a judge: told that the arm can do less than it does, it objects."""
    found = Findings()
    world = Fuzz(ROBOT, np.random.default_rng(2), found)
    world.robot = replace(world.robot, velocity=world.robot.velocity / 1e3)
    for _ in range(2000):
        world.step()
    assert found.beyond_velocity > 0 and found.violations > 0

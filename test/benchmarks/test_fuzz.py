# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small fuzz run: nothing hostile leads a command beyond the limits."""

import json
from dataclasses import replace

import numpy as np

from vla_ros.benchmarks.absurd import ROWS, absurd_chunk
from vla_ros.benchmarks.fuzz import Findings, Fuzz, TracedQueue, fuzz
from vla_ros.core.blending import AGGREGATES
from vla_ros.core.chunk import ActionChunk
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
    results = {'ACCEPTED', 'STALE', 'EXPIRED', 'JUMP', 'UNKNOWN', 'BROKEN', 'BEYOND', 'FUTURE'}
    assert set(found['results']) >= results
    assert found['longest_tick'] > 0
    assert len(found['events']) == 8 and 'nothing violated' in capsys.readouterr().out


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


def test_emergency_stop_that_comes_late_is_seen(monkeypatch):
    found = Findings()
    world = Fuzz(ROBOT, np.random.default_rng(2), found)
    monkeypatch.setattr(world.executor, 'estop', lambda: None)
    for _ in range(4000):
        world.step()
    assert found.events['estop'] > 0 and found.late_stops > 0


def expired_rows(name, aggregate, chunks):
    """Play ``chunks`` of (start, rows), each pushed when it begins; return what was found late."""
    found = Findings()
    queue = TracedQueue(name, aggregate, found)
    pushes = [(start - lead, start, rows) for start, rows, lead in chunks]
    for tick in range(400):
        now = 0.01 * tick
        while pushes and pushes[0][0] <= now + 1e-9:
            _, start, rows = pushes.pop(0)
            sequence = len(chunks) - len(pushes)
            queue.push(ActionChunk(np.zeros((rows, 2)), start, 0.1, sequence, ('a', 'time')), now)
        queue.sample(now)
    return found.expired_rows


def test_rows_whose_time_has_passed_are_seen():
    def late(old, chunks, now):
        return replace(chunks[-1], start=chunks[-1].start + 0.5)

    chunks = [(0.0, 10, 0.0), (0.5, 10, 0.0)]
    assert expired_rows('latest_only', late, chunks) > 20
    assert expired_rows('latest_only', AGGREGATES['latest_only'], chunks) == 0


def test_ramp_that_still_catches_up_when_another_chunk_comes_plays_no_expired_row():
    held = [(0.0, 5, 0.0), (1.0, 10, 0.8), (1.2, 20, 0.0)]
    assert expired_rows('linear_ramp', AGGREGATES['linear_ramp'], held) == 0


def test_absurd_chunks_are_of_every_kind_and_a_million_rows_take_no_memory():
    rng = np.random.default_rng(0)
    chunks = [absurd_chunk(rng, 6, 100.0, 7) for _ in range(400)]
    assert {len(chunk.values) for chunk in chunks} == set(ROWS)
    assert all(0 <= chunk.sequence < 2**64 for chunk in chunks)
    assert max(chunk.values.base.nbytes for chunk in chunks if len(chunk.values) == 10**6) < 100
    assert sum(not np.isfinite(chunk.start) for chunk in chunks) > 10
    steps = np.array([chunk.step for chunk in chunks])
    assert (steps == 5e-324).any() and np.isnan(steps).any() and (steps == 0.05).sum() > 100


def test_fuzz_sees_an_arm_that_leaves_its_workspace(monkeypatch):
    robot = load_robot(find_config('robots', 'so101_real'))
    assert fuzz(robot, 4_000, seed=1).violations == 0
    monkeypatch.setattr('vla_ros.core.limits.workspace_of', lambda robot: None)
    found = fuzz(robot, 4_000, seed=1).workspace
    assert found.outside_box and found.in_table and found.in_itself and found.fast_tool

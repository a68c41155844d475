# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Each row of the queue is told by where it comes from; the real queue makes the rows."""

import numpy as np
import pytest

from vla_ros.core.blending import AGGREGATES
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.kinematics import robot_model
from vla_ros.core.queue import ActionQueue
from vla_ros.core.robot import load_robot
from vla_ros.view.path import Origin, trace

SO101 = load_robot(find_config('robots', 'so101'))
STEP = 0.1


def chunk(sequence, start, rows=20, level=0.0):
    values = level + np.linspace(0, 0.5, rows)[:, None] * np.ones(6)
    return ActionChunk(values, start, STEP, sequence, SO101.joint_names)


def count(path):
    return {origin.name: int((path.origins == origin).sum()) for origin in Origin}


@pytest.mark.parametrize('name', AGGREGATES)
def test_rows_that_were_queued_that_are_new_and_that_both_have_are_told_apart(name):
    queue = ActionQueue(AGGREGATES[name])
    queue.push(chunk(1, 100.0), 100.0)
    before = queue.rest(101.0)  # rows until 101.9
    new = chunk(2, 100.7, level=0.1)  # rows until 102.6
    queue.push(new, 101.0)
    path = trace(queue.rest(101.0), new, before, 101.0)
    queued = path.origins != Origin.SKIPPED
    assert (np.diff(path.times[queued]) > 0).all() and path.times[queued][0] >= 101.0 - STEP
    for time, origin in zip(path.times[queued], path.origins[queued], strict=True):
        assert origin == (Origin.BLENDED if time <= 101.9 + 1e-5 else Origin.NEW)
    assert count(path)['SKIPPED'] in (2, 3) and path.sequence == 2
    np.testing.assert_array_equal(path.positions[~queued], new.values[: count(path)['SKIPPED']])


def test_the_tail_of_a_longer_plan_stays_and_is_old():
    queue = ActionQueue(AGGREGATES['latest_only'])
    queue.push(chunk(1, 100.0, rows=50), 100.0)
    before, new = queue.rest(100.5), chunk(2, 100.5, rows=10)
    queue.push(new, 100.5)
    path = trace(queue.rest(100.5), new, before, 100.5)
    assert count(path) == {'OLD': 35, 'NEW': 0, 'BLENDED': 10, 'SKIPPED': 0}


def test_a_first_chunk_that_came_late_shows_the_rows_that_were_skipped():
    queue, new = ActionQueue(AGGREGATES['average']), chunk(1, 100.0)
    queue.push(new, 100.5)
    path = trace(queue.rest(100.5), new, None, 100.5)
    assert count(path) == {'OLD': 0, 'NEW': 15, 'BLENDED': 0, 'SKIPPED': 5}
    assert path.times[:5] == pytest.approx(100.0 + STEP * np.arange(5))


def test_a_chunk_that_was_delayed_because_the_arm_stood_skips_nothing():
    queue, new = ActionQueue(AGGREGATES['average']), chunk(1, 100.0)
    queue.push(chunk(1, 100.5), 100.5)  # delayed by the executor
    path = trace(queue.rest(100.5), new, None, 100.5)
    assert count(path) == {'OLD': 0, 'NEW': 20, 'BLENDED': 0, 'SKIPPED': 0}


def test_rows_of_a_chunk_that_was_not_heard_count_as_new():
    queue = ActionQueue(AGGREGATES['average'])
    queue.push(chunk(1, 100.0), 100.0)
    path = trace(queue.rest(100.0), None, None, 100.0)
    assert count(path) == {'OLD': 0, 'NEW': 20, 'BLENDED': 0, 'SKIPPED': 0}


def test_points_are_where_the_tool_is_at_each_row():
    model = robot_model(SO101)
    queue = ActionQueue(AGGREGATES['average'])
    queue.push(chunk(1, 100.0), 100.0)
    path = trace(queue.rest(100.0), None, None, 100.0)
    points = path.points(model, SO101.tool)
    assert points.shape == (20, 3)
    np.testing.assert_allclose(points[7], model.pose(SO101.tool, path.positions[7])[:3, 3])

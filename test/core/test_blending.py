# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Blending by name: LeRobot's weights, a ramp without a step, ACT's ensemble."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import STEP, chunk, ramp

from vla_ros.core.blending import AGGREGATES, ENSEMBLE_CHUNKS, aggregate_function
from vla_ros.core.errors import ConfigError
from vla_ros.core.queue import ActionQueue, PushResult

WEIGHTS_OF_THE_NEW = {
    'latest_only': 1.0,
    'average': 0.5,
    'weighted_average': 0.7,
    'conservative': 0.3,
}

values = st.floats(-10, 10)
old_and_new = st.lists(st.tuples(values, values), min_size=1, max_size=9)


def blend(name, old, new):
    """Return the merged rows of one joint."""
    merged = aggregate_function(name)(chunk(old), [chunk(old), chunk(new, sequence=2)], 0.0)
    return merged.values[:, 0]


def seam(name, old, new, now):
    """Return the timelines of a queue before and after ``new`` came, and the jump between."""
    queue = ActionQueue(aggregate_function(name))
    queue.push(old, now)
    before = queue.sample(now)
    assert queue.push(new, now) is PushResult.ACCEPTED
    return queue, float(np.abs(queue.sample(now) - before).max())


def test_every_name_is_tested_here():
    assert set(AGGREGATES) == {*WEIGHTS_OF_THE_NEW, 'linear_ramp', 'temporal_ensemble'}


@pytest.mark.parametrize(('name', 'weight'), WEIGHTS_OF_THE_NEW.items())
def test_weights_are_those_of_lerobot(name, weight):
    np.testing.assert_allclose(blend(name, [0.0, 1.0], [1.0, 1.0]), [weight, 1.0])


@pytest.mark.parametrize('name', AGGREGATES)
@given(rows=old_and_new)
def test_merged_row_lies_between_the_old_and_the_new_ones(name, rows):
    old, new = np.array(rows).T
    merged = blend(name, old, new)
    assert (merged >= np.minimum(old, new).min() - 1e-9).all()
    assert (merged <= np.maximum(old, new).max() + 1e-9).all()


@pytest.mark.parametrize('name', AGGREGATES)
def test_rows_that_agree_stay_as_they_are_and_none_is_altered(name):
    old, new = np.full((2, 3), 0.4), np.full((2, 3), 0.4)
    np.testing.assert_allclose(blend(name, old[0], new[0]), old[0])
    assert (old == 0.4).all() and (new == 0.4).all()


def test_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ConfigError) as error:
        aggregate_function('median')
    assert str(error.value) == (
        "aggregate_fn_name: got 'median', expected one of latest_only, average, "
        'weighted_average, conservative, linear_ramp, temporal_ensemble'
    )


# --- linear_ramp


def test_ramp_goes_over_from_the_old_rows_to_the_new_ones():
    queue, jump = seam('linear_ramp', ramp(11), chunk(np.arange(11) * STEP + 0.1, 0.0, 2), 0.5)
    assert jump == 0.0
    rows = [queue.sample(time)[0] for time in (0.5, 0.75, 1.0)]
    assert rows == pytest.approx([0.5, 0.8, 1.1])


def test_after_the_ramp_the_new_chunk_is_played():
    old, new = ramp(10), chunk(0.1 + 0.5 * STEP * np.arange(30), 0.0, 2)
    queue, _ = seam('linear_ramp', old, new, 0.3)
    assert queue.sample(1.5) == pytest.approx(new.at(1.5))
    assert queue.remaining(0.3) == pytest.approx(2.7)


def test_ramp_keeps_the_tail_of_the_old_chunk_where_the_new_one_ends_earlier():
    queue, _ = seam('linear_ramp', ramp(30), ramp(10, sequence=2), 0.3)
    assert queue.sample(2.5) == pytest.approx([2.5, 2.5])
    assert queue.remaining(0.3) == pytest.approx(2.7)


def test_constant_weights_step_at_the_seam_and_the_ramp_does_not():
    old, new = ramp(20), chunk(0.3 + STEP * np.arange(20), 0.0, 2)
    assert seam('weighted_average', old, new, 0.5)[1] == pytest.approx(0.21)
    assert seam('linear_ramp', old, new, 0.5)[1] == 0.0


plan = st.tuples(st.lists(st.floats(-3, 3), min_size=2, max_size=30), st.floats(0.02, 0.3))


@settings(max_examples=150, deadline=None)
@given(plan, plan, st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_ramp_has_no_step_and_no_joint_gets_faster_than_inside_the_chunks(first, second, now, age):
    old, new = chunk(first[0], 0.0, 1, first[1]), chunk(second[0], now - age, 2, second[1])
    if old.duration < now + 1e-3 or new.start + new.duration < now + 1e-3:
        return
    queue, jump = seam('linear_ramp', old, new, now)
    assert jump < 1e-9
    times = np.arange(now, now + queue.remaining(now) - 1e-3, new.step)
    rows = np.array([queue.sample(float(time)) for time in times])
    fastest = np.maximum(old.largest_step / old.step, new.largest_step / new.step) * new.step
    if len(rows) > 1:
        unavoidable = np.abs(rows[-1] - rows[0]) / (len(rows) - 1)
        allowed = np.maximum(fastest, unavoidable) + 1e-6
        assert (np.abs(np.diff(rows, axis=0)) <= allowed).all()


# --- temporal_ensemble


def test_ensemble_is_that_of_lerobot():
    torch = pytest.importorskip('torch')
    act = pytest.importorskip('lerobot.policies.act.modeling_act')
    size, rng = 10, np.random.default_rng(3)
    lerobot = act.ACTTemporalEnsembler(0.01, size)
    queue = ActionQueue(aggregate_function('temporal_ensemble'))
    for step in range(40):
        actions = rng.normal(size=size)
        queue.push(chunk(actions, step * STEP, step + 1), step * STEP)
        expected = lerobot.update(torch.from_numpy(actions).reshape(1, size, 1))
        assert queue.sample(step * STEP)[0] == pytest.approx(expected.item(), abs=1e-6)


def test_coefficient_decides_whether_older_or_newer_chunks_are_trusted():
    for coefficient, expected in ((0.0, 0.5), (100.0, 0.0), (-100.0, 1.0)):
        ensemble = aggregate_function('temporal_ensemble', coefficient)
        old, new = chunk([0.0] * 5), chunk([1.0] * 5, sequence=2)
        assert ensemble(old, [old, new], 0.0).values[:, 0] == pytest.approx(expected)


def test_ensemble_takes_the_newest_chunks_and_forgets_the_others():
    queue = ActionQueue(aggregate_function('temporal_ensemble'))
    for sequence in range(ENSEMBLE_CHUNKS + 5):
        queue.push(chunk([float(sequence < 5)] * 10, 0.0, sequence), 0.0)
    assert queue.sample(0.3) == pytest.approx([0.0, 0.0])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A chunk knows its time, answers before, on, between and after its rows, and checks itself."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from plans import NAMES, chunk

from vla_ros.core.chunk import MOST_ROWS, SHORTEST_STEP, ActionChunk
from vla_ros.core.errors import VlaError

CHUNK = chunk([1.0, 3.0, 2.0], start=10.0, step=0.5)


@pytest.mark.parametrize(
    ('time', 'position'),
    [
        (0.0, 1.0),
        (9.999, 1.0),  # before the first row
        (10.0, 1.0),
        (10.5, 3.0),
        (11.0, 2.0),  # on each row
        (10.25, 2.0),
        (10.75, 2.5),  # between two
        (11.001, 2.0),
        (1e9, 2.0),
    ],
)  # after the last
def test_positions_at_a_time(time, position):
    np.testing.assert_allclose(CHUNK.at(time), [position, position])


def test_array_of_times_gives_a_row_for_each():
    times = np.array([9.0, 10.25, 12.0])
    rows = CHUNK.at(times)
    assert rows.shape == (3, 2)
    np.testing.assert_array_equal(rows, [CHUNK.at(time) for time in times])


def test_each_joint_is_interpolated_alone():
    both = ActionChunk(np.array([[0.0, 1.0], [1.0, -1.0]]), 0.0, 1.0, 1, NAMES)
    np.testing.assert_allclose(both.at(0.25), [0.25, 0.5])


def test_single_row_holds_at_all_times():
    one = chunk([0.7], start=3.0)
    assert one.end == 3.0
    assert one.duration == pytest.approx(0.1)
    for time in (0.0, 3.0, 9.0):
        np.testing.assert_array_equal(one.at(time), [0.7, 0.7])


def test_end_is_the_time_of_the_last_row_and_duration_counts_every_row():
    assert CHUNK.end == 11.0
    assert CHUNK.duration == 1.5


def test_answer_is_a_copy():
    CHUNK.at(10.0)[:] = 99.0
    np.testing.assert_array_equal(CHUNK.at(10.0), [1.0, 1.0])


def test_chunk_can_not_be_altered():
    with pytest.raises(FrozenInstanceError):
        CHUNK.start = 0.0


@pytest.mark.parametrize('shape', [(3,), (3, 1), (3, 3), (0, 2), (1, 3, 2)])
def test_values_that_are_no_rows_of_the_joints_are_refused(shape):
    with pytest.raises(VlaError, match=r'chunk 7: got values of shape .*, expected \(steps, 2\)'):
        ActionChunk(np.zeros(shape), 0.0, 0.1, 7, NAMES)


def test_chunk_without_joints_is_refused():
    with pytest.raises(VlaError, match=r'got values of shape \(3, 0\)'):
        ActionChunk(np.zeros((3, 0)), 0.0, 0.1, 7, ())


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 1e300, -1.7e308])
def test_position_that_is_no_number_is_refused(bad):
    with pytest.raises(VlaError, match='chunk 1: got .*, expected finite positions within 1e'):
        chunk([0.0, bad])


@pytest.mark.parametrize('start', [np.nan, np.inf, -1e11, 1e300])
def test_start_that_is_no_time_is_refused(start):
    with pytest.raises(VlaError, match='got start .*, expected a time in s'):
        chunk([0.0], start=start)


@pytest.mark.parametrize('step', [0.0, -0.1, np.nan, np.inf, 1e-6, 5e-324, 60.0, -0.0])
def test_step_with_which_no_chunk_is_played_is_refused(step):
    with pytest.raises(VlaError, match=r'2 rows with a step of .* s, expected a step of at least'):
        chunk([0.0, 1.0], step=step)


def test_largest_chunks_are_taken_and_larger_ones_are_not_even_looked_at():
    assert len(chunk(np.zeros(MOST_ROWS), step=SHORTEST_STEP).values) == MOST_ROWS
    endless = np.broadcast_to(np.nan, (10**12, 2))  # it would take hours, were it read
    with pytest.raises(VlaError, match='got 1000000000000 rows, expected at most 1000'):
        ActionChunk(endless, 0.0, 0.1, 1, NAMES)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The queue at each edge: before, on, between and after the rows; late, early and odd chunks."""

import numpy as np
import pytest
from plans import STEP, chunk, ramp

from vla_ros.core.blending import aggregate_function
from vla_ros.core.queue import FAR_FUTURE, ActionQueue, PushResult


def queue(*chunks, aggregate='weighted_average', now=0.0):
    made = ActionQueue(aggregate_function(aggregate))
    for plan in chunks:
        assert made.push(plan, now) is PushResult.ACCEPTED
    return made


def at(made, *times):
    return [made.sample(time)[0] for time in times]


def test_empty_queue_has_nothing_and_its_fill_is_zero_before_the_first_chunk():
    empty = queue()
    assert empty.sample(0.0) is None
    assert empty.remaining(0.0) == 0.0 and empty.fill(0.0) == 0.0
    assert empty.end == -np.inf


def test_positions_depend_on_the_time_and_not_on_how_often_one_asks():
    made = queue(ramp(10))
    for _ in range(50):
        made.sample(0.3)
    assert at(made, 0.3, 0.35, 0.1) == pytest.approx([0.3, 0.35, 0.1])


def test_chunks_at_30_hz_play_smoothly_at_100_hz():
    made = queue(ramp(30, step=1 / 30))
    positions = at(made, *np.arange(0.0, 0.96, 0.01))
    assert np.diff(positions) == pytest.approx(0.01)


def test_first_row_is_played_before_its_time_and_the_last_one_for_one_step():
    made = queue(chunk([1.0, 2.0], start=0.5))
    assert at(made, 0.0, 0.5, 0.6, 0.69) == pytest.approx([1.0, 1.0, 2.0, 2.0])
    assert made.sample(0.7) is None


def test_fill_falls_from_one_to_zero_over_the_length_of_the_newest_chunk():
    made = queue(ramp(10))
    assert made.fill(0.0) == 1.0
    assert made.fill(0.8) == pytest.approx(0.2) and made.remaining(0.8) == pytest.approx(0.2)
    assert made.fill(1.0) == 0.0 and made.fill(50.0) == 0.0
    assert made.end == pytest.approx(0.9)


def test_late_rows_are_skipped_so_that_the_row_for_now_is_played():
    assert at(queue(ramp(10), now=0.35), 0.35) == pytest.approx([0.35])


def test_merge_neither_replays_nor_loses_a_row():
    made = queue(ramp(20))
    played = at(made, *np.arange(0.0, 0.5, STEP))
    made.push(ramp(20, start=0.2, sequence=2), 0.5)  # was computed while 0.2 to 0.5 was played
    played += at(made, *np.arange(0.5, 2.0, STEP))
    assert played == pytest.approx(np.arange(0.0, 2.0, STEP))


def test_overlapping_rows_are_aggregated():
    made = queue(chunk(np.zeros(20)), chunk(np.ones(20), sequence=2))
    assert at(made, 0.5, 1.55) == pytest.approx([0.7, 0.7])


def test_tail_of_the_longer_old_chunk_is_kept():
    made = queue(
        ramp(30), chunk(np.zeros(5), start=0.2, sequence=2), aggregate='latest_only', now=0.2
    )
    assert at(made, 0.4, 0.6, 0.7, 2.5) == pytest.approx([0.0, 0.0, 0.7, 2.5])
    assert made.remaining(0.2) == pytest.approx(2.8)


def test_rows_before_a_chunk_that_begins_later_are_kept():
    made = queue(
        ramp(10), chunk(np.full(5, 9.0), start=0.5, sequence=2), now=0.0, aggregate='latest_only'
    )
    assert at(made, 0.0, 0.3, 0.4, 0.5) == pytest.approx([0.0, 0.3, 0.4, 9.0])


def test_gap_before_a_later_chunk_is_bridged_from_the_last_row():
    made = queue(chunk([1.0, 1.0]), chunk([2.0, 2.0], start=0.6, sequence=2))
    assert at(made, 0.1, 0.4, 0.55, 0.6) == pytest.approx([1.0, 1.0, 1.5, 2.0])


def test_two_chunks_that_have_not_begun_are_both_played_from_the_first_row():
    later = chunk(np.full(5, 1.0), start=0.6)
    sooner = chunk(np.full(9, 2.0), start=0.3, sequence=2)
    made = queue(later, sooner)
    assert at(made, 0.0, 0.3, 0.5, 0.7) == pytest.approx([2.0, 2.0, 2.0, 1.7])
    made = queue(sooner, chunk(np.full(9, 1.0), start=0.6, sequence=3))
    assert at(made, 0.0, 0.3, 0.5, 0.7) == pytest.approx([2.0, 2.0, 2.0, 1.3])


def test_chunks_off_the_old_grid_and_of_another_step_merge_by_time():
    made = queue(ramp(20), ramp(60, start=0.333, sequence=2, step=0.025), now=0.4)
    times = np.arange(0.4, 1.8, 0.017)
    assert at(made, *times) == pytest.approx(times)


def test_motion_goes_on_across_the_seam_of_two_chunks():
    made = queue(ramp(10))
    made.push(ramp(10, start=0.6, sequence=2), 0.85)
    assert np.diff(at(made, *np.arange(0.85, 1.5, 0.01))) == pytest.approx(0.01)


@pytest.mark.parametrize('sequence', [1, 2])
def test_answer_to_an_older_or_the_same_request_changes_nothing(sequence):
    made = queue(chunk(np.zeros(10), sequence=2))
    assert made.push(chunk(np.ones(10), sequence=sequence), 0.1) is PushResult.STALE
    assert at(made, 0.1, 0.9) == [0.0, 0.0]


def test_chunk_that_ended_before_it_arrived_changes_nothing():
    made = queue(chunk(np.zeros(50)))
    assert made.push(chunk(np.ones(10), sequence=2), 1.0) is PushResult.EXPIRED
    assert at(made, 1.0) == [0.0] and made.fill(1.0) == pytest.approx(0.8)


def test_chunk_from_a_wrong_clock_changes_nothing():
    made = queue(chunk(np.zeros(50)))
    far = chunk(np.ones(10), start=0.1 + FAR_FUTURE + 0.01, sequence=2)
    assert made.push(far, 0.1) is PushResult.FUTURE
    assert at(made, 2.0) == [0.0]


def test_refused_chunk_does_not_make_the_next_one_stale():
    made = queue(chunk(np.zeros(10)))
    made.push(chunk(np.ones(10), start=99.0, sequence=9), 0.0)
    assert made.push(chunk(np.ones(10), sequence=2), 0.0) is PushResult.ACCEPTED


def test_cleared_queue_is_empty_and_remembers_what_it_has_played():
    made = queue(chunk(np.zeros(10), sequence=5))
    made.clear()
    assert made.sample(0.1) is None and made.fill(0.1) == 0.0
    assert made.push(chunk(np.zeros(10), sequence=5), 0.1) is PushResult.STALE


def test_queue_that_ran_dry_starts_afresh_with_the_next_chunk():
    made = queue(chunk(np.zeros(5)))
    made.push(chunk(np.ones(10), start=0.6, sequence=2), 0.7)
    assert at(made, 0.7, 1.5) == [1.0, 1.0]


def test_times_of_this_century_are_resolved_well_enough():
    epoch = 1_800_000_000.0
    made = queue(ramp(100, start=epoch, step=1 / 30, slope=1.0), now=epoch)
    assert at(made, epoch + 1.0)[0] == pytest.approx(epoch + 1.0, abs=1e-5)
    assert made.sample(epoch + 100 / 30) is None


def test_values_of_the_policy_are_not_written_to():
    first, second = chunk(np.zeros(10)), chunk(np.ones(10), sequence=2)
    queue(first, second)
    assert not first.values.any() and second.values.all()

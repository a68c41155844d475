# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run of many hours is shown as one of a minute is, and takes no more room."""

import pytest

from vla_ros.view.course import MOST_MOMENTS, MOST_RECENT, Course
from vla_ros.view.film import SPAN, Moment
from vla_ros.view.run_report import draw_queue, page

HOURS = 6 * 3600 * 10  # moments, ten a second
DRY, FULL = 23_456, 150_001  # moments at which the queue is once all empty, and once all full


def run(count=HOURS):
    """Yield a queue that is half full, and gets a chunk every second; each takes 0.1 s more."""
    for i in range(count):
        fill = {DRY: 0.0, FULL: 1.0}.get(i, 0.5)
        mode = 'STARVED' if i == DRY else 'RUNNING'
        seconds = i // 10
        yield Moment(
            0.1 * i, fill, mode, 0.2, seconds, starved=int(i > DRY), latency=0.1 * (seconds % 9)
        )


@pytest.fixture(scope='module')
def course():
    made = Course()
    for moment in run():
        made.add(moment)
    return made


def test_hours_take_no_more_room_than_a_minute_may(course):
    assert len(course.moments) <= MOST_MOMENTS and len(course.recent) <= MOST_RECENT
    assert len(course._latencies) == 9
    assert len(page([], course, False)) < 1e6


def test_hours_begin_and_end_where_they_did(course):
    assert course.moments[0].time == 0.0
    assert course.moments[-1].time == pytest.approx(0.1 * (HOURS - 1))
    assert '>21600 s<' in draw_queue(course.moments)


def test_moment_in_which_the_queue_ran_dry_is_shown_of_a_run(course):
    assert [m.time for m in course.moments if m.mode == 'STARVED'] == [0.1 * DRY]
    assert 'opacity=".25"' in draw_queue(course.moments)


def test_moment_in_which_the_queue_was_full_is_shown_of_a_run(course):
    assert [m.time for m in course.moments if m.fill == 1.0] == [0.1 * FULL]


def test_no_gap_between_moments_is_wider_than_a_pixel_of_the_figure(course):
    times = [moment.time for moment in course.moments]
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert times == sorted(times) and max(gaps) < 0.1 * HOURS / 900


def test_figures_of_hours_are_those_of_every_chunk(course):
    assert course.figures.startswith(
        '21599 chunks, each 400 ms after its observation (median; 800 ms at most). '
        'The queue ran dry 1 times'
    )


def test_median_of_an_even_number_is_between_the_two_in_the_middle():
    made = Course()
    for i, latency in enumerate((0.0, 0.1, 0.2, 0.3, 0.5)):
        made.add(Moment(float(i), 0.5, 'RUNNING', 0.2, i, latency=latency))
    assert '4 chunks, each 250 ms' in made.figures


def test_every_moment_of_a_short_run_is_shown():
    made, moments = Course(), list(run(MOST_MOMENTS))
    for moment in moments:
        made.add(moment)
    assert made.moments == moments


def test_recent_moments_are_those_that_the_video_shows():
    made = Course()
    for moment in run(500):
        made.add(moment)
    assert made.recent[-1].time - made.recent[0].time < SPAN
    assert len(made.recent) == SPAN * 10


def test_clock_that_is_set_back_leaves_no_moment_of_the_future():
    made = Course()
    for time in (100.0, 100.1, 5.0, 5.1):
        made.add(Moment(time, 0.5, 'RUNNING', 0.2, 0))
    assert [moment.time for moment in made.recent] == [5.0, 5.1]

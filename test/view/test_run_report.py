# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run leaves a video and a page that says what came of it."""

import numpy as np
from report_page import read_page

from vla_ros.view.course import Course
from vla_ros.view.film import Moment
from vla_ros.view.run_report import Outcome, RunReport, page

CAMERAS = ('top', 'left')
WHITE = np.full((48, 64, 3), 255, np.uint8)


def course(count=30, starved=0):
    """Return a queue that is filled once a second, and dry once where it is to be."""
    made = Course()
    for i in range(count):
        made.add(
            Moment(
                100.0 + 0.1 * i,
                1.0 - (i % 10) / 10,
                'STARVED' if starved and i == 15 else 'RUNNING',
                0.2,
                accepted=i // 10,
                starved=starved,
                limited=2,
                latency=0.1,
            )
        )
    return made


def test_the_video_and_the_page_are_in_the_folder(tmp_path):
    report = RunReport(tmp_path, CAMERAS, 10.0)
    report.course = course()
    for _ in range(3):
        report.film({'top': WHITE})
    report.outcomes.append(Outcome(0, '3', 'success', '', 7.5))
    path = report.write()
    seen = read_page(path.read_text())
    assert path == tmp_path / 'report.html' and seen.videos == ['video.webm']
    assert (tmp_path / 'video.webm').stat().st_size > 0
    assert seen.verdict == '1 of 1 episodes succeeded' and seen.good is True


def test_failures_stand_before_successes_with_what_is_known_of_them():
    outcomes = [
        Outcome(0, '3', 'success', '', 7.0),
        Outcome(1, '4', 'timeout', 'never <moved>', 30),
    ]
    text = page(outcomes, course(starved=1), True)
    seen = read_page(text)
    assert seen.verdict == '1 of 2 episodes succeeded' and seen.good is False
    assert seen.rows == [
        ['timeout', '2', '4', '30.0 s', 'never <moved>'],
        ['success', '1', '3', '7.0 s', ''],
    ]
    assert 'ran dry 1 times' in text and '2 chunks, each 100 ms' in text
    assert 'opacity=".25"' in text and seen.plots == 1


def test_a_run_without_episodes_or_pictures_says_so(tmp_path):
    text = RunReport(tmp_path, CAMERAS, 10.0).write().read_text()
    seen = read_page(text)
    assert seen.verdict == 'No episode ended' and seen.good is None and not seen.videos
    assert 'No camera showed anything' in text
    assert 'No chunk was played' in text and 'Nothing was heard of the queue' in text

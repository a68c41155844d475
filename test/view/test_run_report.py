# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run leaves a video that plays and a page that says what came of it."""

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from vla_ros.core.errors import VlaError
from vla_ros.view.run_report import HEIGHT, STRIP, Moment, Outcome, RunReport, compose, page

CAMERAS = ('top', 'left')
WHITE = np.full((48, 64, 3), 255, np.uint8)


def moments(count=30, starved=0):
    return [
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
        for i in range(count)
    ]


def test_a_frame_has_the_cameras_side_by_side_and_the_queue_below():
    frame = compose({'left': WHITE}, CAMERAS, moments())
    width = HEIGHT * 4 // 3
    assert frame.shape == (HEIGHT + STRIP, 2 * width, 3)
    assert frame[100, 50].sum() == 0 and frame[100, width + 50].tolist() == [255, 255, 255]
    assert (frame[HEIGHT:] == (90, 169, 255)).all(axis=2).any()  # the level of the queue


def test_the_video_and_the_page_are_in_the_folder_and_the_video_plays(tmp_path):
    report = RunReport(tmp_path, CAMERAS, 10.0)
    report.moments += moments()
    for level in range(12):
        report.film({'top': np.full((48, 64, 3), 20 * level, np.uint8)})
    report.outcomes.append(Outcome(0, '3', 'success', '', 7.5))
    path = report.write()
    assert path == tmp_path / 'report.html' and 'video.webm' in path.read_text()
    video = cv2.VideoCapture(str(tmp_path / 'video.webm'))
    shown = [video.read()[1] for _ in range(12)]
    assert shown[11][100, 50].mean() == pytest.approx(220, abs=8)
    assert shown[0].shape == (HEIGHT + STRIP, 2 * (HEIGHT * 4 // 3), 3)


def test_the_verdict_comes_first_and_failures_before_successes():
    outcomes = [
        Outcome(0, '3', 'success', '', 7.0),
        Outcome(1, '4', 'timeout', 'never <moved>', 30),
    ]
    text = page(outcomes, moments(starved=1), True)
    assert text.index('1 of 2 episodes succeeded') < text.index('<video') < text.index('<table')
    assert text.index('timeout') < text.index('>success<')
    assert 'never &lt;moved&gt;' in text and 'ran dry 1 times' in text
    assert '2 chunks, each 100 ms' in text and 'opacity=".25"' in text


def test_the_page_needs_nothing_from_elsewhere():
    text = page([Outcome(0, '3', 'success', '', 7.0)], moments(), True)
    HTMLParser().feed(text)
    assert '<script' not in text and not re.search(r'(src|href)="(?!video\.webm)', text)
    assert 'prefers-color-scheme:dark' in text


def test_a_run_without_episodes_or_pictures_says_so(tmp_path):
    text = RunReport(tmp_path, CAMERAS, 10.0).write().read_text()
    assert 'No episode ended' in text and 'No camera showed anything' in text
    assert 'No chunk was played' in text and 'Nothing was heard of the queue' in text


def test_a_video_that_cannot_be_written_is_named(tmp_path):
    report = RunReport(tmp_path / 'missing', CAMERAS, 10.0)
    with pytest.raises(VlaError, match=r'video\.webm: OpenCV could not open it'):
        report.film({'top': WHITE})

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A video of a run shows the cameras, says what goes on, and plays."""

import cv2
import numpy as np
import pytest

from vla_ros.core.errors import VlaError
from vla_ros.view.film import HEIGHT, STRIP, Film, Moment, compose

CAMERAS = ('top', 'left')
WHITE = np.full((48, 64, 3), 255, np.uint8)
WIDTH = HEIGHT * 4 // 3


def moments(count=30):
    return [
        Moment(100.0 + 0.1 * i, 1.0 - (i % 10) / 10, 'RUNNING', 0.2, accepted=i // 10)
        for i in range(count)
    ]


def test_a_frame_has_the_cameras_side_by_side_and_the_queue_below():
    frame = compose({'left': WHITE}, CAMERAS, moments())
    assert frame.shape == (HEIGHT + STRIP, 2 * WIDTH, 3)
    assert frame[100, 50].sum() == 0 and frame[100, WIDTH + 50].tolist() == [255, 255, 255]
    assert (frame[HEIGHT:] == (90, 169, 255)).all(axis=2).any()  # the level of the queue


def test_a_label_is_written_over_the_pictures():
    plain, told = (compose({}, CAMERAS, [], label) for label in ('', 'FAILED after 30 s'))
    assert (plain != told)[HEIGHT - 30 : HEIGHT].any()
    assert not (plain != told)[: HEIGHT - 30].any()


def test_the_video_plays(tmp_path):
    film = Film(tmp_path / 'video.webm', 10.0, CAMERAS)
    for level in range(12):
        film.add({'top': np.full((48, 64, 3), 20 * level, np.uint8)}, moments())
    film.close()
    video = cv2.VideoCapture(str(tmp_path / 'video.webm'))
    shown = [video.read()[1] for _ in range(12)]
    assert film.frames == 12 and shown[11][100, 50].mean() == pytest.approx(220, abs=8)
    assert shown[0].shape == (HEIGHT + STRIP, 2 * WIDTH, 3)


def test_a_video_that_cannot_be_written_is_named(tmp_path):
    film = Film(tmp_path / 'missing' / 'video.webm', 10.0, CAMERAS)
    with pytest.raises(VlaError, match=r'video\.webm: OpenCV could not open it'):
        film.add({'top': WHITE}, [])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures that an evaluation leaves behind."""

import cv2
import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('matplotlib')

from vla_ros.core.errors import VlaError
from vla_ros.evaluation.queue_figure import plot_queues, write_video
from vla_ros.sim.rollout import EpisodeResult, QueueSample
from vla_ros.sim.task import TaskChoice


def test_queue_plot_shows_waiting_in_its_own_colour(tmp_path):
    samples = [QueueSample(t, max(0.0, 3 - t), t > 3) for t in np.arange(0, 4, 0.1)]
    results = {
        'sync': EpisodeResult(1, 1, queue=samples),
        'async': EpisodeResult(1, 1, queue=samples[:20]),
    }
    plot_queues(results, 1 / 30, 0.2, 100, tmp_path / 'queue.png')
    picture = cv2.imread(str(tmp_path / 'queue.png')).astype(int)
    assert picture.shape[0] > 400
    reddish = (picture[..., 2] > 200) & (picture[..., 1] < 200) & (picture[..., 0] < 210)
    assert reddish.sum() > 500


def test_video_has_one_picture_per_state_and_three_cameras_side_by_side(tmp_path):
    env = TaskChoice().make()
    env.reset(1, 9)
    path = tmp_path / 'episode.webm'
    write_video(TaskChoice().type, [env.scene.state()] * 5, 30.0, path, (64, 48))
    video = cv2.VideoCapture(str(path))
    frames = []
    while (item := video.read())[0]:
        frames.append(item[1])
    assert len(frames) == 5 and frames[0].shape == (48, 192, 3)


def test_video_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(VlaError, match='could not open it'):
        write_video(TaskChoice().type, [], 30.0, tmp_path / 'missing' / 'episode.webm', (64, 48))

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures that an evaluation leaves behind."""

import cv2
import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('matplotlib')

from vla_ros.core.errors import VlaError
from vla_ros.evaluation.queue_figure import draw_queues, film_episode, label
from vla_ros.sim.rollout import EpisodeResult, QueueSample
from vla_ros.sim.task import TaskChoice
from vla_ros.view.film import HEIGHT, STRIP


def test_queue_plot_shows_waiting_in_its_own_colour(tmp_path):
    samples = [QueueSample(t, max(0.0, 3 - t), t > 3) for t in np.arange(0, 4, 0.1)]
    results = {
        'sync': EpisodeResult(1, 1, queue=samples),
        'async': EpisodeResult(1, 1, queue=samples[:20]),
    }
    draw_queues(results, 1 / 30, 0.2, 100).savefig(tmp_path / 'queue.png')
    picture = cv2.imread(str(tmp_path / 'queue.png')).astype(int)
    assert picture.shape[0] > 400
    reddish = (picture[..., 2] > 200) & (picture[..., 1] < 200) & (picture[..., 0] < 210)
    assert reddish.sum() > 500


def shown(states):
    queue = [QueueSample(t / 60, 3 - t / 60, False) for t in range(2 * len(states))]
    return EpisodeResult(7, 9, duration=30.0, queue=queue, states=states)


def test_video_has_a_frame_per_state_with_the_cameras_its_label_and_the_queue(tmp_path):
    env = TaskChoice().make()
    env.reset(1, 9)
    path = tmp_path / 'episode.webm'
    film_episode(TaskChoice().type, shown([env.scene.state()] * 5), 3.0, 0.2, path, (64, 48))
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(30, abs=0.5)  # two steps for each state
    frames = []
    while (item := video.read())[0]:
        frames.append(item[1])
    assert len(frames) == 5 and frames[0].shape == (HEIGHT + STRIP, 3 * HEIGHT * 4 // 3, 3)
    queue = frames[0][HEIGHT:].reshape(-1, 3).max(axis=1)
    assert (queue > 150).sum() > 20  # its level


def test_a_video_says_which_episode_it_is_and_at_last_how_it_ended():
    failed = EpisodeResult(7, 9)
    assert label(failed, 1.5, False) == 'cluster 9, seed 7  1.5 s'
    assert label(failed, 30.0, True) == 'cluster 9, seed 7  30.0 s: FAILED: the time is over'
    other = EpisodeResult(7, 9, goal='saucer', at_other_goal=True)
    assert label(other, 1.0, True).endswith(', goal saucer  1.0 s: FAILED: it is at another goal')


def test_video_that_cannot_be_written_is_an_error(tmp_path):
    env = TaskChoice().make()
    result, path = shown([env.scene.state()]), tmp_path / 'missing' / 'episode.webm'
    with pytest.raises(VlaError, match='could not open it'):
        film_episode(TaskChoice().type, result, 3.0, 0.2, path, (64, 48))

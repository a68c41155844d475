# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page of an evaluation: success with its interval first, then each failure as a video."""

import pytest

pytest.importorskip('mujoco')

from report_page import read_page

from vla_ros.evaluation.protocol import score
from vla_ros.evaluation.report import Evaluation, film_failures, write_html, write_table
from vla_ros.sim.rollout import EpisodeResult, QueueSample
from vla_ros.sim.task import TaskChoice


def make(successes, failures, states=()):
    queue = [QueueSample(0.0, 1.0, False), QueueSample(1 / 60, 0.9, False)]
    return [
        *(EpisodeResult(i, 1, True, 9.0, latencies=[0.1]) for i in range(successes)),
        *(
            EpisodeResult(i, 2, False, 30.0, latencies=[0.1], queue=queue, states=list(states))
            for i in range(failures)
        ),
    ]


def evaluation(results, **more):
    return Evaluation('mine', 'async', {'test': score(results)}, results, **more)


def test_success_comes_first_with_its_interval_and_failures_before_the_rest():
    seen = read_page(write_html(evaluation(make(3, 1), notes=['against x'])))
    assert seen.verdict == 'success: test 0.75 [0.30, 0.95] (3 of 4)' and seen.good is None
    assert seen.rows[0][:3] == ['test', '4', '0.75 [0.30, 0.95]']
    assert [row[0] for row in seen.rows[1:]] == ['FAILED: the time is over'] + 3 * ['success']


def test_the_table_says_the_same_as_the_page():
    text = write_table(evaluation(make(3, 1)))
    assert '0.75 [0.30, 0.95]' in text and '100 / 100 ms' in text and '9.0 s' in text


def test_failures_are_filmed_up_to_a_number_and_the_others_are_counted(tmp_path):
    env = TaskChoice().make()
    env.reset(1, 9)
    results = make(1, 3, [env.scene.state()])
    films = dict(film_failures(TaskChoice().type, results, 3.0, 0.2, tmp_path, 2))
    assert list(films) == ['failure_2_0.webm', 'failure_2_1.webm']
    assert all((tmp_path / name).stat().st_size > 500 for name in films)
    page = write_html(evaluation(results, videos=films))
    seen = read_page(page)
    assert seen.videos == list(films) and '1 more failed' in page
    assert seen.captions[0] == 'cluster 2, seed 0: FAILED: the time is over, after 30.0 s'


def test_where_nothing_failed_there_is_no_word_of_it():
    assert read_page(write_html(evaluation(make(2, 0)))).headings == ['Every episode']

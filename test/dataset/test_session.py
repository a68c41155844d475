# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A session leads through a plan and keeps the books, whatever happened before."""

from functools import partial

import pytest

pytest.importorskip('rosbags')

from recordings import START, picture, shade

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.bag import EpisodeWriter, list_episodes, list_unfinished
from vla_ros.dataset.plan import Plan
from vla_ros.dataset.recording import Recording
from vla_ros.dataset.session import Session

CLUSTERS = {3: (0.15, -0.25), 4: (0.15, -0.15)}
PLAN = Plan(CLUSTERS, starts=1, recoveries=1, recovery_kinds=('miss',))


@pytest.fixture
def begin(tmp_path):
    """Return the function that begins a session in the test's folder."""
    sessions = []

    def begin_session(limit=0):
        record = partial(Recording, tmp_path, limit=10**8, rates={})
        sessions.append(Session(tmp_path, PLAN, record, limit))
        return sessions[-1]

    yield begin_session
    for session in sessions:
        session.close()


def record_next(session):
    recording = session.begin(session.next, 'so101', 'none')
    recording.write(picture('top', START, shade(0)))
    return session.keep('success')


def test_it_leads_through_the_plan_to_its_end(begin):
    session = begin()
    starts = []
    while session.next:
        starts.append(session.next)
        record_next(session)
    assert starts == PLAN.episodes()
    assert session.coverage.missing == ()


def test_it_is_over_after_as_many_episodes_as_asked_for(begin):
    session = begin(limit=1)
    record_next(session)
    assert session.next is None and len(session.coverage.missing) == 3


def test_a_failed_start_comes_again_with_another_seed_until_one_is_kept(begin):
    session = begin()
    first, second = PLAN.episodes()[:2]
    for _ in range(2):
        session.begin(session.next)
        session.drop(failed=True)
    assert session.next == first._replace(seed=first.seed + 2)
    session.begin(session.next)
    session.drop()
    assert session.next == first._replace(seed=first.seed + 2)
    record_next(session)
    assert session.next == second


def test_the_last_episode_can_be_taken_back(begin, tmp_path):
    session = begin()
    kept = record_next(session)
    assert session.remove_last() == kept
    assert session.next == PLAN.episodes()[0] and list_episodes(tmp_path) == []
    with pytest.raises(VlaError, match='nothing to discard'):
        session.remove_last()


def test_one_episode_runs_at_a_time(begin):
    session = begin()
    with pytest.raises(VlaError, match='no episode is being recorded'):
        session.keep('success')
    session.begin(session.next)
    with pytest.raises(VlaError, match='episode_0000 is being recorded'):
        session.begin(session.next)


def test_it_goes_on_where_another_session_ended(begin, tmp_path):
    first = begin()
    record_next(first)
    with pytest.raises(ConfigError, match='another recorder'):
        begin()
    first.begin(first.next)
    first.close()
    assert list_unfinished(tmp_path) == []
    EpisodeWriter(tmp_path)  # and dies
    second = begin()
    assert second.next == PLAN.episodes()[1]
    assert [folder.name for folder in second.leftovers] == ['episode_0001']

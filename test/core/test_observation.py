# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Samples of several streams become one observation: whole, in step, and new."""

import pytest

from vla_ros.core.observation import Observations

SOURCES = ('top', 'gripper', 'joint_states')


@pytest.fixture
def observations():
    return Observations(SOURCES, max_skew=0.05, max_age=0.5)


def add_all(observations, time):
    for source in SOURCES:
        observations.add(source, time, f'{source} {time}')


def test_nothing_is_given_before_every_source_was_heard(observations):
    observations.add('top', 1.0, 'picture')
    assert observations.take(1.0) is None
    assert observations.waiting_for.startswith('gripper, joint_states: nothing new')


def test_set_of_one_time_is_given(observations):
    add_all(observations, 1.0)
    observation = observations.take(1.01)
    assert observation.time == 1.0
    assert observation.values['gripper'] == 'gripper 1.0'
    assert observations.waiting_for == ''


def test_no_sample_is_given_twice(observations):
    add_all(observations, 1.0)
    assert observations.take(1.0) is not None
    assert observations.take(1.0) is None
    observations.add('top', 1.1, 'new')
    observations.add('joint_states', 1.1, 'new')
    assert observations.take(1.1) is None
    assert observations.waiting_for.startswith('gripper: nothing new')


def test_newest_set_is_given_and_older_ones_never_again(observations):
    for time in (1.0, 1.03, 1.06):
        add_all(observations, time)
    assert observations.take(1.06).time == 1.06
    assert observations.take(1.06) is None


def test_sources_ahead_give_their_sample_of_the_common_time(observations):
    add_all(observations, 1.0)
    for time in (1.01, 1.02, 1.03):
        observations.add('joint_states', time, f'joint_states {time}')
    observations.add('top', 1.033, 'top 1.033')
    observation = observations.take(1.04)
    assert observation.values == {source: f'{source} 1.0' for source in SOURCES}
    assert observation.time == 1.0


def test_time_is_that_of_the_oldest_sample(observations):
    observations.add('top', 1.0, 'picture')
    observations.add('gripper', 1.02, 'picture')
    observations.add('joint_states', 1.03, 'state')
    assert observations.take(1.03).time == 1.0


def test_sources_out_of_step_are_named(observations):
    observations.add('gripper', 1.0, 'picture')
    observations.add('top', 1.2, 'picture')
    observations.add('joint_states', 1.2, 'state')
    assert observations.take(1.2) is None
    assert 'got 0.200 s apart, expected at most max_skew 0.050 s' in observations.waiting_for
    assert observations.waiting_for.startswith('gripper and ')


@pytest.mark.parametrize(('now', 'word'), [(1.6, 'old'), (0.4, 'ahead')])
def test_stamp_far_from_now_is_refused(observations, now, word):
    add_all(observations, 1.0)
    assert observations.take(now) is None
    assert f'got a stamp 0.600 s {word}' in observations.waiting_for


def test_late_and_repeated_samples_are_dropped(observations):
    add_all(observations, 1.0)
    observations.add('top', 1.0, 'again')
    observations.add('top', 0.98, 'late')
    assert observations.take(1.0).values['top'] == 'top 1.0'


def test_sample_as_old_as_the_last_one_used_is_dropped(observations):
    add_all(observations, 1.0)
    assert observations.take(1.0) is not None
    add_all(observations, 1.0)
    add_all(observations, 0.9)
    assert observations.take(1.0) is None


def test_clock_that_went_back_starts_anew(observations):
    add_all(observations, 100.0)
    assert observations.take(100.0) is not None
    add_all(observations, 100.1)
    add_all(observations, 0.1)
    assert observations.take(0.1).time == 0.1


def test_memory_is_bounded(observations):
    for tick in range(1000):
        observations.add('joint_states', tick * 0.01, tick)
    assert len(observations._samples['joint_states']) <= 52  # max_age, while others may be late


def test_sources_that_are_late_but_well_stamped_are_used(observations):
    """A camera whose pictures take 0.25 s is younger than max_age all the same."""
    late, given = SOURCES[0], 0
    for tick in range(300):
        now = tick / 30
        for source in SOURCES:
            observations.add(source, now - 0.25 * (source == late), tick)
        given += observations.take(now) is not None
    assert given > 280

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of time and joints, on made-up recordings."""

from dataclasses import replace

import numpy as np
import pytest

from vla_ros.dataset.checks import motion
from vla_ros.dataset.checks.episodes import Changes
from vla_ros.dataset.checks.finding import Finding
from vla_ros.dataset.checks.thresholds import Thresholds

LIMITS = Thresholds()


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def change(recording, index, **values):
    """Return the recording with one episode's fields replaced."""
    episodes = list(recording.episodes)
    episodes[index] = replace(episodes[index], **values)
    return replace(recording, episodes=episodes)


@pytest.mark.parametrize(
    'check',
    [
        motion.check_frame_rate,
        motion.check_jitter,
        motion.check_skew,
        motion.check_uneven_steps,
        motion.check_joint_jumps,
        motion.check_static,
        motion.check_length,
    ],
)
def test_nothing_is_wrong_with_a_clean_recording(check, recording):
    assert only(check(recording, LIMITS)).passed


def drop(recording, share, renumber):
    """Return the recording without ``share`` of its frames, with even times if renumbered."""
    rng = np.random.default_rng(1)
    episodes = []
    for episode in recording.episodes:
        kept = rng.random(len(episode.time)) >= share
        time = episode.time[kept]
        episodes.append(
            replace(
                episode,
                state=episode.state[kept],
                action=episode.action[kept],
                time=episode.time[: len(time)] if renumber else time,
            )
        )
    return replace(recording, episodes=episodes)


def test_tenth_of_the_frames_dropped_is_found_by_the_times(recording):
    dropped = drop(recording, 0.1, renumber=False)
    assert not only(motion.check_jitter(dropped, LIMITS)).passed
    assert not only(motion.check_frame_rate(dropped, LIMITS)).passed


def test_tenth_of_the_frames_dropped_is_found_though_the_times_were_numbered_through(recording):
    dropped = drop(recording, 0.1, renumber=True)
    assert only(motion.check_jitter(dropped, LIMITS)).passed
    assert not only(motion.check_uneven_steps(dropped, LIMITS)).passed


def test_slow_camera_is_found_by_the_rate(recording):
    slow = change(recording, 3, time=recording.episodes[3].time * 1.2)
    finding = only(motion.check_frame_rate(slow, LIMITS))
    assert finding.scope == 'episode 3' and finding.value == pytest.approx(25)


def test_jump_of_a_joint_is_found_in_its_episode(recording):
    state = recording.episodes[5].state.copy()
    state[50, 1] += 1.0  # of a range of 2, within a frame
    finding = only(motion.check_joint_jumps(change(recording, 5, state=state), LIMITS))
    assert finding.scope == 'episode 5' and not finding.passed


def test_episode_in_which_nothing_moves_is_found(recording):
    state = np.tile(recording.episodes[7].state[:1], (240, 1))
    finding = only(motion.check_static(change(recording, 7, state=state), LIMITS))
    assert finding.scope == 'episode 7' and finding.value == 0


@pytest.mark.parametrize('rows', [40, 1200])
def test_episode_much_shorter_or_longer_than_the_others_is_found(recording, rows):
    finding = only(motion.check_length(change(recording, 2, time=np.arange(rows) / 30), LIMITS))
    assert finding.scope == 'episode 2' and not finding.passed


@pytest.fixture
def alike(recording):
    """Return the recording with episodes that are nearly as long as each other, one less so."""
    for index in range(len(recording.episodes)):
        state = recording.episodes[index].state[: 170 + 6 * (index % 5)]
        recording = take(recording, index, state)
    return recording


def take(recording, index, state):
    """Return the recording with another way of the arm in one episode."""
    return change(recording, index, state=state, time=np.arange(len(state)) / 30)


def again(state, times):
    """Return a way that is gone there and back, so many times in all."""
    return np.concatenate([state, state[::-1]] * (times // 2))


def test_episode_whose_end_was_forgotten_is_found_however_alike_the_others_are(alike):
    state = alike.episodes[4].state
    rest = np.repeat(state[-1:], len(state), axis=0)
    finding = only(motion.check_length(take(alike, 4, np.concatenate([state, rest])), LIMITS))
    assert finding.scope == 'episode 4' and not finding.passed
    assert finding.value == pytest.approx(2, rel=0.15)


def test_episode_that_was_cut_in_half_is_found(alike):
    state = alike.episodes[4].state
    finding = only(motion.check_length(take(alike, 4, state[: len(state) // 2]), LIMITS))
    assert finding.scope == 'episode 4' and not finding.passed


def test_episode_with_further_grasps_takes_longer_and_goes_farther_and_passes(alike):
    for index in (4, 9, 11):
        alike = take(alike, index, again(alike.episodes[index].state, 4))
    assert only(motion.check_length(alike, LIMITS)).passed


def test_noise_of_the_joints_at_rest_is_no_way_that_explains_a_length(alike):
    state = alike.episodes[4].state
    noise = np.random.default_rng(0).normal(0, 0.002, (3 * len(state), 3))
    noisy = np.concatenate([state, state[-1] + noise])
    finding = only(motion.check_length(take(alike, 4, noisy), LIMITS))
    assert finding.scope == 'episode 4' and not finding.passed


def test_arm_that_goes_on_and_on_is_found_although_it_moves(alike):
    finding = only(motion.check_length(take(alike, 4, again(alike.episodes[4].state, 12)), LIMITS))
    assert finding.scope == 'episode 4' and not finding.passed


def test_many_outliers_do_not_hide_each_other(alike):
    for index in (0, 20, 40, 60, 80):
        state = alike.episodes[index].state
        alike = take(alike, index, state[: len(state) // 2])
    assert only(motion.check_length(alike, LIMITS)).scope == 'episodes 0, 20, 40, 60, 80'


def test_cameras_and_joints_that_are_far_apart_are_found(recording):
    late = change(recording, 4, facts=replace(recording.episodes[4].facts, skew=0.045))
    assert only(motion.check_skew(late, LIMITS)).scope == 'episode 4'


def test_unknown_skew_is_not_checked(recording):
    unknown = replace(
        recording,
        episodes=[replace(e, facts=replace(e.facts, skew=None)) for e in recording.episodes],
    )
    assert motion.check_skew(unknown, LIMITS) == []


def known(recording, index, **facts):
    episode = recording.episodes[index]
    look = {'top': None, 'left': None}  # only the cameras' names count here
    facts = replace(episode.facts, **facts)
    first = replace(recording.episodes[0], looks=look)
    altered = change(recording, index, facts=facts, looks=look)
    return replace(altered, episodes=[first, *altered.episodes[1:]])


def test_frames_that_a_camera_owes_are_found_for_the_camera(recording):
    lost = known(recording, 4, lost={'top': 0.02, 'left': 0.0})
    found = {f.scope: f.passed for f in motion.check_missing(lost, LIMITS)}
    assert found == {'top: episode 4': False, 'left': True}


def test_messages_that_the_recorder_dropped_are_found(recording):
    dropped = known(recording, 4, dropped=3)
    finding = only(motion.check_dropped(dropped, LIMITS))
    assert finding.scope == 'episode 4' and 'faster disk' in finding.mend


def test_video_that_is_shorter_than_its_episode_is_found(recording):
    cut = known(recording, 4, strays={'left': 2, 'top': 0})
    found = {f.scope: f.value for f in motion.check_videos(cut, LIMITS)}
    assert found == {'left: episode 4': 2, 'top': 0}


def test_what_nobody_counted_is_not_checked(recording):
    for check in (motion.check_missing, motion.check_dropped, motion.check_videos):
        assert check(recording, LIMITS) == []


def filmed(recording, late):
    """Return the recording with a camera that shows the arm's speed ``late`` (s) afterwards."""
    episodes = []
    for episode in recording.episodes[:4]:
        speed = np.linalg.norm(np.gradient(episode.state, episode.time, axis=0), axis=1)
        time = episode.time[1:120]
        seen = Changes(time, np.interp(time - late, episode.time, speed))
        episodes.append(replace(episode, looks={'top': None}, changes={'top': seen}))
    return replace(recording, episodes=episodes)


@pytest.mark.parametrize('late', [-0.1, 0.0, 0.05, 0.2])
def test_lag_of_the_pictures_behind_the_joints_is_measured(recording, late):
    finding = only(motion.check_image_skew(filmed(recording, late), LIMITS))
    assert finding.value == pytest.approx(late, abs=0.01)
    assert finding.passed == (abs(late) < 2 / 30)


def test_lag_is_not_guessed_from_a_few_pictures(recording):
    few = filmed(recording, 0.2)
    assert motion.check_image_skew(replace(few, episodes=few.episodes[:2]), LIMITS) == []

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of time and joints, on made-up recordings."""

from dataclasses import replace

import numpy as np
import pytest

from vla_ros.dataset.checks import motion
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


def test_cameras_and_joints_that_are_far_apart_are_found(recording):
    late = change(recording, 4, facts=replace(recording.episodes[4].facts, skew=0.045))
    assert only(motion.check_skew(late, LIMITS)).scope == 'episode 4'


def test_unknown_skew_is_not_checked(recording):
    unknown = replace(
        recording,
        episodes=[replace(e, facts=replace(e.facts, skew=None)) for e in recording.episodes],
    )
    assert motion.check_skew(unknown, LIMITS) == []

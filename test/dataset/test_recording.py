# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording never waits for the disk, and counts what it loses."""

import resource

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import START, picture, shade

from vla_ros.core.errors import VlaError
from vla_ros.dataset.bag import EpisodeInfo, list_episodes, list_unfinished
from vla_ros.dataset.recording import Recording, describe

TOP = '/camera/top/image_raw'


def record(root, limit=10**8, **rates):
    return Recording(root, EpisodeInfo(cluster=2), limit, rates)


def test_all_that_was_written_is_in_the_bag_when_keep_returns(tmp_path):
    recording = record(tmp_path)
    for frame in range(50):
        recording.write(picture('top', START + frame / 30, shade(frame)))
    episode = recording.keep('success')
    assert (recording.messages, recording.dropped) == (50, 0)
    assert len(list(episode.messages())) == 50
    assert list_episodes(tmp_path) == [episode]
    assert episode.info.outcome == 'success'


def test_a_burst_that_overfills_the_queue_is_dropped_and_counted(tmp_path):
    recording = record(tmp_path, limit=20_000_000)
    large = picture('top', START, np.zeros((1080, 1920, 3), np.uint8))
    for _ in range(50):
        recording.write(large)
    episode = recording.keep('success')
    assert 0 < episode.info.dropped < 50
    assert len(list(episode.messages())) == 50 - episode.info.dropped


def test_frames_that_never_came_are_counted_per_camera(tmp_path):
    recording = record(tmp_path, **{TOP: 30.0, '/camera/left/image_raw': 30.0})
    jitter = np.random.default_rng(0).uniform(-0.008, 0.008, 30)
    for frame in range(30):
        time = START + frame / 30 + jitter[frame]
        if frame not in (10, 20, 21):
            recording.write(picture('top', time, shade(0)))
        recording.write(picture('left', time, shade(0)))
    info = recording.keep('success').info
    assert info.missing == {TOP: 3, '/camera/left/image_raw': 0}
    assert recording.gaps == {'top': 3}
    assert describe(recording).endswith('0 dropped, 3 frames missing (top 3)')
    assert info.dropped == 0


def test_a_camera_that_came_late_or_broke_off_misses_frames(tmp_path):
    recording = record(tmp_path, **{TOP: 30.0, '/camera/left/image_raw': 30.0, '/camera/no': 30.0})
    for frame in range(30):
        recording.write(picture('top', START + frame / 30, shade(0)))
        if 10 <= frame < 25:
            recording.write(picture('left', START + frame / 30, shade(0)))
    info = recording.keep('success').info
    assert info.missing == {TOP: 0, '/camera/left/image_raw': 9 + 4, '/camera/no': 28}


def test_frames_that_never_came_are_told_while_the_episode_runs(tmp_path):
    recording = record(tmp_path, **{TOP: 30.0, '/camera/left/image_raw': 30.0})
    for frame in range(45):
        recording.write(picture('top', START + frame / 30, shade(0)))
        if frame in (0, 1, 2, 3, 8):
            recording.write(picture('left', START + frame / 30, shade(0)))
        if frame in (9, 30):
            assert recording.gaps == {'left': 4}  # the rest may be on its way
    assert recording.gaps == {'left': 4 + 35}
    assert recording.keep('success').info.missing == {TOP: 0, '/camera/left/image_raw': 39}
    assert recording.gaps == {'left': 39}


def test_cameras_out_of_phase_miss_nothing(tmp_path):
    recording = record(tmp_path, **{TOP: 30.0, '/camera/left/image_raw': 30.0})
    for frame in range(10):
        recording.write(picture('top', START + frame / 30, shade(0)))
        recording.write(picture('left', START + (frame + 0.9) / 30, shade(0)))
    assert recording.keep('success').info.missing == {TOP: 0, '/camera/left/image_raw': 0}


def test_a_discarded_recording_leaves_nothing(tmp_path):
    recording = record(tmp_path)
    recording.write(picture('top', START, shade(0)))
    recording.discard()
    assert list_episodes(tmp_path) == list_unfinished(tmp_path) == []


def test_a_full_disk_is_told_and_leaves_no_episode(tmp_path):
    recording = record(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        for frame in range(100):
            recording.write(picture('top', START + frame, np.zeros((240, 320, 3), np.uint8)))
        with pytest.raises(VlaError, match='episode_0000: cannot be written: File too large'):
            recording.keep('success')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list_episodes(tmp_path) == list_unfinished(tmp_path) == []


@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_an_episode_is_not_kept_when_the_writer_crashed(tmp_path):
    recording = record(tmp_path)
    recording.write(picture('top', START, shade(0))._replace(msgtype='no_msgs/msg/Such'))
    with pytest.raises(VlaError, match='episode_0000: the writer crashed; see the log'):
        recording.keep('success')
    assert list_episodes(tmp_path) == list_unfinished(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(VlaError, match='file: cannot be written: Not a directory'):
        record(tmp_path / 'file')

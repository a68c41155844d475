# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of recorded episodes before they are converted: MCAP bags, without ROS."""

import re

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import FPS, START, joint_states, make_messages, picture, shade, write_episode

from vla_ros.core.errors import VlaError
from vla_ros.dataset.bag import EpisodeInfo, decode, header_time
from vla_ros.dataset.checks import motion
from vla_ros.dataset.checks.recording import read_recording
from vla_ros.dataset.checks.thresholds import Thresholds
from vla_ros.tools.main import main


def make_pictures(messages, dropped=()):
    """Return the messages without the pictures of the left camera whose number is in dropped."""
    number = -1
    for message in messages:
        if message.topic == '/camera/left/image_raw':
            number += 1
            if number in dropped:
                continue
        yield message


def test_recording_is_read_at_the_times_of_the_slowest_camera(tmp_path):
    calibration = tmp_path / 'arm.json'
    calibration.write_text('{}')
    write_episode(tmp_path, EpisodeInfo(cluster=4, recovery='drop'), calibration=[calibration])
    write_episode(tmp_path, EpisodeInfo(cluster=9), make_pictures(make_messages(20), (4, 5)))
    recording = read_recording(tmp_path, pairs=4)
    first, second = recording.episodes
    assert recording.fps == FPS and recording.cameras == ['left', 'top']
    assert (first.facts.cluster, first.facts.recovery) == (4, 'drop')
    assert set(first.facts.calibration) == {'arm.json'} and first.facts.skew < 0.01
    assert len(second.time) == 18
    assert np.diff(second.time).max() == pytest.approx(3 / FPS, abs=1e-4)
    assert np.allclose(second.state[:, 0], second.time, atol=0.02)
    assert first.facts.lost == {'left': 0, 'top': 0} and first.facts.dropped == 0
    assert second.facts.lost == {'left': 2 / 20, 'top': 0}
    look = second.looks['top']
    assert look.start.shape == (24, 32, 3) and look.start[0, 0, 0] == shade(0)[0, 0, 0]
    assert np.allclose(look.changes[0], 3) and look.strides.min() > 3


def test_pictures_that_never_came_are_found_in_a_recording(tmp_path):
    write_episode(tmp_path, messages=make_pictures(make_messages(40), range(3, 40, 10)))
    assert not motion.check_jitter(read_recording(tmp_path, 4), Thresholds())[0].passed


def test_command_takes_a_recording_in_place_of_a_dataset(tmp_path, capsys):
    write_episode(tmp_path, EpisodeInfo(cluster=6))
    page = tmp_path / 'report.html'
    assert main(['check', str(tmp_path), '--reference', str(tmp_path), '--html', str(page)]) == 1
    assert (
        re.search('BAD +held-out cluster +episode 0', capsys.readouterr().out) and page.is_file()
    )


def test_recording_without_pictures_is_refused(tmp_path):
    write_episode(
        tmp_path,
        messages=[m for m in make_messages() if m.topic != '/camera/left/image_raw']
        + [picture('left', START, shade(0))],
    )
    with pytest.raises(VlaError, match='less than 2 messages of /camera/left/image_raw'):
        read_recording(tmp_path)


def test_more_pairs_than_there_are_pictures_are_all_of_them(tmp_path):
    write_episode(tmp_path)
    found = [read_recording(tmp_path, pairs).episodes[0].pairs for pairs in (12, 1000, 10**30)]
    assert [pairs.tolist() for pairs in found] == [list(range(11))] * 3


def test_pictures_that_come_twice_are_taken_once(tmp_path):
    def twice(messages):
        for item in messages:
            yield from [item] * (2 if item.topic.startswith('/camera') else 1)

    write_episode(tmp_path / 'once')
    write_episode(tmp_path / 'twice', messages=twice(make_messages()))
    once, repeated = (read_recording(tmp_path / name, pairs=4) for name in ('once', 'twice'))
    assert repeated.fps == once.fps == FPS
    assert np.array_equal(repeated.episodes[0].time, once.episodes[0].time)
    assert repeated.episodes[0].facts.lost == {'left': 0, 'top': 0}


def test_pictures_without_a_time_are_refused(tmp_path):
    times = iter(range(10**6))
    pictures = [
        picture(camera, 0.0, shade(0))._replace(time=START * 10**9 + next(times))
        for camera in ('top', 'left')
        for _ in range(5)
    ]
    others = [m for m in make_messages() if not m.topic.startswith('/camera')]
    write_episode(tmp_path, messages=[*others, *pictures])
    with pytest.raises(VlaError, match='same time in all headers of /camera/top/image_raw, /cam'):
        read_recording(tmp_path)


def test_joints_that_change_their_names_are_refused(tmp_path):
    write_episode(tmp_path)
    renamed = [joint_states(START + 0.01 * i, [0.0, 0.0]) for i in range(3)]
    others = [m._replace(data=m.data.replace(b'elbow', b'wrist')) for m in renamed]
    write_episode(
        tmp_path, messages=[m for m in make_messages() if m.topic != '/joint_states'] + others
    )
    with pytest.raises(VlaError, match='got joints shoulder, wrist, expected shoulder, elbow'):
        read_recording(tmp_path)


def test_joint_states_that_come_in_parts_are_put_together(tmp_path):
    def apart(messages):
        for item in messages:
            if item.topic != '/joint_states':
                yield item
                continue
            msg = decode(item)
            time = header_time(item.data)
            for place, name in enumerate(msg.name):
                late = time + 0.001 * place
                yield joint_states(late, [msg.position[place]], [name])
            yield joint_states(time + 0.003, [7.0], ['wheel'])  # of the base: not ours

    write_episode(tmp_path / 'whole')
    write_episode(tmp_path / 'parts', messages=apart(make_messages()))
    whole, parts = (read_recording(tmp_path / name, pairs=4) for name in ('whole', 'parts'))
    assert parts.state_names == whole.state_names
    np.testing.assert_allclose(parts.episodes[0].state, whole.episodes[0].state, atol=0.05)
    assert np.isfinite(parts.episodes[0].state).all()

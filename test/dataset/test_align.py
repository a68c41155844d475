# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stamps that are missing, and streams that do not meet, are named; no frame is made of them."""

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import (
    FPS,
    START,
    joint_commands,
    joint_states,
    make_messages,
    write_episode,
)

from vla_ros.core.errors import VlaError
from vla_ros.dataset.align import align
from vla_ros.dataset.bag import header_time
from vla_ros.dataset.streams import find_streams

FRAMES = 11  # of an episode: of the twelfth, the slower camera's picture comes too late


def aligned(episode):
    return align(episode, find_streams(episode), FPS, max_skew=0.05)


def restamped(topic, time):
    """Return an episode in which the headers of a topic say another time."""
    types = {'/joint_commands': joint_commands, '/joint_states': joint_states}

    def change(m):
        made = types[topic](time, [header_time(m.data) - START, 1.0])
        return made._replace(time=m.time)

    return [change(m) if m.topic == topic else m for m in make_messages()]


def test_commands_without_a_stamp_mean_now(tmp_path):
    stamped, unstamped = (
        aligned(write_episode(tmp_path / name, messages=messages)).chosen['/joint_commands']
        for name, messages in (
            ('stamped', None),
            ('not', restamped('/joint_commands', 0.0)),
        )
    )
    assert len(stamped) == FRAMES
    np.testing.assert_array_equal(unstamped, stamped)


def test_states_without_stamps_are_named_and_make_no_single_frame(tmp_path):
    episode = write_episode(tmp_path, messages=restamped('/joint_states', 0.0))
    with pytest.raises(VlaError, match='no time in the headers of /joint_states.*header.stamp'):
        aligned(episode)


@pytest.mark.parametrize('length', [0, 4, 11])
def test_a_message_too_short_for_its_header_is_named(tmp_path, length):
    messages = [
        m._replace(data=m.data[:length]) if m.topic == '/joint_states' else m
        for m in make_messages()
    ]
    with pytest.raises(VlaError, match=f'/joint_states: got a damaged message of {length} bytes'):
        aligned(write_episode(tmp_path, messages=messages))


def test_streams_that_hardly_overlap_make_no_single_frame(tmp_path):
    def when(m):
        return header_time(m.data) - START

    late = [m for m in make_messages() if m.topic != '/camera/top/image_raw' or when(m) > 0.36]
    with pytest.raises(VlaError, match=r'/camera/top/image_raw from 0.37 to 0.37 s.*for 2 frames'):
        aligned(write_episode(tmp_path, messages=late))

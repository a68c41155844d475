# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A stop is known to the next process of its node in the same run, and to no other."""

import pytest

from vla_ros.runtime.latch import ESTOP, RUN, Latch


@pytest.fixture
def told():
    """Return the list of what was reported."""
    return []


@pytest.fixture
def make(told):
    """Return the function that makes the latch of a node, as each of its processes does."""
    return lambda name='/left/robot': Latch(name, lambda kind, text: told.append(text))


def test_stop_is_known_to_the_next_process_until_it_is_released(tmp_path, monkeypatch, make):
    monkeypatch.setenv(RUN, str(tmp_path))
    first = make()
    assert first.why == ''
    first.why = ESTOP
    second = make()
    assert second.why == ESTOP and make('/right/robot').why == ''
    second.why = 'elbow_flex: too hot'
    assert make().why == 'elbow_flex: too hot'
    second.why = ''
    assert make().why == '' and not list(tmp_path.iterdir())


def test_stop_whose_words_were_lost_is_one_all_the_same(tmp_path, monkeypatch, make):
    monkeypatch.setenv(RUN, str(tmp_path))
    make().why = ESTOP
    next(tmp_path.iterdir()).write_bytes(b'')  # the disk was full
    assert make().why == ESTOP


def test_node_that_nobody_starts_again_is_stopped_by_itself(tmp_path, monkeypatch, make):
    monkeypatch.delenv(RUN, raising=False)
    latch = make()
    latch.why = ESTOP
    assert latch.why == ESTOP and make().why == ''


def test_stop_that_can_not_be_noted_is_one_and_is_told(tmp_path, monkeypatch, make, told):
    monkeypatch.setenv(RUN, str(tmp_path / 'gone'))
    latch = make()
    latch.why = ESTOP
    assert latch.why == ESTOP
    assert 'cannot be written: No such file' in told[0]

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When the next chunk is asked for."""

import pytest

from vla_ros.core.refill import Refill


@pytest.fixture
def refill():
    return Refill(threshold=0.2, timeout=5.0)


def test_it_asks_once_the_fill_is_at_the_threshold(refill):
    assert refill.ask(0.0, 0.21) is None
    assert refill.ask(0.1, 0.20) == 1 and refill.open == 1


def test_only_one_request_is_open_at_a_time(refill):
    refill.ask(0.0, 0.0)
    assert all(refill.ask(time, 0.0) is None for time in (0.1, 1.0, 4.9))


def test_next_request_follows_the_answer(refill):
    refill.ask(0.0, 0.0)
    refill.answered(1)
    assert refill.open is None and refill.ask(0.1, 0.1) == 2


def test_request_that_nobody_answers_is_counted_and_made_again(refill):
    refill.ask(0.0, 0.0)
    assert refill.ask(5.0, 0.0) == 2 and refill.lost == 1
    assert refill.ask(5.1, 0.0) is None


@pytest.mark.parametrize(('latency', 'timeout'), [(0.01, 1.0), (0.5, 2.0), (3.0, 5.0)])
def test_request_is_made_again_sooner_where_answers_are_known_to_be_quick(
    refill, latency, timeout
):
    refill.expect(latency)
    refill.ask(0.0, 0.0)
    assert refill.ask(timeout - 0.01, 0.0) is None
    assert refill.ask(timeout, 0.0) == 2 and refill.lost == 1


def test_late_answer_is_welcome_but_leaves_the_newer_request_open(refill):
    refill.ask(0.0, 0.0)
    refill.ask(5.0, 0.0)
    refill.answered(1)
    assert refill.welcomes(1) and refill.open == 2


def test_what_was_asked_for_before_it_forgot_is_unwelcome(refill):
    refill.ask(0.0, 0.0)
    refill.forget()
    assert not refill.welcomes(1)
    assert refill.ask(0.0, 0.0) == 2 and refill.welcomes(2)


def test_numbers_go_beyond_an_answer_that_was_never_asked_for(refill):
    refill.answered(57)
    assert refill.ask(0.0, 0.0) == 58


def test_clock_that_steps_back_does_not_lose_the_open_request(refill):
    refill.ask(100.0, 0.0)
    assert refill.ask(3.0, 0.0) is None and refill.lost == 0

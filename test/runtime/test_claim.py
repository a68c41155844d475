# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The claim on a robot: one owner, who is named, and none after its death."""

import os
import signal
import subprocess
import sys

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.runtime.claim import Claim, owner

DOMAIN = f'test-{os.getpid()}'  # no number: no robot of this machine has it
HOLD = (
    'import sys, time; from vla_ros.runtime.claim import Claim;'
    f'claim = Claim("/joint_commands", "{DOMAIN}"); print(flush=True); time.sleep(600)'
)
WORDS = ('--ros-args', '-r', '__node:=action_queue', '-r', '__ns:=/left')


@pytest.fixture
def holder():
    """Return a process that has the claim and looks like a node."""
    command = [sys.executable, '-c', HOLD, *WORDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_second_commander_is_refused_and_told_who_has_the_robot(holder):
    expected = rf'process {holder.pid} \(node /left/action_queue\) commands it: end that one'
    with pytest.raises(ConfigError, match=expected):
        Claim('/joint_commands', DOMAIN)
    assert owner('/joint_commands', DOMAIN) == holder.pid


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_the_claim_ends_with_its_owner_however_that_ends(holder, number):
    holder.send_signal(number)
    holder.wait()
    Claim('/joint_commands', DOMAIN).release()


def test_another_topic_and_another_domain_are_other_robots(holder):
    Claim('/right/joint_commands', DOMAIN).release()
    Claim('/joint_commands', f'{DOMAIN}-other').release()


def test_a_topic_may_have_any_length():
    topic = f'/{"far_away/" * 25}joint_commands'
    claim = Claim(topic, DOMAIN)
    assert owner(topic, DOMAIN) == os.getpid()
    assert owner(topic.replace('far_away/far', 'far'), DOMAIN) is None
    claim.release()
    assert owner(topic, DOMAIN) is None


def test_a_claim_that_was_released_is_free():
    for _ in range(2):
        claim = Claim('/joint_commands', f'{DOMAIN}-again')
        assert owner('/joint_commands', f'{DOMAIN}-again') == os.getpid()
        claim.release()
    assert owner('/joint_commands', f'{DOMAIN}-again') is None


def test_who_asks_often_is_still_told_the_owner(holder):
    for _ in range(200):
        assert owner('/joint_commands', DOMAIN) == holder.pid

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node as a process: real ones, told to end in every way, and started in poor surroundings."""

import os
import signal
import subprocess
import sys

import pytest
from patience import PATIENCE

from vla_ros.deployment.restarts import REFUSED
from vla_ros.runtime.tether import LAUNCHER

HANGING = """
import time
from vla_ros.ros import process
from vla_ros.ros.lifecycle import VlaNode

class Hanging(VlaNode):
    def activate(self):
        self.create_timer(0.01, self.hang)

    def hang(self):
        print('hangs', flush=True)
        while True:
            time.sleep(0.1)

    def halt(self):
        print('halts', flush=True)

process.LONGEST_EXIT = 1.0
raise SystemExit(process.spin_node(lambda: Hanging('hanging')))
"""
IDLE = """
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.process import spin_node

class Idle(VlaNode):
    def activate(self):
        self.create_timer(0.01, lambda: print('idle', flush=True))

raise SystemExit(spin_node(lambda: Idle('idle')))
"""


def start(code, *words, **env):
    """Start a node and wait until it works."""
    process = subprocess.Popen(
        [sys.executable, '-c', code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | env,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # whatever nohup said
    )
    process.stdout.readline()
    return process


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_every_signal_that_ends_a_process_lets_the_node_stop(number):
    process = start(IDLE)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, 'Traceback' in said) == (0, False)


def test_a_node_that_hangs_in_a_callback_is_told_to_halt_and_ends_all_the_same():
    process = start(HANGING)
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=PATIENCE)
    assert out == 'halts\n'
    assert process.returncode == 1 and 'Timeout' in said


def test_a_node_ends_with_its_launcher_though_that_is_not_its_parent():
    with subprocess.Popen(['sleep', '600']) as launcher:
        process = start(IDLE, **{LAUNCHER: str(launcher.pid)})
        launcher.kill()
        launcher.wait()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0


def test_a_node_without_a_home_works():
    env = {name: value for name, value in os.environ.items() if name not in ('HOME', 'ROS_HOME')}
    process = subprocess.Popen(
        [sys.executable, '-c', IDLE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    assert process.stdout.readline() == b'idle\n'
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_a_name_that_ros_does_not_allow_ends_the_start_with_one_line():
    words = ['--ros-args', '-r', '__node:=my-arm']
    done = subprocess.run([sys.executable, '-c', IDLE, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert '__node:=my-arm' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('word', ['rate:=-5.0', 'robot:=nobody', 'unheard_of:=1'])
def test_a_node_that_its_parameters_cannot_make_is_not_to_be_started_again(word):
    node = [sys.executable, '-m', 'vla_ros.nodes.action_queue', '--ros-args', '-p', word]
    done = subprocess.run(node, capture_output=True, text=True)
    assert done.returncode == REFUSED
    assert word.partition(':')[0] in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('rule', 'told'),
    [
        ('diagnostcs:=elsewhere', True),
        ('/idle/get_stat:=/elsewhere', True),
        ('diagnostics:=elsewhere', False),
        ('joint_commands:=elsewhere', False),  # of a node that is set up otherwise
        ('__ns:=/left', False),
    ],
)
def test_a_remapping_of_a_name_that_is_nearly_one_is_told(rule, told):
    process = start(IDLE, '--ros-args', '-r', rule)
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE)
    assert (f'remapping {rule}: got a name' in said) is told
    assert ('did you mean' in said) is told

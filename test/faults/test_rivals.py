# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Somebody else commands the arm, too, or is about to, while it moves."""

import subprocess
import time

import pytest
from faults.graph import UP, start_of
from faults.observe import BRAKING

pytestmark = [pytest.mark.faults, pytest.mark.slow]
NOTICED = 0.5  # s, promised, from a commander that joins until the arm is told to hold


def test_a_second_run_for_the_same_robot_is_refused_and_the_first_goes_on(start_swing):
    run = start_swing(UP)
    run.begin()
    pid, began = run.graph.pids()['action_queue'], time.time()
    second = subprocess.run(start_of(UP, run.graph.path), capture_output=True, text=True)
    assert second.returncode == 2
    assert f'process {pid} (node /action_queue) commands it' in second.stderr
    assert 'sim' not in second.stdout and 'driver' not in second.stdout, 'it started a node'
    run.went_on(began)
    run.conclude('second vla_ros up', f'refused in {time.time() - began:.1f} s; the arm went on')


def test_a_teleoperation_that_joins_makes_the_arm_hold_until_it_is_enabled(start_swing):
    from std_srvs.srv import SetBool
    from trajectory_msgs.msg import JointTrajectory

    from vla_ros.ros import qos

    run = start_swing(UP)
    run.begin()
    began, node = time.time(), run.monitor.node
    rival = node.create_publisher(JointTrajectory, 'joint_commands', qos.LATEST)
    noticed = run.noticed(began, '/monitor commands this arm, too')
    refused = run.monitor.call(SetBool, 'action_queue/enable', SetBool.Request(data=True))
    assert not refused.success and '/monitor commands this arm' in refused.message
    held = run.held(began, time.time())
    node.destroy_publisher(rival)
    run.noticed(time.time(), 'not enabled')
    ended = time.time()
    assert run.monitor.call(SetBool, 'action_queue/enable', SetBool.Request(data=True)).success
    run.conclude(
        'teleoperation joins',
        'held; named; went on when enabled',
        detected=noticed.time - began,
        held=held - began,
        recovered=run.went_on(ended) - ended,
    )
    assert noticed.time - began <= NOTICED + run.slack()
    assert held - began <= NOTICED + BRAKING + run.slack()

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever comes on its topics, the action queue goes on, and sends nothing that is not sound."""

import numpy as np
import pytest
from arm import JOINTS, MEASURED, Arm
from builtin_interfaces.msg import Time

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.core.status import Tick
from vla_ros.msg import EpisodeEvent, QueueStatus, StageTiming
from vla_ros.ros import messages

ROBOT = load_robot(find_config('robots', 'so101'))
CALM = ('rate:=50.0', 'enabled:=true', 'budget_chunks:=0', 'joint_state_timeout:=5.0')
ROW = len(JOINTS)


@pytest.fixture
def arm(start_graph):
    """Return an arm that moves steadily, 0.4 rad/s, for another 4 s."""
    arm = Arm(start_graph(*CALM))
    arm.begin()
    arm.play(np.linspace(0, 2.0, 51))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.graph.spin(0.2)
    return arm


def sound(arm):
    """Say whether every command is finite and within the limits, and stamped in order."""
    positions = np.array(arm.positions)
    inside = (positions <= ROBOT.upper + 1e-6) & (positions >= ROBOT.lower - 1e-6)
    return bool(np.isfinite(positions).all() and inside.all())


ABSURD = {
    'a million rows': {'values': [0.0] * ROW * 1_000_000},
    'a step of a microsecond': {'step': 1e-6, 'values': [0.0] * ROW * 60},
    'the smallest step there is': {'step': 5e-324},
    'an endless step': {'step': float('inf')},
    'a step that is no number': {'step': float('nan')},
    'a step back': {'step': -0.1},
    'an age long': {'step': 1e9},
    'ten thousand joints': {'joint_names': [f'j{i}' for i in range(10_000)]},
    'a joint twice': {'joint_names': [*JOINTS[:-1], JOINTS[0]]},
    'five thousand timings': {'timings': [StageTiming()] * 5000},
    'positions out of this world': {'values': [3e38] * ROW * 20},
    'positions in degrees': {'values': [57.3] * ROW * 20},
    'the end of time': {'start': Time(sec=2**31 - 1, nanosec=2**32 - 1)},
    'before time': {'start': Time(sec=-(2**31))},
}


@pytest.mark.parametrize('absurd', ABSURD)
def test_absurd_chunk_changes_nothing_and_the_emergency_stop_still_works(arm, absurd):
    faults = arm.node._diagnostics.faults
    for _ in range(3):
        arm.play_message(**{'sequence': arm.status.request_id + 1, **ABSURD[absurd]})
        arm.graph.spin(0.1)
    arm.graph.until(lambda: sum(faults.values()) > 0)
    assert arm.status.mode == QueueStatus.RUNNING and arm.node._loops[-1].is_alive()
    arm.graph.until(lambda: arm.positions[-1] > arm.positions[0])
    arm.trigger('estop')
    arm.graph.until(lambda: arm.status.mode == QueueStatus.ESTOP)
    assert sound(arm) and arm.status.accepted == 1


def test_many_chunks_at_once_are_worked_off_tick_by_tick(arm):
    before = arm.status.accepted
    for k in range(40):
        arm.play(np.linspace(0.1, 0.4, 900), step=0.01, sequence=arm.status.request_id + k)
    arm.graph.spin(0.5)
    assert arm.status.accepted > before and arm.node._loops[-1].is_alive() and sound(arm)


@pytest.mark.parametrize('seconds', [2**31 - 1, -(2**31), 0])
def test_episode_that_another_clock_stamped_does_not_stop_the_arm_for_good(arm, seconds):
    arm.announce(EpisodeEvent.RESET, seconds)
    arm.graph.until(lambda: arm.status.mode == QueueStatus.WAITING and arm.status.request)
    arm.play(np.linspace(0, 0.2, 51))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)


def test_joint_states_in_degrees_make_the_arm_hold_and_ask_for_the_units(arm):
    arm.feel(np.rad2deg(MEASURED) + 90.0)
    arm.graph.until(lambda: arm.status.mode == QueueStatus.HOLDING)
    assert 'is the driver in other units' in arm.status.reason
    arm.graph.spin(0.2)
    assert sound(arm)
    arm.graph.until(lambda: arm.feel() or arm.status.mode == QueueStatus.WAITING)


@pytest.mark.parametrize('fault', [np.nan, np.inf, 1e3, -0.9])
def test_unsound_command_is_never_sent_and_the_arm_brakes(arm, fault, monkeypatch, capfd):
    """Whatever may be wrong in what computes the commands: the guard stands behind it."""
    executor, works = arm.node._executor, arm.node._executor.tick

    def tick(now, measured, elapsed=None):
        result = works(now, measured, elapsed)
        positions = result.positions + np.array([0.0, 0.0, fault, 0.0, 0.0, 0.0])
        return Tick(positions, result.mode, result.request, True, result.elapsed)

    monkeypatch.setattr(executor, 'tick', tick)
    arm.graph.until(lambda: arm.status.mode == QueueStatus.HOLDING)
    assert 'elbow_flex' in arm.status.reason or 'finite position' in arm.status.reason
    arm.graph.spin(0.3)
    assert sound(arm) and executor.counters.refused >= 1 and not executor.enabled
    steps = np.abs(np.diff(arm.positions, axis=0))
    assert (steps <= ROBOT.velocity / 50 * 3).all()
    monkeypatch.undo()
    assert 'not sent; the arm holds' in capfd.readouterr().err
    assert arm.enable().success
    arm.graph.until(lambda: arm.status.mode == QueueStatus.WAITING)


def test_control_loop_that_crashes_brakes_the_arm_before_the_process_ends(arm, monkeypatch):
    def tick(now, measured, elapsed=None):
        raise OverflowError('unforeseen')

    moving = len(arm.commands)
    monkeypatch.setattr(arm.node._executor, 'tick', tick)
    arm.graph.until(lambda: arm.node.finished)
    arm.graph.spin(0.1)
    assert arm.node.exit_code == 1 and len(arm.commands) > moving
    assert not arm.node._commands.guard.motion.moving and sound(arm)
    times = [messages.seconds(command.header.stamp) for command in arm.commands]
    speed = np.abs(np.diff(arm.positions, axis=0)).max(axis=1) / np.diff(times)
    assert speed[-2:].min() < 0.05  # it was told to stand, at the end

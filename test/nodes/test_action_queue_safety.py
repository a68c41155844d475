# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The action queue node when it must stop, must not start, or is only watched."""

import numpy as np
import pytest
from arm import MEASURED, Arm
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.msg import QueueStatus
from vla_ros.ros import messages, qos

ROBOT = load_robot(find_config('robots', 'so101'))
RATE = 50.0  # Hz
CALM = (f'rate:={RATE}', 'enabled:=true', 'budget_chunks:=0', 'joint_state_timeout:=5.0')


@pytest.fixture
def start_arm(start_graph):
    """Return the function that starts an enabled action queue."""
    return lambda *parameters: Arm(start_graph(*CALM, *parameters))


def sweep(arm):
    """Have the arm move steadily."""
    arm.begin()
    arm.play(np.linspace(0, 2.0, 51))  # 0.4 rad/s
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.graph.spin(0.2)


def keeps_its_velocity(arm):
    """Say whether no command is much faster than the joints; the core tests are the exact ones."""
    times = [messages.seconds(command.header.stamp) for command in arm.commands]
    velocities = np.diff(arm.positions, axis=0) / np.diff(times)[:, None]
    return (np.abs(velocities) <= ROBOT.velocity * 1.5).all()  # stamps are read before the ticks


@pytest.mark.parametrize('way', ['topic', 'service'])
def test_emergency_stop_is_latched_until_it_is_armed_and_enabled(start_arm, way):
    arm = start_arm()
    sweep(arm)
    button = arm.graph.publisher(Bool, 'estop', qos.LATCHED)
    if way == 'topic':
        button.publish(Bool(data=True))
    else:
        assert arm.trigger('estop').success
    arm.graph.until(lambda: arm.status.mode == QueueStatus.ESTOP)
    assert 'emergency stop' in arm.status.reason and not arm.status.request
    arm.graph.spin(0.1)
    assert keeps_its_velocity(arm)
    arm.commands.clear()
    refused = arm.enable()
    assert not refused.success and 'call ~/rearm first' in refused.message
    if way == 'topic':
        pressed = arm.trigger('rearm')
        assert not pressed.success and pressed.message == 'topic estop still says true'
        button.publish(Bool(data=False))
        arm.graph.spin(0.2)
    assert arm.status.mode == QueueStatus.ESTOP and not arm.commands
    assert arm.trigger('rearm').success
    arm.graph.until(lambda: arm.status.mode == QueueStatus.HOLDING)
    arm.graph.spin(0.1)
    assert not arm.commands
    assert arm.enable().success
    arm.graph.until(lambda: arm.commands and arm.status.request)


def test_button_that_was_pressed_before_the_node_came_up_counts(start_graph):
    graph = start_graph(*CALM)
    button = graph.peer.create_publisher(Bool, 'estop', qos.LATCHED)
    button.publish(Bool(data=True))
    arm = Arm(graph)
    arm.feel()
    arm.graph.until(lambda: arm.statuses and arm.status.mode == QueueStatus.ESTOP)
    arm.graph.spin(0.1)
    arm.commands.clear()
    arm.graph.spin(0.2)
    assert not arm.commands


def test_joint_states_that_cease_stop_the_arm_and_it_says_why(start_arm):
    arm = start_arm('joint_state_timeout:=0.08')
    arm.graph.until(lambda: arm.feel() or (arm.statuses and arm.status.request))
    arm.fall_silent()
    silent = arm.now()
    arm.graph.until(lambda: arm.status.mode == QueueStatus.HOLDING)
    assert (
        'joint state of shoulder_pan is 0.' in arm.status.reason
        and 'is the driver running' in arm.status.reason
    )
    arm.graph.spin(0.2)
    last = messages.seconds(arm.commands[-1].header.stamp)
    assert last - silent < 0.1 + 2 / RATE
    arm.graph.until(lambda: arm.feel() or arm.status.mode == QueueStatus.WAITING)


def test_dry_run_computes_everything_and_commands_nothing(start_graph):
    arm = Arm(start_graph(*CALM, 'dry_run:=true'), commands='action_queue/dry_run_commands')
    real = []
    arm.graph.peer.create_subscription(JointTrajectory, 'joint_commands', real.append, qos.LATEST)
    sweep(arm)
    assert len(arm.commands) > 5 and np.ptp(arm.positions, axis=0).max() > 0.01
    assert not real and arm.graph.peer.count_publishers('joint_commands') == 0


def test_arm_whose_controller_leaves_holds_and_begins_where_it_is_found(start_arm):
    arm = start_arm()
    sweep(arm)
    for each in arm.graph.peer.subscriptions:
        if each.topic_name == '/joint_commands':
            arm.graph.peer.destroy_subscription(each)
    reason = 'nobody listens to /joint_commands: is the controller of the arm there?'
    arm.graph.until(lambda: arm.status.reason == reason)
    assert arm.status.mode == QueueStatus.HOLDING
    arm.feel(MEASURED + 0.3)  # somebody moves it meanwhile
    arm.graph.spin(0.5)
    heard = arm.graph.collect(JointTrajectory, 'joint_commands', qos.EVERY_RELIABLE)
    arm.graph.until(lambda: heard and arm.status.request)
    np.testing.assert_allclose(heard[0].points[0].positions, MEASURED + 0.3)


def test_chunk_that_jumps_is_refused_by_name(start_arm, capfd):
    arm = start_arm()
    first = arm.begin()
    arm.play(np.repeat([0.0, 2.0], 25))  # in one step of 0.1 s
    arm.graph.until(lambda: arm.status.request_id > first)
    assert (arm.status.rejected, arm.status.accepted) == (1, 0)
    error = capfd.readouterr().err
    assert 'jumps further than the joints can move' in error and 'times as fast as it can' in error


@pytest.mark.parametrize('sequence', [2**63, 2**64 - 1])
def test_number_of_a_chunk_near_the_end_of_its_type_does_not_stop_the_node(start_arm, sequence):
    arm = start_arm()
    arm.begin()
    arm.play(np.full(50, 0.02), sequence=sequence)
    arm.graph.until(lambda: arm.status.rejected == 1)
    arm.play(np.full(50, 0.02))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)


def test_budget_is_measured_and_told_before_the_arm_moves(start_arm, capfd):
    arm = start_arm('budget_chunks:=2')
    first = arm.begin()
    arm.play(np.full(50, 0.02))
    arm.graph.until(lambda: arm.status.request_id > first)
    assert arm.status.mode == QueueStatus.WAITING
    arm.play(np.full(50, 0.02))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    assert arm.status.accepted == 1 and np.isfinite(arm.status.forecast)
    captured = capfd.readouterr()
    assert 'budget: latency' in captured.out + captured.err


def test_arm_that_would_starve_is_not_let_go(start_arm, capfd):
    arm = start_arm('budget_chunks:=2', 'chunk_size_threshold:=0.0')
    arm.begin()
    arm.graph.spin(0.3)  # older observations are from before the start
    for _ in range(3):
        request = arm.status.request_id
        arm.play(np.full(50, 0.02), start=arm.now() - 0.2)
        arm.graph.until(lambda request=request: arm.status.request_id > request)
    assert arm.status.mode == QueueStatus.WAITING and arm.status.accepted == 0
    assert 'the arm is not let go' in arm.status.reason and 'raise it' in arm.status.reason
    assert 'the arm is not let go' in capfd.readouterr().err


def test_automatic_budget_raises_the_threshold_and_says_so(start_arm, capfd):
    arm = start_arm('budget_chunks:=2', 'chunk_size_threshold:=0.0', 'auto_budget:=true')
    arm.begin()
    arm.graph.spin(0.3)  # older observations are from before the start
    request = arm.status.request_id
    arm.play(np.full(50, 0.02), start=arm.now() - 0.2)
    arm.graph.until(lambda: arm.status.request_id > request)
    arm.play(np.full(50, 0.02), start=arm.now() - 0.2)
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    assert arm.status.threshold > 0.04
    captured = capfd.readouterr()
    assert 'chunk_size_threshold raised from 0.00' in captured.out + captured.err


def test_policy_that_continues_the_queue_is_sent_what_is_queued(start_arm):
    arm = start_arm('real_time_chunking:=true', 'chunk_size_threshold:=1.0')
    arm.begin()
    chunk = arm.play(np.linspace(0, 0.5, 51))
    arm.graph.until(lambda: arm.status.request and arm.status.queued)
    queued = messages.chunk_from_msg(arm.status.queued[0], ROBOT.joint_names)
    now = messages.seconds(arm.status.header.stamp)
    assert queued.start <= now + 1 / RATE and now < queued.end
    np.testing.assert_allclose(queued.values[-1], chunk.values[-1], atol=1e-6)


def test_deactivated_in_motion_the_arm_brakes(start_arm):
    arm = start_arm()
    sweep(arm)
    arm.node.trigger_deactivate()
    assert not arm.node._commands.guard.motion.moving
    arm.graph.spin(0.1)
    assert keeps_its_velocity(arm)

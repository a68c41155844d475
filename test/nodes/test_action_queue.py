# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The action queue node, ticking: what it commands, asks for, refuses, and how it stops."""

import signal
import subprocess
import sys

import numpy as np
import pytest
import rclpy
from arm import JOINTS, MEASURED, Arm
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from patience import PATIENCE
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.errors import ConfigError
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.ros import messages, qos

RATE = 50.0  # Hz


@pytest.fixture
def start_arm(start_graph):
    """Return the function that starts an enabled action queue."""
    # what is patient here has tests of its own below
    patience = ('budget_chunks:=0', 'joint_state_timeout:=5.0')
    settings = (f'rate:={RATE}', 'enabled:=true', *patience)
    return lambda *parameters: Arm(start_graph(*settings, *parameters))


def test_chunk_is_followed_at_the_control_rate(start_arm):
    arm = start_arm()
    arm.begin()
    chunk = arm.play(np.linspace(0, 0.4, 21))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.commands.clear()
    arm.graph.spin(1.0)
    times = np.array([messages.seconds(command.header.stamp) for command in arm.commands])
    delay = arm.status.latency  # the arm stood still until the chunk came, and the plan with it
    expected = [chunk.at(time - delay) for time in times]
    assert 0 < delay < 0.1
    np.testing.assert_allclose(arm.positions, expected, atol=1e-5)
    assert np.median(np.diff(times)) == pytest.approx(1 / RATE, abs=2e-3)
    assert {tuple(command.joint_names) for command in arm.commands} == {JOINTS}
    assert arm.commands[0].points[0].time_from_start.nanosec == 20_000_000
    assert (arm.status.accepted, arm.status.limited, arm.status.reason) == (1, 0, '')


def test_arm_is_held_where_it_is_until_the_first_chunk(start_arm):
    arm = start_arm()
    arm.begin()
    arm.feel(MEASURED + 0.1)  # it sags: that is no reason to follow
    arm.graph.spin(0.2)
    assert len(arm.positions) > 5
    assert (np.array(arm.positions) == MEASURED).all()
    assert (arm.status.mode, arm.status.reason) == (QueueStatus.WAITING, 'waiting for a chunk')
    assert (arm.status.remaining, arm.status.fill, arm.status.idle) == (0.0, 0.0, 0.0)


def test_nothing_is_commanded_before_the_joints_are_known(start_arm):
    arm = start_arm()
    arm.graph.spin(0.4)
    assert not arm.commands
    assert len(arm.statuses) >= 3  # 10 in a second
    assert arm.status.mode == QueueStatus.HOLDING and not arm.status.request
    assert 'no joint state' in arm.status.reason


def test_operator_enables_and_disables(start_graph):
    arm = Arm(start_graph(f'rate:={RATE}', 'joint_state_timeout:=5.0', 'budget_chunks:=0'))
    arm.feel()
    arm.graph.until(lambda: arm.statuses and arm.status.reason == 'not enabled')
    assert not arm.commands
    assert (arm.status.mode, arm.status.reason) == (QueueStatus.HOLDING, 'not enabled')
    assert not arm.status.request
    assert arm.enable().success
    arm.graph.until(lambda: arm.commands and arm.status.request)
    assert arm.enable(False).success
    arm.commands.clear()
    arm.graph.spin(0.2)
    assert not arm.commands and not arm.status.request


def test_inactive_queue_can_not_be_enabled_and_forgets_that_it_was_asked_to(start_graph):
    arm = Arm(start_graph(f'rate:={RATE}'))
    arm.node.trigger_deactivate()
    answer = arm.enable()
    assert not answer.success and answer.message == 'not active: activate the node first'
    arm.node.trigger_activate()
    arm.graph.until(lambda: arm.feel() or arm.statuses)
    assert not arm.commands and arm.status.reason == 'not enabled'


def test_deactivated_queue_commands_nothing_and_goes_on_from_where_the_arm_is(start_arm):
    arm = start_arm()
    arm.begin()
    arm.play(np.full(50, 0.1))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.node.trigger_deactivate()
    arm.graph.spin(0.1)
    arm.commands.clear()
    arm.graph.spin(0.2)
    assert not arm.commands
    arm.feel(-MEASURED)
    arm.node.trigger_activate()
    arm.graph.until(lambda: arm.commands)
    assert (np.array(arm.positions) == -MEASURED).all()


def test_queue_is_led_through_its_states_by_its_services(start_arm):
    arm = start_arm()
    client = arm.graph.peer.create_client(ChangeState, 'action_queue/change_state')
    arm.graph.until(client.service_is_ready)
    for name in ('DEACTIVATE', 'CLEANUP', 'CONFIGURE', 'ACTIVATE'):
        number = getattr(Transition, f'TRANSITION_{name}')
        future = client.call_async(ChangeState.Request(transition=Transition(id=number)))
        arm.graph.until(future.done)
        assert future.result().success
    assert arm.enable(False).success


def test_queue_that_runs_dry_holds_says_so_and_goes_on_with_the_next_chunk(start_arm, capfd):
    arm = start_arm()
    first = arm.begin()
    chunk = arm.play([0.0, 0.02, 0.04])
    arm.graph.until(lambda: arm.status.mode == QueueStatus.STARVED)
    arm.commands.clear()
    arm.graph.spin(0.3)
    np.testing.assert_allclose(arm.positions, [chunk.values[-1]] * len(arm.commands), atol=1e-6)
    assert (arm.status.starved, arm.status.reason) == (1, 'the queue ran dry')
    arm.graph.until(lambda: arm.status.idle > 0.2)
    assert 'the queue ran dry' in capfd.readouterr().err
    assert arm.status.request and arm.status.request_id == first + 1
    arm.play(np.full(50, 0.04))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)


def test_synchronous_queue_plays_a_late_chunk_from_its_first_row(start_arm):
    arm = start_arm('mode:=sync')
    arm.begin()
    arm.play(np.linspace(0, 0.2, 11), start=arm.now() - 0.05)
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    assert not arm.status.request
    arm.graph.until(lambda: arm.status.mode == QueueStatus.WAITING)
    assert np.array(arm.positions).max() == pytest.approx(MEASURED.max() + 0.2)
    assert np.abs(np.diff(arm.positions, axis=0)).max() < 0.02
    assert arm.status.request and arm.status.starved == 0


@pytest.mark.parametrize(
    ('fault', 'complaint'),
    [
        ({'joint_names': ['a', 'b', 'c', 'd', 'e', 'f']}, "expected also ['shoulder_pan'"),
        ({'values': [float('nan')] * 6}, 'got NaN or infinity, expected finite positions'),
        ({'values': [0.0] * 7}, 'got 7 values for 6 joints, expected whole rows'),
        ({'values': []}, 'got 0 values for 6 joints'),
        ({'step': 0.0}, 'with a step of 0.0 s, expected a step of at least'),
        ({'start': messages.stamp(9e9 / 8)}, 'ended before it arrived'),
    ],
)
def test_chunk_that_is_no_use_is_reported_counted_and_asked_for_anew(
    start_arm, capfd, fault, complaint
):
    arm = start_arm()
    first = arm.begin()
    arm.play_message(**fault)
    arm.graph.until(lambda: arm.status.request_id > first)
    arm.graph.spin(0.1)
    assert (np.array(arm.positions) == MEASURED).all()
    assert (arm.status.rejected, arm.status.accepted) == (1, 0)
    assert complaint in capfd.readouterr().err
    arm.play(np.full(50, 0.02))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)


def test_columns_of_a_chunk_are_mapped_by_name(start_arm):
    arm = start_arm()
    arm.begin()
    arm.play_message(joint_names=JOINTS[::-1], values=list(MEASURED[::-1]) * 20)
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    np.testing.assert_allclose(arm.positions, [MEASURED] * len(arm.commands), atol=1e-6)


def test_joint_state_that_makes_no_sense_stops_the_commands_until_it_does(start_arm, capfd):
    arm = start_arm()
    arm.begin()
    arm.play(np.full(100, 0.02))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.feel([np.nan] * 6)
    arm.commands.clear()
    arm.graph.spin(0.2)
    assert not arm.commands
    assert arm.status.mode == QueueStatus.HOLDING and 'no joint state' in arm.status.reason
    said = capfd.readouterr().err
    assert 'joint state: got' in said and 'the arm holds: no joint state' in said
    moved = MEASURED + 0.1  # by hand, meanwhile
    arm.graph.until(lambda: arm.feel(moved) or arm.commands)
    assert (np.array(arm.positions) == moved).all()


def test_reset_begins_at_the_new_pose_and_refuses_what_was_seen_before(start_arm, capfd):
    arm = start_arm()
    arm.begin()
    arm.play(np.full(100, 0.1))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.fall_silent()
    arm.graph.spin(0.1)
    began = arm.now()
    arm.announce(EpisodeEvent.RESET, began)
    arm.commands.clear()
    arm.feel(MEASURED, time=began - 0.01)  # was under way when the arm was put back
    assert not arm.commands
    home = MEASURED + 0.3
    arm.graph.until(lambda: arm.feel(home) or (arm.commands and arm.status.request))
    before = arm.status.rejected
    arm.play(np.full(100, 0.1), start=began - 0.1)
    arm.graph.until(lambda: arm.status.rejected > before)
    np.testing.assert_array_equal(arm.positions, [home] * len(arm.commands))
    assert 'the arm holds' not in capfd.readouterr().err  # that is how an episode begins


def test_after_the_last_episode_the_arm_holds_without_complaint(start_arm, capfd):
    arm = start_arm()
    arm.begin()
    arm.play(np.linspace(0, 0.04, 5))
    arm.graph.until(lambda: arm.status.mode == QueueStatus.RUNNING)
    arm.announce(EpisodeEvent.DONE, arm.now())
    arm.commands.clear()
    arm.graph.spin(0.7)
    assert not arm.commands and not arm.status.request
    assert (arm.status.mode, arm.status.reason) == (QueueStatus.HOLDING, 'no episode follows')
    assert (arm.status.starved, capfd.readouterr().err) == (0, '')
    arm.announce(EpisodeEvent.RESET, arm.now())
    arm.begin()


def test_slow_rate_tells_the_controller_its_whole_period(start_graph):
    arm = Arm(start_graph('rate:=1.0', 'enabled:=true'))
    arm.graph.until(lambda: arm.feel() or arm.commands)
    time = arm.commands[0].points[0].time_from_start
    assert (time.sec, time.nanosec) == (1, 0)


def test_diagnostics_show_the_mode_and_the_budget(start_arm):
    arm = start_arm()
    reports = arm.graph.collect(DiagnosticArray, '/diagnostics', 10)
    for _ in range(3):
        arm.begin()
        arm.play(np.full(30, 0.02))
        arm.graph.until(lambda: not arm.status.request)
        arm.enable(False), arm.enable()
    reports.clear()
    arm.graph.until(lambda: reports)
    values = {item.key: item.value for item in reports[-1].status[0].values}
    assert values['mode'] == 'WAITING' and values['accepted'] == '3'
    assert 'needs chunk_size_threshold' in values['budget']


@pytest.mark.parametrize(
    ('parameter', 'complaint'),
    [
        ('robot:=r2d2', "robots: got 'r2d2', expected one of so101"),
        ('mode:=fast', "mode: got 'fast', expected one of async, sync"),
        (
            'aggregate_fn_name:=median',
            "aggregate_fn_name: got 'median', expected one of latest_only",
        ),
        ('chunk_size_threshold:=1.5', 'parameter chunk_size_threshold'),
        ('rate:=0.0', 'parameter rate'),
    ],
)
def test_parameter_that_makes_no_sense_stops_the_start(start_graph, parameter, complaint):
    start_graph(parameter)
    with pytest.raises(ConfigError, match=complaint):
        ActionQueueNode()


def test_no_ml_library_shares_the_process():
    script = (
        'import sys, vla_ros.nodes.action_queue; '
        'print(*{"onnxruntime", "torch", "mujoco", "cv2", "lerobot"} & set(sys.modules))'
    )
    result = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    assert (result.returncode, result.stdout.strip()) == (0, ''), result.stderr


def test_control_thread_ends_quietly_when_ros_goes_first(start_arm, capfd):
    arm = start_arm('rate:=500.0')
    arm.begin()
    rclpy.shutdown()
    arm.node._loops[-1].join(timeout=PATIENCE)
    assert not arm.node._loops[-1].is_alive()
    assert arm.node.exit_code == 0
    assert 'Traceback' not in capfd.readouterr().err


def test_ctrl_c_in_motion_ends_the_process_cleanly(start_graph):
    graph = start_graph()
    command = [
        sys.executable,
        '-m',
        'vla_ros.nodes.action_queue',
        '--ros-args',
        '-p',
        'enabled:=true',
        '-p',
        'rate:=1000.0',
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    joints = graph.publisher(JointState, 'joint_states', qos.SENSOR)
    commands = graph.collect(JointTrajectory, 'joint_commands', qos.LATEST)
    msg = JointState(name=list(JOINTS), position=list(MEASURED))
    graph.until(lambda: joints.publish(msg) or len(commands) > 20)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert 'Traceback' not in errors and 'RCLError' not in errors


def test_threshold_and_blending_can_be_set_while_the_arm_is_commanded(start_arm):
    arm = start_arm()
    arm.begin()
    changes = {'chunk_size_threshold': 0.6, 'aggregate_fn_name': 'latest_only'}
    results = arm.node.set_parameters([Parameter(n, value=v) for n, v in changes.items()])
    assert all(result.successful for result in results)
    arm.graph.until(lambda: arm.status.threshold == pytest.approx(0.6))


def test_rate_can_be_set_after_a_clean_up(start_arm):
    arm = start_arm()
    [refused] = arm.node.set_parameters([Parameter('rate', value=100.0)])
    assert not refused.successful and 'lifecycle set /action_queue cleanup' in refused.reason
    arm.node.trigger_deactivate()
    arm.node.trigger_cleanup()
    [result] = arm.node.set_parameters([Parameter('rate', value=100.0)])
    assert result.successful and arm.node.start()
    arm.begin()
    assert arm.commands[-1].points[0].time_from_start.nanosec == 10_000_000


def test_what_the_node_dumps_can_be_loaded_again(start_arm):
    """As `ros2 param dump` and `ros2 param load` do; one parameter is rclpy's own and constant."""
    node = start_arm().node
    own = [p for n, p in node._parameters.items() if n != 'start_type_description_service']
    results = dict(zip([p.name for p in own], node.set_parameters(own), strict=True))
    assert {name: r.reason for name, r in results.items() if not r.successful} == {}
    assert 'qos_overrides./joint_commands.publisher.reliability' in results

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The robot node on a simulated bus: what comes in, what goes out, and when it stops."""

import time

import numpy as np
import pytest
import rclpy.subscription

pytest.importorskip('scservo_sdk')

from robot_operator import Operator
from servos import CALIBRATION, ROBOT, simulated_arm
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import load_robot
from vla_ros.core.workspace import workspace_of
from vla_ros.hardware import sts3215
from vla_ros.nodes.robot import BEGIN, BRING, LED, RobotNode
from vla_ros.ros import qos
from vla_ros.runtime.latch import RUN

INFO = getattr(rclpy.subscription, 'MessageInfo', None)  # Jazzy has none
SENDER_KNOWN = 'publisher_gid' in getattr(INFO, '__annotations__', ())


def test_arm_goes_where_it_is_sent_and_tells_where_it_is(operate):
    arm = operate()
    here = arm.position
    assert list(arm.states[-1].name) == list(ROBOT.joint_names)
    arm.send(here + 0.2)
    arm.arrives(here + 0.2)


def test_arm_that_is_not_commanded_is_not_switched_on(operate):
    arm = operate()
    arm.graph.spin(0.3)
    assert not any(servo.get(sts3215.TORQUE_ENABLE) for servo in arm.bus.servos.values())


def test_silence_and_the_end_of_the_node_leave_the_arm_where_it_is(operate):
    arm = operate('speed:=0.1')
    here = arm.position
    arm.send(here + 1.0)
    arm.graph.until(lambda: (arm.position - here).max() > 0.1)
    arm.send(None)
    arm.graph.spin(1.0)
    held = arm.position
    assert (held - here).max() < 1.0
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, held, atol=0.005)
    arm.node.trigger_deactivate(), arm.node.trigger_cleanup()
    assert all(servo.get(sts3215.TORQUE_ENABLE) for servo in arm.bus.servos.values())


def test_cable_that_is_pulled_holds_the_arm_and_plugged_in_it_goes_on(operate):
    arm = operate()
    here = arm.position
    arm.send(here + 0.2)
    arm.arrives(here + 0.2)
    arm.bus.unplug()
    arm.graph.spin(0.5)
    arm.states.clear()
    arm.graph.spin(0.3)
    assert not arm.states  # where it is is not known, and not made up
    arm.bus.plug_in()
    arm.graph.until(lambda: arm.states)
    np.testing.assert_allclose(arm.position, here + 0.2, atol=0.01)
    arm.send(here)
    arm.arrives(here)


def test_motor_that_complains_stops_the_arm_until_it_is_armed_again(operate, capfd):
    arm = operate()
    here = arm.position
    arm.send(here + 0.1)
    arm.arrives(here + 0.1)
    arm.bus.servos[3].extra_faults = sts3215.Fault.OVERLOAD
    arm.graph.until(lambda: arm.obstacles and 'elbow_flex' in arm.obstacles[-1].data)
    arm.send(here)
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here + 0.1, atol=0.01)
    assert 'elbow_flex: its motor complains: overloaded; the arm stops' in capfd.readouterr().err
    arm.bus.servos[3].extra_faults = sts3215.Fault(0)
    arm.graph.spin(0.2)
    assert arm.call('rearm').success
    arm.arrives(here)
    assert arm.obstacles[-1].data == ''


def test_hot_motor_and_a_blocked_one_stop_the_arm(operate):
    arm = operate('max_current:=0.5', 'overload_time:=0.2')
    here = arm.position
    arm.bus.plant.blocked.add(2)
    arm.send(here + 0.3)
    arm.graph.until(lambda: arm.obstacles and 'shoulder_lift: ' in arm.obstacles[-1].data)
    assert 'A for' in arm.obstacles[-1].data
    arm.graph.spin(0.3)
    with arm.bus.lock:
        assert arm.bus.servos[2].get(sts3215.PRESENT_CURRENT) == 0  # it presses no more
    arm.bus.servos[2].temperature = 65.0
    arm.graph.spin(0.2)
    arm.send(None)
    assert arm.call('rearm').success
    arm.graph.until(lambda: 'degrees Celsius' in arm.obstacles[-1].data)


def test_unwell_motor_switches_no_arm_on_that_is_off(operate):
    arm = operate()
    arm.send(arm.position)
    arm.graph.until(lambda: all(arm.motors))
    arm.send(None)
    arm.graph.spin(0.5)
    assert arm.call('relax').success
    arm.graph.until(lambda: not any(arm.motors))
    arm.bus.servos[2].temperature = 65.0
    arm.graph.until(lambda: 'degrees Celsius' in arm.obstacles[-1].data)
    arm.graph.spin(0.3)
    assert not any(arm.motors)


def test_arm_that_was_stopped_presses_no_longer_than_any_other(operate):
    arm = operate('max_current:=0.3', 'overload_time:=1.0', 'speed:=0.05')
    arm.bus.plant.blocked.add(2)
    arm.send(arm.position + 0.18)
    much = 0.35 / sts3215.AMPERES_PER_UNIT
    arm.graph.until(lambda: arm.bus.servos[2].get(sts3215.PRESENT_CURRENT) > much)
    assert arm.call('estop').success
    arm.graph.until(lambda: 'A for' in arm.obstacles[-1].data)
    assert arm.obstacles[-1].data.startswith('emergency stop; shoulder_lift: ')
    arm.graph.until(lambda: arm.bus.servos[2].get(sts3215.PRESENT_CURRENT) == 0, timeout=2.0)
    arm.send(None)
    assert arm.call('rearm').success
    arm.graph.until(lambda: arm.obstacles[-1].data == '')


def test_arm_that_is_far_behind_its_command_is_stopped_without_a_step_back(operate):
    arm = operate('speed:=0.3')
    followed = arm.graph.collect(JointTrajectory, 'followed_commands', qos.EVERY_RELIABLE)
    arm.bus.plant.speed = 200.0  # ticks/s: a fifth of what it is told

    def behind():
        return followed[-1].points[0].positions[1] - arm.position[1]

    arm.send(arm.position + 1.5)
    arm.graph.until(lambda: followed and behind() > 0.6)
    stopped = len(arm.states)
    assert arm.call('estop').success
    arm.graph.until(lambda: behind() < 0.25)
    arm.graph.spin(1.5)
    assert abs(behind()) < 0.01
    seen = np.array([list(state.position) for state in arm.states[stopped:]])
    assert (np.maximum.accumulate(seen) - seen).max() < 0.005  # it never turned round
    told = np.array([list(each.points[0].positions) for each in followed])
    latest = 0.1  # s, of a tick on the machine that tests
    assert np.abs(np.diff(told, axis=0)).max() < 0.3 * 6.0 * latest + 0.02


def test_driver_that_is_started_anew_says_that_nothing_is_in_the_way(operate):
    arm = operate()
    arm.graph.until(lambda: arm.obstacles)  # of the one before somebody may have heard otherwise
    assert arm.obstacles[0].data == ''


def test_driver_that_tells_no_position_holds_the_arm_which_goes_on(start_graph, capfd):
    free = ('robot:=so101', 'unguarded:=true')
    arm = Operator(start_graph('driver:=servos:Fickle', *free), None)
    arm.send(np.full(6, 1.0))
    arm.graph.until(lambda: arm.position[0] > 0.1)
    arm.node._driver.lost = True
    arm.graph.until(
        lambda: 'expected a finite one for each of shoulder_pan' in capfd.readouterr().err
    )
    arm.graph.spin(0.3)
    arm.node._driver.lost = False
    arm.arrives(np.full(6, 1.0))
    assert not arm.node.finished


def test_emergency_stop_is_latched_while_the_button_is_down(operate):
    arm = operate()
    here = arm.position
    button = arm.graph.publisher(Bool, 'estop', qos.LATCHED)
    button.publish(Bool(data=True))
    arm.graph.until(lambda: arm.obstacles and 'emergency stop' in arm.obstacles[-1].data)
    arm.send(here + 0.3)
    arm.graph.spin(0.4)
    np.testing.assert_allclose(arm.position, here, atol=0.005)
    assert not arm.call('rearm').success
    button.publish(Bool(data=False))
    arm.graph.until(lambda: arm.call('rearm').success)
    arm.graph.until(lambda: arm.obstacles[-1].data.startswith(BEGIN))
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here, atol=0.005)  # releasing it moves nothing
    arm.send(here)
    arm.graph.until(lambda: arm.node._follower.following)
    assert arm.call('relax').message.startswith('the arm follows')
    arm.send(here + 0.3)
    arm.arrives(here + 0.3)


def test_arm_does_not_run_after_its_leader_at_the_start_nor_when_a_stop_is_released(
    operate, capfd
):
    arm = operate()
    here = arm.position
    arm.lead(here + 0.5)
    arm.graph.until(lambda: arm.obstacles and arm.obstacles[-1].data.startswith(f'{BRING}: '))
    arm.graph.spin(0.3)
    np.testing.assert_allclose(arm.position, here, atol=0.005)
    arm.lead(here + 0.1)
    arm.graph.until(lambda: arm.obstacles[-1].data == LED)
    arm.lead(here + 0.5)
    arm.arrives(here + 0.5)
    assert arm.call('estop').success
    arm.lead(here - 0.4)
    arm.graph.spin(0.3)
    assert arm.call('rearm').success
    arm.graph.until(lambda: arm.obstacles[-1].data.startswith(f'{BRING}: '))
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here + 0.5, atol=0.01)
    assert f'the arm holds: {BRING}: ' in capfd.readouterr().err
    arm.lead(here + 0.4)
    arm.arrives(here + 0.4)


@pytest.mark.skipif(not SENDER_KNOWN, reason='Jazzy does not tell who sent a message')
def test_stop_is_not_released_while_one_of_two_buttons_is_down(operate):
    arm = operate()
    one, other = (arm.graph.publisher(Bool, 'estop', qos.LATCHED) for _ in range(2))
    arm.graph.until(lambda: other.get_subscription_count() > 1)
    one.publish(Bool(data=True))
    arm.graph.until(lambda: arm.obstacles and 'emergency stop' in arm.obstacles[-1].data)
    other.publish(Bool(data=False))
    arm.graph.spin(0.3)
    answer = arm.call('rearm')
    assert not answer.success and answer.message == 'topic estop still says true'
    arm.graph.peer.destroy_publisher(one)  # that button was taken away
    arm.graph.until(lambda: arm.call('rearm').success)


def test_stop_outlives_a_driver_that_its_launcher_starts_again(operate, tmp_path, monkeypatch):
    monkeypatch.setenv(RUN, str(tmp_path))
    arm = operate()
    assert arm.call('estop').success
    arm.node.destroy_node()  # as a process that is killed: nobody released the stop
    arm.graph.nodes.remove(arm.node)
    node = arm.graph.start(RobotNode())
    here = arm.position
    arm.send(here + 0.3)
    arm.graph.until(lambda: arm.obstacles[-1].data.startswith('emergency stop'))
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here, atol=0.005)
    arm.send(here)
    assert arm.call('rearm').success
    arm.graph.until(lambda: node._follower.following)
    arm.send(here + 0.3)
    arm.arrives(here + 0.3)
    assert not list(tmp_path.glob('*.stopped'))


def test_dead_man_who_lets_go_stops_the_arm(operate):
    arm = operate('dead_man:=true', 'command_timeout:=5.0')  # which is for commands
    here = arm.position
    arm.send(here + 0.3)
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here, atol=0.005)
    button = arm.graph.publisher(Bool, 'dead_man', qos.SENSOR)
    pressing = arm.graph.peer.create_timer(0.05, lambda: button.publish(Bool(data=True)))
    arm.arrives(here + 0.3)
    pressing.cancel()
    arm.graph.until(lambda: arm.obstacles[-1].data == 'nobody presses dead_man', timeout=2.0)


def test_two_who_command_at_once_move_nothing_and_are_told(operate, capfd):
    arm = operate()
    here = arm.position
    arm.send(here + 0.1)
    arm.arrives(here + 0.1)
    other = arm.graph.peer.create_publisher(JointTrajectory, 'joint_commands', qos.LATEST)
    point = JointTrajectoryPoint(positions=(here - 0.5).tolist())
    msg = JointTrajectory(joint_names=ROBOT.joint_names, points=[point])
    rival = arm.graph.peer.create_timer(0.03, lambda: other.publish(msg))
    arm.graph.until(lambda: arm.obstacles[-1].data.startswith('two publishers'))
    arm.graph.spin(0.5)
    np.testing.assert_allclose(arm.position, here + 0.1, atol=0.05)
    assert 'joint_commands: got two publishers that command the arm' in capfd.readouterr().err
    rival.cancel()
    arm.arrives(here + 0.1)
    arm.graph.until(lambda: arm.obstacles[-1].data == '')


def test_reduced_speed_is_kept(operate):
    arm = operate('speed:=0.05')
    here, began = arm.position, time.monotonic()
    arm.send(here + 0.3)
    arm.arrives(here + 0.3)
    slowest = 0.28 / (0.05 * ROBOT.velocity.max())
    assert time.monotonic() - began > slowest


def test_relaxed_arm_can_be_moved_and_goes_on_from_there(operate):
    arm = operate()
    here = arm.position
    arm.send(here + 0.1)
    arm.arrives(here + 0.1)
    assert not arm.call('relax').success  # while it follows
    arm.send(None)
    arm.graph.spin(0.5)
    assert arm.call('relax').success
    arm.graph.until(
        lambda: not any(servo.get(sts3215.TORQUE_ENABLE) for servo in arm.bus.servos.values())
    )
    for number in arm.bus.plant.positions:
        arm.bus.plant.positions[number] -= 100
    arm.graph.spin(0.2)
    moved = arm.position
    arm.send(moved)
    arm.graph.until(lambda: arm.bus.servos[6].get(sts3215.TORQUE_ENABLE))
    arm.graph.spin(0.2)
    np.testing.assert_allclose(arm.position, moved, atol=0.01)


def test_command_that_is_no_position_is_reported_and_survived(operate, capfd):
    arm = operate()
    arm.send(bad := np.full(6, np.nan))
    arm.graph.spin(0.3)
    assert 'expected finite positions of shoulder_pan' in capfd.readouterr().err
    points = [JointTrajectoryPoint(positions=bad.tolist())] * 2000
    person = arm.graph.publisher(JointTrajectory, 'teleop_commands', qos.LATEST)
    person.publish(JointTrajectory(joint_names=ROBOT.joint_names, points=points))
    arm.graph.until(lambda: 'got 2000 points, expected at most' in capfd.readouterr().err, 20.0)
    here = arm.position
    arm.send(here + 0.1)
    arm.arrives(here + 0.1)


def test_arm_that_is_not_there_stops_the_start(start_graph, tmp_path, capfd):
    with simulated_arm(tmp_path) as (_, settings):
        graph = start_graph('port:=/dev/nowhere', f'calibration:={settings.calibration}')
        assert not graph.add(RobotNode()).start()
    said = capfd.readouterr().err
    assert "port '/dev/nowhere': cannot be opened" in said and 'Traceback' not in said


def test_arm_without_a_workspace_is_driven_only_where_that_is_asked_for(start_graph):
    start_graph('robot:=so101')
    with pytest.raises(ConfigError, match='robot: robot so101 has no safety section'):
        RobotNode()


def test_command_into_the_table_is_followed_as_far_as_the_workspace_goes(operate, capfd):
    arm = operate('robot:=so101_real', 'unguarded:=false')
    workspace = workspace_of(load_robot(find_config('robots', 'so101_real')))
    arm.send([0.0, 0.9, 0.3, 0.4, 0.0, 0.2])
    arm.graph.until(lambda: 'is in the table' in capfd.readouterr().err)
    arm.graph.spin(0.5)
    seen = np.array([list(state.position) for state in arm.states])
    assert workspace.clearance(seen)[1:].min() > -0.005  # the ticks of the servos are coarse
    assert workspace.clearance(seen)[-1].min() < 0.02


def test_driver_that_there_is_not_is_named(start_graph):
    start_graph('driver:=so102')
    with pytest.raises(ConfigError, match="robot: driver: got 'so102', expected one of so101"):
        RobotNode()


def test_every_joint_of_the_calibration_is_in_the_diagnostics(operate):
    arm = operate()
    arm.graph.spin(0.2)
    told = arm.node.diagnostics()
    for name in CALIBRATION:
        assert told[f'{name}: temperature'] == '25.00 degC'
        assert told[f'{name}: voltage'] == '7.40 V'
    assert told['arm'] == 'holds'

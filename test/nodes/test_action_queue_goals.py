# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The queue and a controller that takes FollowJointTrajectory, as ros2_control's does."""

import sys
import time

import numpy as np
import pytest

pytest.importorskip('control_msgs', reason='needs pip install ./test/control_msgs')

from arm import JOINTS, MEASURED, Arm
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from rclpy.task import Future

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.msg import QueueStatus
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.ros import messages

ACTION = 'joint_trajectory_controller/follow_joint_trajectory'
ROBOT = load_robot(find_config('robots', 'so101'))
SETTINGS = ('command_type:=follow_joint_trajectory', 'rate:=50.0', 'budget_chunks:=0')
SILENCE = 1.0  # s without a joint state; a machine that tests is late
FAST = np.linspace(0.0, 1.2, 25)  # 0.5 rad/s, for 2.4 s
SLOW = np.linspace(0.0, 0.8, 41)  # 0.2 rad/s, for 4 s


class Controller:
    """
    Follows one trajectory after the other by a clock of its own, linearly from row to row.

    A new goal takes the place of the one before; a cancelled one leaves the joints where they are.
    """

    def __init__(self, graph, arm):
        self._graph, self.position = graph, MEASURED.copy()
        self.goals, self.ends, self.track = [], [], []
        self.refuses = False
        self._active = None  # the goal that is followed
        self._endings = {}  # of each goal: the future that ends it
        self._began, self._from = 0.0, self.position
        self._server = ActionServer(
            graph.peer,
            FollowJointTrajectory,
            ACTION,
            self._execute,
            goal_callback=self._on_goal,
            handle_accepted_callback=self._on_accepted,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )
        graph.peer.create_timer(0.01, lambda: self._step(arm))

    @property
    def speed(self):
        """Return how fast the fastest joint has moved in the last 50 ms or so, rad/s."""
        if len(self.track) < 6:
            return 0.0
        (before, start), (now, end) = self.track[-6], self.track[-1]
        return float(np.abs(end - start).max() / (now - before))

    @property
    def busy(self):
        return self._active is not None

    def end(self, status, code=0, text=''):
        """End the goal that is followed."""
        if self._active is not None:
            handle, self._active = self._active, None
            result = FollowJointTrajectory.Result(error_code=code, error_string=text)
            self._endings[bytes(handle.goal_id.uuid)].set_result((status, result))

    def close(self):
        """Be no controller any more."""
        self.end('abort')
        self._graph.spin(0.1)
        self._server.destroy()

    def _on_goal(self, goal):
        return GoalResponse.REJECT if self.refuses else GoalResponse.ACCEPT

    def _on_accepted(self, handle):
        self.end('abort', text='replaced')
        self.goals.append(handle.request.trajectory)
        self._began, self._from = time.monotonic(), self.position.copy()
        self._active = handle
        self._endings[bytes(handle.goal_id.uuid)] = Future()
        handle.execute()

    async def _execute(self, handle):
        status, result = await self._endings[bytes(handle.goal_id.uuid)]
        getattr(handle, status)()
        self.ends.append(status)
        return result

    def _step(self, arm):
        if self._active is not None and self._active.is_cancel_requested:
            self.end('canceled')
        if self._active is not None:
            self._follow()
        self.track.append((time.monotonic(), self.position))
        arm.publish_joints(self.position)

    def _follow(self):
        after = time.monotonic() - self._began
        points = self._active.request.trajectory.points
        times = [0.0, *(seconds(point.time_from_start) for point in points)]
        rows = np.array([self._from, *(point.positions for point in points)])
        self.position = np.array([np.interp(after, times, column) for column in rows.T])
        if after > times[-1]:
            self.end('succeed')


def seconds(duration):
    return duration.sec + 1e-9 * duration.nanosec


class Scene:
    """An enabled queue that has a controller."""

    def __init__(self, graph):
        self.graph = graph
        self.arm = Arm(graph)
        self.controller = Controller(graph, self.arm)
        graph.spin(0.5)  # what is left of the test before is gone then
        graph.until(lambda: self.arm.statuses and self.arm.status.request)

    def until_fast(self):
        """Wait until the arm is well on its way."""
        self.graph.until(lambda: self.controller.speed > 0.35)

    def stands(self):
        """Wait until the arm stands, and see that it goes on standing."""
        self.graph.until(lambda: self.controller.speed < 1e-3)
        still = self.controller.position
        self.graph.spin(0.5)
        np.testing.assert_allclose(self.controller.position, still, atol=1e-6)


@pytest.fixture
def scene(start_graph):
    scene = Scene(start_graph(*SETTINGS, 'enabled:=true', f'joint_state_timeout:={SILENCE}'))
    yield scene
    scene.controller.close()


def test_chunk_goes_out_as_the_rows_that_are_left_and_the_controller_ends_where_it_ends(scene):
    scene.controller.goals.clear()
    chunk = scene.arm.play(np.linspace(0.0, 0.4, 21))
    scene.graph.until(lambda: np.abs(scene.controller.position - chunk.values[-1]).max() < 1e-3)
    times = [seconds(point.time_from_start) for point in scene.controller.goals[-1].points]
    assert times[-1] > 1.5  # of the 2 s that it lasts
    np.testing.assert_allclose(times, 0.02 * np.arange(1, len(times) + 1), atol=1e-6)
    assert len(scene.controller.goals) < 12  # where each tick made one, there were a hundred
    assert scene.arm.status.reason == '' or 'ran dry' in scene.arm.status.reason


def test_clocks_do_not_matter_for_a_trajectory_starts_when_it_comes(scene):
    scene.arm.play(np.linspace(0.0, 0.4, 21))
    scene.graph.until(lambda: len(scene.controller.goals) > 2)
    assert {messages.seconds(goal.header.stamp) for goal in scene.controller.goals} == {0.0}
    assert {tuple(goal.joint_names) for goal in scene.controller.goals} == {JOINTS}


def test_controller_is_where_the_chunk_is(scene):
    chunk = scene.arm.play(np.linspace(0.0, 0.8, 21))
    scene.graph.until(lambda: scene.arm.status.mode == QueueStatus.RUNNING)
    delay = scene.arm.status.latency  # the plan stood still until the chunk came
    offset = scene.arm.now() - time.monotonic()
    scene.graph.spin(1.0)
    late = [
        np.abs(chunk.at(when + offset - delay) - position).max() / 0.4  # s behind, at 0.4 rad/s
        for when, position in scene.controller.track[-50:]
    ]
    assert np.median(late) < 0.1  # a few ticks, on a busy machine


def test_what_is_sent_keeps_the_limits_of_the_robot(scene):
    scene.arm.play(FAST)
    scene.until_fast()
    scene.stands()
    period = 1 / 50
    for goal in scene.controller.goals:
        rows = np.array([point.positions for point in goal.points])
        steps = np.diff(rows, axis=0)
        assert (np.abs(steps) <= ROBOT.velocity * period + 1e-6).all()
        assert (np.abs(np.diff(steps, axis=0)) <= ROBOT.acceleration * period**2 + 1e-6).all()


def test_next_chunk_replaces_what_was_sent(scene):
    scene.arm.play(np.linspace(0.0, 0.4, 21))
    scene.graph.until(lambda: scene.controller.busy and len(scene.controller.goals) > 3)
    scene.graph.spin(0.4)
    before = len(scene.controller.goals)
    scene.graph.until(lambda: scene.arm.status.request)
    scene.arm.play(np.full(20, 0.1))
    scene.graph.until(lambda: len(scene.controller.goals) > before)
    expected = MEASURED + 0.1
    scene.graph.until(lambda: np.abs(scene.controller.position - expected).max() < 1e-2)
    assert scene.arm.status.mode != QueueStatus.HOLDING  # that a goal was replaced is no fault


@pytest.mark.parametrize('how', ['estop', 'disable', 'silence', 'deactivate', 'end of the node'])
def test_whatever_stops_the_arm_brakes_it_at_once_and_leaves_no_goal(scene, how):
    scene.arm.play(FAST)
    scene.until_fast()
    if how == 'estop':
        scene.arm.trigger('estop')
    elif how == 'disable':
        scene.arm.enable(False)
    elif how == 'silence':
        scene.arm.publish_joints = lambda positions: None
    elif how == 'deactivate':
        scene.arm.node.trigger_deactivate()
    else:
        scene.arm.node.halt()
    scene.stands()
    last = scene.controller.goals[-1].points
    np.testing.assert_allclose(scene.controller.position, last[-1].positions, atol=1e-6)
    assert seconds(last[-1].time_from_start) <= ROBOT.braking_time + 0.021  # nothing but a brake
    assert not scene.controller.busy
    assert (scene.controller.position - MEASURED < 1.15).all()  # FAST went on to 1.2


def test_brake_that_is_refused_ends_what_was_sent_before(scene, capfd):
    scene.arm.play(SLOW)
    scene.graph.until(lambda: scene.controller.speed > 0.1)
    scene.controller.refuses = True
    scene.arm.enable(False)
    scene.graph.until(lambda: 'refuses the trajectory' in scene.arm.status.reason)
    scene.stands()
    assert not scene.controller.busy and scene.controller.ends[-1] == 'canceled'
    assert 'the arm holds until it is enabled again' in capfd.readouterr().err


def test_chunk_that_is_refused_disables_the_arm(scene):
    scene.controller.refuses = True
    scene.arm.play(SLOW)
    scene.graph.until(lambda: 'refuses the trajectory' in scene.arm.status.reason)
    assert scene.arm.status.mode == QueueStatus.HOLDING
    scene.graph.spin(0.3)
    np.testing.assert_array_equal(scene.controller.position, MEASURED)


def test_controller_that_gives_up_disables_the_arm_until_somebody_enables_it(scene):
    scene.arm.play(SLOW)
    scene.graph.until(lambda: scene.controller.speed > 0.1)
    scene.graph.spin(0.5)  # then the whole chunk is there
    code = FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
    told = 'elbow_flex is off its path'  # of each goal that still comes
    scene.graph.until(
        lambda: scene.controller.end('abort', code, told) or told in scene.arm.status.reason
    )
    assert scene.arm.status.mode == QueueStatus.HOLDING
    scene.stands()
    assert scene.arm.enable().success
    scene.graph.until(lambda: scene.arm.status.request)
    before = scene.controller.position
    scene.arm.play(before[0] - MEASURED[0] + SLOW)
    scene.graph.until(lambda: (scene.controller.position > before + 0.1).all())


def test_joint_that_stands_somewhat_off_the_end_is_no_fault(scene):
    scene.arm.play(np.linspace(0.0, 0.1, 3))
    scene.graph.until(lambda: scene.arm.status.mode == QueueStatus.STARVED)
    scene.graph.until(lambda: not scene.controller.busy)
    scene.graph.until(lambda: scene.arm.status.request)
    scene.arm.play(np.full(20, 0.1))
    scene.graph.until(lambda: scene.controller.busy)
    code = FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED
    scene.controller.end('abort', code, 'gripper is off its goal')
    scene.graph.spin(0.3)
    assert scene.arm.status.mode == QueueStatus.RUNNING


def test_goal_of_somebody_else_disables_the_arm(scene):
    scene.arm.play(SLOW)
    scene.graph.until(lambda: scene.controller.speed > 0.1)
    scene.graph.spin(0.5)  # then the whole chunk is there
    client = ActionClient(scene.graph.peer, FollowJointTrajectory, ACTION)
    assert client.wait_for_server(10.0)
    theirs = FollowJointTrajectory.Goal(trajectory=scene.controller.goals[0])
    sent = client.send_goal_async(theirs)
    scene.graph.until(sent.done)
    scene.graph.until(lambda: 'the controller ended the trajectory' in scene.arm.status.reason)
    assert sent.result().accepted
    client.destroy()


def test_without_a_controller_the_arm_holds_and_says_which_it_waits_for(start_graph):
    arm = Arm(start_graph(*SETTINGS, 'enabled:=true', 'action:=/mine/follow_joint_trajectory'))
    arm.feel()
    expected = 'no controller serves the action /mine/follow_joint_trajectory'
    arm.graph.until(lambda: arm.statuses and arm.status.reason == expected)
    assert not arm.commands


def test_commands_of_each_tick_are_there_for_whoever_records(scene):
    scene.arm.play(np.linspace(0.0, 0.4, 21))
    scene.arm.commands.clear()
    scene.graph.until(lambda: len(scene.arm.commands) > 20)


def test_dry_run_sends_no_goal(start_graph):
    graph = start_graph(*SETTINGS, 'enabled:=true', 'dry_run:=true')
    arm = Arm(graph, 'action_queue/dry_run_commands')
    controller = Controller(graph, arm)
    graph.until(lambda: arm.statuses and arm.status.request)
    arm.play(np.linspace(0.0, 0.4, 21))
    graph.until(lambda: len(arm.commands) > 20)
    assert not controller.goals
    controller.close()


def test_action_whose_type_is_not_installed_is_named(start_graph, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, 'control_msgs.action', None)
    graph = start_graph(*SETTINGS)
    assert not graph.add(ActionQueueNode()).start()
    assert 'command_type: got follow_joint_trajectory' in capfd.readouterr().err

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands as goals of FollowJointTrajectory: the whole way ahead, where the controller interpolates.

Each goal is what the executor is about to command until the arm is at rest, with a time for each
row counted from when the controller gets it, so that its clock does not matter. The next chunk
replaces it, and so does whatever makes the arm depart from that way: an arm that is stopped brakes
at once, and a goal that has not ended by then is cancelled. If this process dies, the arm comes to
rest at the end of what was queued.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.errors import ConfigError
from vla_ros.core.executor import Executor
from vla_ros.core.guard import Guard
from vla_ros.core.lookahead import Lookahead
from vla_ros.core.robot import RobotSpec
from vla_ros.core.status import Mode, Tick
from vla_ros.ros import messages
from vla_ros.ros.commands import Commands

DEPARTURE = 0.01  # rad or m; a command that is further from the way that was sent makes a new goal
GRACE = 0.3  # s that a goal may end later than its trajectory


class TrajectoryGoals(Commands):
    """Sends one robot's controller where to go; joint_commands tell whoever watches or records."""

    def __init__(
        self,
        node: Node,
        action: str,
        publisher: Publisher,
        robot: RobotSpec,
        period: float,
        executor: Executor,
    ) -> None:
        """Be a client of ``action``; raise ConfigError where its type is not installed."""
        super().__init__(publisher, robot, period, node.get_clock())
        self._type = action_type()
        self._client: Any = ActionClient(node, self._type, action)
        self._name = node.resolve_service_name(action)
        self._robot, self._executor = robot, executor
        self._way: Lookahead | None = None  # what the controller was told; None: to rest
        self._told = 0  # ticks of it that the controller knows of
        self._why: tuple[Mode, int] = (Mode.HOLDING, 0)  # mode and chunks that it is for
        self._number = 0  # of the newest goal
        self._handle: Any = None  # of the newest goal that was accepted
        self._ends = 0.0  # s, monotonic, when it should have ended by itself
        self._fault = ''

    @property
    def obstacle(self) -> str:
        """Return why nothing can be commanded, '' where a controller is there."""
        ready = self._client.server_is_ready()
        return '' if ready else f'no controller serves the action {self._name}'

    def take_fault(self) -> str:
        """Return, once, how the controller failed; '' where it did not."""
        fault, self._fault = self._fault, ''
        return fault

    def send(self, tick: Tick, measured: np.ndarray | None, now: float) -> str:
        """Send where the arm is led from ``tick`` on, where that is news; or say why not."""
        objection = super().send(tick, measured, now)
        if objection:
            return objection
        news = self._is_news(tick, now)
        if news or self._way is None:
            self._way, self._told = self._executor.look_ahead(now, self._seconds), 0
            self._why = self._reason(tick)
        if not self._way.complete:
            self._way.extend()
            news = news or self._way.complete or self._way.led >= 2 * self._told
        return self._send_goal(self._way.at(now), self._way.after(now)) if news else ''

    def rest(self) -> None:
        """Cancel what the controller still does, though it should stand: nothing more is told."""
        self._way = None
        if self._handle is not None and time.monotonic() > self._ends:
            self._number += 1  # however the goal ends is as it was asked for
            self._cancel()

    def brake(self) -> None:
        """Bring an arm that moves to rest, by a last goal."""
        motion, rows = self.guard.motion, []
        while motion is not None and motion.moving:
            rows.append(motion.stop(self._seconds))
        if rows:
            self._send_goal(rows[0], np.array(rows))
        super().brake()

    def close(self) -> None:
        """Be no client any more."""
        self._client.destroy()

    def _reason(self, tick: Tick) -> tuple[Mode, int]:
        return tick.mode, self._executor.counters.accepted

    def _is_news(self, tick: Tick, now: float) -> bool:
        """Say whether the arm departs from what the controller was told, or has a new reason."""
        if self._way is None or self._why != self._reason(tick):
            return True
        return bool(np.abs(self._way.at(now) - tick.positions).max() > DEPARTURE)

    def _send_goal(self, start: np.ndarray, rows: np.ndarray) -> str:
        """Send rows (n, joints) rad, a period apart from ``start`` on; or say what is wrong."""
        guard = Guard(self._robot)
        for row in (start, *rows):
            objection = guard.objection(row, start, self._seconds)
            if objection:
                return objection
            guard.note(row, self._seconds)
        if self._client.server_is_ready():
            self._told = self._way.led if self._way is not None else 0
            self._ends = time.monotonic() + len(rows) * self._seconds + GRACE
            self._number += 1
            number, goal = self._number, self._type.Goal()
            goal.trajectory = trajectory_msg(self._names, self._seconds, rows)
            future = self._client.send_goal_async(goal)
            future.add_done_callback(lambda done: self._on_response(number, done.result()))
        return ''

    def _on_response(self, number: int, handle: Any) -> None:
        """Hear whether the controller takes a goal; where not, the one before must end too."""
        if not handle.accepted:
            if number == self._number:
                self._fault = f'{self._name}: the controller refuses the trajectory'
            self._cancel()
            return
        self._handle = handle
        ended = handle.get_result_async()
        ended.add_done_callback(lambda done: self._on_result(number, done.result()))

    def _on_result(self, number: int, answer: Any) -> None:
        """Hear how a goal ended; what replaced it, or cancelled it, was ours but for the last."""
        if number != self._number:
            return
        self._handle = None
        if answer.status == GoalStatus.STATUS_SUCCEEDED:
            return
        result = answer.result
        if result.error_code == result.GOAL_TOLERANCE_VIOLATED:
            return  # it stands somewhat off, as a gripper does that holds something
        told = result.error_string or 'without a word; does somebody else command it?'
        self._fault = f'{self._name}: the controller ended the trajectory: {told}'

    def _cancel(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel_goal_async()


def trajectory_msg(joint_names: Sequence[str], period: float, rows: np.ndarray) -> JointTrajectory:
    """
    Return the trajectory through ``rows`` (n, joints) rad, the first after ``period`` s.

    Its stamp is 0: it starts when the controller has it, whatever either clock says.
    """
    points = [
        JointTrajectoryPoint(
            positions=messages.double_field(row),
            time_from_start=Duration(seconds=number * period).to_msg(),
        )
        for number, row in enumerate(rows, start=1)
    ]
    return JointTrajectory(joint_names=joint_names, points=points)


def action_type() -> Any:
    """Return FollowJointTrajectory; raise ConfigError where ROS 2 is here without it."""
    try:
        from control_msgs.action import FollowJointTrajectory
    except ImportError as error:
        distribution = os.environ.get('ROS_DISTRO', 'kilted')
        raise ConfigError(
            'command_type: got follow_joint_trajectory, expected one whose messages are '
            f'installed ({error}): apt install ros-{distribution}-control-msgs, or have '
            'command_type:=trajectory'
        ) from None
    return FollowJointTrajectory

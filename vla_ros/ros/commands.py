# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The only way by which commands leave the action queue: past a guard."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration as DurationMsg
from rclpy.clock import Clock
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.core.guard import Guard
from vla_ros.core.robot import RobotSpec
from vla_ros.core.status import Tick
from vla_ros.ros import messages

MakeCommand = Callable[[Sequence[str], np.ndarray, float, DurationMsg], Any]
HOLD = DurationMsg(sec=2)  # longer than any period, delay or difference of clocks


class Commands:
    """Publishes the commands of one robot, each to be reached within one control period."""

    def __init__(
        self,
        publisher: Publisher,
        robot: RobotSpec,
        period: float,
        clock: Clock,
        make: MakeCommand | None = None,
        unheard: bool = False,
    ) -> None:
        """
        Publish what ``make`` makes, every ``period`` (s), stamped by ``clock``.

        Nobody has to listen to what is ``unheard``. Else an arm that does not listen yet would
        be somewhere else than it was told to be when it does.
        """
        self._make, self._unheard = make or command_msg, unheard
        self.guard = Guard(robot)
        self._publisher, self._names, self._clock = publisher, robot.joint_names, clock
        self._seconds, self._period = period, Duration(seconds=period).to_msg()

    def send(self, tick: Tick, measured: np.ndarray | None, now: float) -> str:
        """
        Publish the command of ``tick`` at ``now`` (s), or return why it must not be sent.

        ``measured`` (joints,) is where the arm is, None where nobody knows.
        """
        objection = self.guard.objection(tick.positions, measured, tick.elapsed)
        if not objection:
            self.guard.note(tick.positions, tick.elapsed)
            self._publisher.publish(self._make(self._names, tick.positions, now, self._period))
        return objection

    @property
    def obstacle(self) -> str:
        """Return why nothing can be commanded, '' where nothing speaks against it."""
        if self._unheard or self._publisher.get_subscription_count():
            return ''
        topic = self._publisher.topic_name
        return f'nobody listens to {topic}: is the controller of the arm there?'

    def take_fault(self) -> str:
        """Return, once, how whoever takes the commands failed; '' where it did not."""
        return ''

    def rest(self) -> None:
        """Take note that the arm stands, and that nothing is commanded for now."""

    def close(self) -> None:
        """Command nothing any more."""

    def brake(self) -> None:
        """Bring an arm that moves to rest, whatever became of who computed its commands."""
        motion = self.guard.motion
        while motion is not None and motion.moving:
            time.sleep(self._seconds)
            positions = motion.stop(self._seconds)
            self.guard.note(positions, self._seconds)
            now = self._clock.now().nanoseconds * 1e-9
            self._publisher.publish(self._make(self._names, positions, now, self._period))


def command_msg(
    joint_names: Sequence[str], positions: np.ndarray, now: float, period: DurationMsg
) -> JointTrajectory:
    """
    Return the command to be at ``positions`` (joints,) one ``period`` after ``now`` (s).

    And to stay there: a joint_trajectory_controller ignores what has ended when it comes, be it
    for the way or for another computer's clock.
    """
    values = positions.tolist()
    reached = JointTrajectoryPoint(positions=values, time_from_start=period)
    held = JointTrajectoryPoint(positions=values, time_from_start=HOLD)
    msg = JointTrajectory(joint_names=joint_names, points=[reached, held])
    msg.header.stamp = messages.stamp(now)
    return msg


def positions_msg(
    joint_names: Sequence[str], positions: np.ndarray, now: float, period: DurationMsg
) -> Float64MultiArray:
    """Return the command as a forward_command_controller takes it: bare numbers, in order."""
    return Float64MultiArray(data=messages.double_field(positions))

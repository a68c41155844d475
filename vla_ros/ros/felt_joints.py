# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the arm is, as the messages on joint_states tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState

from vla_ros.core.joint_states import JointStates
from vla_ros.core.limits import find_beyond
from vla_ros.core.robot import RobotSpec
from vla_ros.core.timing import round_up
from vla_ros.ros import messages
from vla_ros.ros.publishers import Sources


class FeltJoints:
    """The newest joint states of a robot; one thread hears them, and another may read."""

    def __init__(self, robot: RobotSpec, longest: float) -> None:
        """Know nothing; a joint state may be ``longest`` (s) old."""
        self.positions: np.ndarray | None = None  # (joints,) rad; None: nobody knows
        self.began = 0.0  # s; what was measured before belongs to another episode
        self._robot, self._longest = robot, longest
        self._joints, self._sources = JointStates(robot.joint_names), Sources()
        self._time = 0.0  # s, of the joint that was told of longest ago

    def hear(self, msg: JointState, info: Mapping[str, Any], now: float) -> None:
        """Take a message that came at ``now`` (s); raise VlaError for one that makes no sense."""
        stamp = messages.seconds(msg.header.stamp) or now  # some drivers leave the stamp out
        self.began = min(self.began, now)  # the clock may have been set back
        if stamp < self.began:
            return
        joints, source = self._joints, self._sources.identify(info)
        joints.set_back(now)
        try:
            joints.take(msg.name, msg.position, min(stamp, now), source)
        finally:
            self.positions, self._time = joints.positions, joints.time

    def forget(self) -> None:
        """Don't know where the joints are until a driver tells."""
        self._joints.clear()
        self.positions = None

    def objection(self, now: float) -> str:
        """Return why nobody may move the arm at ``now`` (s) from where it seems to be, or ''."""
        unknown, positions = self._joints.objection(now), self.positions
        if unknown or positions is None:
            return unknown
        self._time = min(self._time, now)  # the clock may have been set back
        age = now - self._time
        if age <= self._longest:
            beyond = find_beyond(self._robot, positions, positions)
            return f'{beyond}; is the driver in other units or not calibrated?' if beyond else ''
        return (
            f'the joint state of {self._joints.oldest} is {round_up(age):.3f} s old, expected at '
            f'most {self._longest:.3f} s: is the driver running, and do the clocks agree?'
        )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teleoperate node: a person leads the arm with a leader arm, a keyboard or a gamepad.

Publishes teleop_commands while somebody leads. The robot node follows them before joint_commands,
and a policy that was driving waits until they end: so a person takes over and gives back.
"""

import time
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.defaults import REAL_ROBOT
from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import JointStates
from vla_ros.core.robot import load_robot
from vla_ros.hardware.driver import DriverSettings
from vla_ros.hardware.lookup import find
from vla_ros.hardware.teleoperation import TELEOPERATORS, Teleoperator, TeleoperatorSettings
from vla_ros.ros import qos
from vla_ros.ros.commands import command_msg
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param
from vla_ros.ros.process import spin_node
from vla_ros.runtime.pacing import Pacer

LONGEST_AGE = 0.2  # s of the joint states that a jog begins from


@dataclass(frozen=True)
class TeleoperateParams:
    """Parameters of the teleoperate node."""

    robot: str = param(REAL_ROBOT, "The robot's file in config/robots, or its path.")
    device: str = param(
        'leader', 'What leads: leader, keyboard (in a terminal), gamepad, or module:class.'
    )
    port: str = param('', 'leader: its port, best below /dev/serial/by-id.')
    calibration: str = param('', "leader: LeRobot's id of it, or the path of the file.")
    path: str = param('/dev/input/js0', 'gamepad: its device.')
    rate: float = param(50.0, 'Commands per second.', 1.0, 200.0)
    speed: float = param(0.5, 'rad/s of a joint that is jogged.', 0.01, 5.0)
    answer_time: float = param(
        0.01, 'leader: seconds that a servo has to answer before it is asked again.', 0.001, 1.0
    )


class TeleoperateNode(VlaNode):
    """Publishes where a person sends the joints."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or device that is not there."""
        super().__init__('teleoperate')
        self._params = declare(self, TeleoperateParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._make = find(f'{self.get_name()}: device', self._params.device, TELEOPERATORS)
        self._device: Teleoperator | None = None
        self._joints = JointStates(self._robot.joint_names)
        self._measured: np.ndarray | None = None  # rad; None: not every joint was told of
        self._felt = -np.inf  # s, monotonic, when the joint was told of that was longest ago
        self._asked: float | None = None  # s, monotonic, when the device was last asked
        self._running = False

    def configure(self) -> None:
        """Open the device."""
        params = self._params
        driver = DriverSettings(self._robot, params.port, params.calibration, params.answer_time)
        self._device = self._make(TeleoperatorSettings(driver, params.path, params.speed))
        self._commands = self.advertise(JointTrajectory, 'teleop_commands', qos.LATEST)
        self._period = Duration(nanosec=round(1e9 / params.rate))

    def activate(self) -> None:
        """Listen to the arm, and begin to lead."""
        self.subscribe(JointState, 'joint_states', self._on_joint_states, qos.JOINTS)
        self._running = True
        self.run_thread(self._loop, 'teleoperation')

    def deactivate(self) -> None:
        """Lead no more."""
        self._running = False
        self.join_threads()

    def cleanup(self) -> None:
        """Let go of the device."""
        if self._device is not None:
            self._device.close()
            self._device = None

    def _on_joint_states(self, msg: JointState) -> None:
        self._joints.take(msg.name, msg.position, time.monotonic())
        self._measured, self._felt = self._joints.positions, self._joints.time

    def _loop(self) -> None:
        pacer = Pacer(1.0 / self._params.rate)
        while self._running:
            pacer.wait()
            self._tick(time.monotonic())

    def _tick(self, now: float) -> None:
        assert self._device is not None
        if self._measured is None or now - self._felt > LONGEST_AGE:
            return  # where the arm is is not known
        elapsed = 0.0 if self._asked is None else now - self._asked
        self._asked = now
        try:
            target = self._device.read(self._measured, elapsed)
        except VlaError as error:
            self.report('device', str(error))
            return
        if target is not None:
            names = self._robot.joint_names
            self._commands.publish(command_msg(names, target, self.now(), self._period))


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(TeleoperateNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())

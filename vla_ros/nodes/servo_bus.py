# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Servo bus node: simulated servos on a pseudo-terminal, for a driver that takes them for real ones.

What the servos move is a simulation elsewhere: plant/joint_states tells where its joints are, and
plant/joint_commands sends them where the servos drive them to. ~/unplug pulls the cable (true)
and plugs it in again (false).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec, load_robot
from vla_ros.hardware.calibration import nominal_calibration, save_calibration
from vla_ros.hardware.simulated_bus import Servo, SimulatedBus, Weather
from vla_ros.hardware.so101 import Scale
from vla_ros.msg import EpisodeEvent
from vla_ros.ros import messages, qos
from vla_ros.ros.commands import command_msg
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param
from vla_ros.ros.process import spin_node

PERIOD = 1.0 / 60.0  # s between two commands to the plant
RESET_TIME = 0.3  # s after a reset in which the servos stay where they were put


@dataclass(frozen=True)
class ServoBusParams:
    """Parameters of the servo_bus node."""

    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    port: str = param('', 'Path at which a driver finds the bus; the calibration is <port>.json.')
    lost: float = param(0.0, 'Share of the answers that get lost.', 0.0, 1.0)
    broken: float = param(0.0, 'Share of the answers that arrive broken.', 0.0, 1.0)


class TopicPlant:
    """The joints of a simulation elsewhere, as axes of servos."""

    def __init__(
        self, robot: RobotSpec, ids: list[int], scale: Scale, offsets: np.ndarray
    ) -> None:
        """Begin with every joint at home, else at 0 rad, until the simulation tells."""
        self.targets: np.ndarray | None = None  # rad, where the servos drive the joints to
        self._ids, self._scale, self._offsets = ids, scale, offsets
        self.felt = False  # whether it is known where the joints are
        rest = robot.home if len(robot.home) else np.zeros(len(ids))
        self._positions = np.clip(rest, robot.lower, robot.upper)

    def feel(self, positions: np.ndarray) -> None:
        """Take note of where the joints are (joints,), rad."""
        self._positions, self.felt = positions, True

    def turn(self, goals: Mapping[int, float | None], elapsed: float) -> Mapping[int, float]:
        """Return where the axes are, in ticks; the simulation turns them by itself."""
        axes = self._scale.ticks(self._positions) + self._offsets
        wanted = [goals[servo] for servo in self._ids]
        on = [goal is not None for goal in wanted]
        driven = np.array(
            [axis if goal is None else goal for goal, axis in zip(wanted, axes, strict=True)]
        )
        radians = self._scale.radians(driven - self._offsets)
        self.targets = np.where(on, radians, self._positions) if any(on) else None
        return dict(zip(self._ids, axes.tolist(), strict=True))


class ServoBusNode(VlaNode):
    """Couples a simulated bus to a simulation."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError where no port is given."""
        super().__init__('servo_bus')
        self._params = declare(self, ServoBusParams)
        if not self._params.port:
            raise ConfigError("port: got none, expected a path for the bus, as '/tmp/arm'")
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._bus: SimulatedBus | None = None
        self._placed = 0.0  # s, monotonic, when somebody put the arm elsewhere

    def configure(self) -> None:
        """Plug the bus in."""
        names = self._robot.joint_names
        calibration = nominal_calibration(self._robot)
        joints = [calibration[name] for name in names]
        offsets = np.array([joint.homing_offset for joint in joints])
        scale = Scale(calibration, names, self._robot.lower, self._robot.upper)
        self._plant = TopicPlant(self._robot, [joint.id for joint in joints], scale, offsets)
        save_calibration(Path(f'{self._params.port}.json'), calibration)
        servos = {joint.id: Servo.calibrated(joint) for joint in joints}
        self._bus = SimulatedBus(servos, self._plant, Path(self._params.port))
        self._bus.weather = Weather(self._params.lost, self._params.broken)
        self._commands = self.advertise(JointTrajectory, 'plant/joint_commands', qos.LATEST)
        self.serve(SetBool, '~/unplug', self._on_unplug)

    def activate(self) -> None:
        """Couple the servos to the plant."""
        self.subscribe(JointState, 'plant/joint_states', self._on_joint_states, qos.SENSOR)
        self.subscribe(EpisodeEvent, 'episode', self._on_episode, qos.EVENTS)
        self.repeat(PERIOD, self._on_timer)

    def cleanup(self) -> None:
        """Take the bus away."""
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    def _on_joint_states(self, msg: JointState) -> None:
        positions = messages.joint_positions(msg, self._robot.joint_names)
        if not self._plant.felt:  # a driver may have read, and held, where the joints are not
            self._placed = time.monotonic()
        self._plant.feel(positions)

    def _on_episode(self, msg: EpisodeEvent) -> None:
        """Take note that the arm was put elsewhere, as a hand would with the motors off."""
        if msg.event == EpisodeEvent.RESET:
            self._placed = time.monotonic()

    def _on_timer(self) -> None:
        assert self._bus is not None
        if not self._plant.felt or time.monotonic() - self._placed < RESET_TIME:
            self._bus.stay()
            return
        targets = self._plant.targets
        if targets is not None:
            now, period = self.now(), Duration(nanosec=round(PERIOD * 1e9))
            self._commands.publish(command_msg(self._robot.joint_names, targets, now, period))

    def _on_unplug(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        assert self._bus is not None
        if request.data == self._bus.plugged:
            (self._bus.unplug if request.data else self._bus.plug_in)()
        response.success = True
        return response


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(ServoBusNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Robot node: the driver of an arm; joint_commands in, joint_states out at a fixed rate.

A thread of its own reads the arm, brings the newest command within the robot's limits and writes
it. The arm begins where it stands, brakes and holds when commands end, when it can't be read and
at the end of the node, and stays switched on: only ~/relax lets it go. It stops, and stays stopped
until ~/rearm, for an emergency stop (topic estop), for a motor that complains, gets too hot or
draws too much current for too long. arm_obstacle tells why it does not follow, '' while it does.

A command of one place is followed at once, a trajectory is played in its time, from where the arm
is; a new one replaces it, and whatever holds the arm ends it.

A person comes first: while teleop_commands come (see nodes/teleoperate.py), joint_commands wait.
Who begins to lead does so from where the arm is: a leader arm has to be brought there first. After
a stop that holds for whoever commands: ~/rearm by itself moves nothing.
commander tells who drives: policy, human, or nobody. followed_commands is where the arm is sent,
by whomever, and intervention labels each moment for a dataset: 1 while a person leads, else 0.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Int64, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.defaults import REAL_ROBOT
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.follower import Follower
from vla_ros.core.robot import load_robot
from vla_ros.hardware.driver import DRIVERS, Driver, DriverSettings, Reading
from vla_ros.hardware.lookup import find
from vla_ros.hardware.overload import OverloadWatch
from vla_ros.ros import messages, qos
from vla_ros.ros.bounds import bounded, check_trajectory
from vla_ros.ros.commands import command_msg
from vla_ros.ros.emergency_stop import EmergencyStop
from vla_ros.ros.lifecycle import NOT_ACTIVE, VlaNode
from vla_ros.ros.params import declare
from vla_ros.ros.process import spin_node
from vla_ros.ros.publishers import Speakers
from vla_ros.ros.robot_params import RobotParams
from vla_ros.runtime.pacing import Pacer

IDLE_CURRENT = 0.05  # A, of a motor that is off, at most
LAST_TICK = 0.5  # s for the last look at an arm that stands
DEAD_MAN_TIME = 0.25  # s without a word after which nobody presses: a little more than a fifth
LED = 'a person leads it'
BRING = 'bring the leader to where the arm is'
BEGIN = 'after a stop joint_commands have to begin where the arm is'
TWO = 'two publishers that command the arm at once'


class RobotNode(VlaNode):
    """Has an arm follow joint_commands, and tells how it is."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot or driver that is not there."""
        super().__init__('robot')
        self._params = declare(self, RobotParams)
        robot = load_robot(find_config('robots', self._params.robot))
        if robot.safety is None and not self._params.unguarded:
            raise ConfigError(
                f'{self.get_name()}: robot {robot.name} has no safety section, expected one with '
                f'the box, the table and the speed of its tool, as {REAL_ROBOT} has; or give '
                'unguarded:=true and stand by the switch'
            )
        self._robot = robot.slowed(self._params.speed)
        self._make_driver = find(f'{self.get_name()}: driver', self._params.driver, DRIVERS)
        self._driver: Driver | None = None
        self._reading: Reading | None = None
        self._inbox: deque[Callable[[], None]] = deque(maxlen=100)
        self._missed = 0  # readings that failed
        self._led = -np.inf  # s, monotonic, when a person last led
        self._contested = -np.inf  # s, monotonic, when two last commanded the arm
        self._estop = EmergencyStop(self)
        self._strayed = False  # whether it was told who has to begin where the arm is
        self._spared = False  # whether it was stopped, since then, for the sake of a motor
        self._driven = False  # whether it was sent anywhere since it was opened, or let go
        self._pressed = -np.inf  # s, monotonic, when the dead man last said so
        self._pacer = Pacer(1.0 / self._params.rate)
        self._running = self._closing = False

    def configure(self) -> None:
        """Open the arm; nothing moves."""
        params = self._params
        settings = DriverSettings(self._robot, params.port, params.calibration, params.answer_time)
        self._driver = self._make_driver(settings)
        self._follower = Follower(self._robot, params.command_timeout)
        self._overload = OverloadWatch(
            self._robot.joint_names,
            params.max_temperature,
            params.max_current,
            params.overload_time,
        )
        self._states = self.advertise(
            JointState, 'joint_states', qos.periodic(qos.LATEST, 1.0 / params.rate)
        )
        self._obstacles = self.advertise(String, 'arm_obstacle', qos.LATCHED)
        self._commanders = self.advertise(String, 'commander', qos.LATCHED)
        self._followed = self.advertise(JointTrajectory, 'followed_commands', qos.LATEST)
        self._interventions = self.advertise(Int64, 'intervention', qos.SENSOR)
        self._period = Duration(nanosec=round(1e9 / params.rate))
        # what was said before may be another's, who is gone
        self._told: tuple[str | None, str | None] = (None, None)
        self._driven = False
        self.serve(Trigger, '~/estop', self._estop.on_estop)
        self.serve(Trigger, '~/rearm', self._on_rearm)
        self.serve(Trigger, '~/relax', self._on_relax)

    def activate(self) -> None:
        """Listen, and start the control loop."""
        callbacks = {'joint_commands': self._on_command, 'teleop_commands': self._on_teleop}
        self._speakers = {topic: Speakers(self._params.command_timeout) for topic in callbacks}
        for topic, callback in callbacks.items():
            on_bytes = bounded(JointTrajectory, callback, check_trajectory)
            self.subscribe(JointTrajectory, topic, on_bytes, qos.LATEST, raw=True, info=True)
        self.subscribe(Bool, 'estop', self._estop.on_button, qos.LATCHED, info=True)
        if self._params.dead_man:
            self.subscribe(Bool, 'dead_man', self._on_dead_man, qos.SENSOR)
        self._running, self._closing = True, False
        self.run_thread(self._loop, 'control')

    def deactivate(self) -> None:
        """Brake, then stop the control loop; the arm holds where it is."""
        self._closing = True
        self.join_threads(self._robot.braking_time + LAST_TICK)
        self._running = False
        self.join_threads()
        self._inbox.clear()

    def cleanup(self) -> None:
        """Let go of the port; the arm stays switched on."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def halt(self) -> None:
        """Brake from the next tick on."""
        self._closing = True

    def diagnostics(self) -> dict[str, str]:
        """Tell what the arm does and how each motor is."""
        if not self.active:
            return {}
        told = {
            'arm': self._obstacle() or self._astray or self._state,
            'tick lateness': str(self._pacer.lateness()),
            'readings missed': str(self._missed),
        }
        return told | (describe(self._reading, self._robot.joint_names) if self._reading else {})

    @property
    def _state(self) -> str:
        return 'follows' if self._follower.following else 'holds'

    def _on_command(self, msg: JointTrajectory, info: Mapping[str, Any]) -> None:
        """Have the arm follow a command, unless a person leads."""
        if not self._is_led:
            self._take('joint_commands', msg, info, led=False)

    def _on_teleop(self, msg: JointTrajectory, info: Mapping[str, Any]) -> None:
        """Have a person lead for as long as these come."""
        self._led = time.monotonic()
        self._take('teleop_commands', msg, info, led=True)

    def _take(self, topic: str, msg: JointTrajectory, info: Mapping[str, Any], led: bool) -> None:
        """Have the arm follow a command, but not two who would drag it to and fro."""
        now = time.monotonic()
        if self._speakers[topic].note(info, now):
            self._contested = now
            raise VlaError(f'{topic}: got {TWO}, expected one; end the other')
        trajectory = messages.trajectory_from_msg(msg, self._robot.joint_names)
        begin = now + messages.begins_in(msg.header.stamp, trajectory, self.now())
        self._inbox.append(lambda: self._follower.play(trajectory, now, begin, led))

    @property
    def _is_led(self) -> bool:
        """Whether a person leads, who has not been silent for too long."""
        return time.monotonic() - self._led < self._params.command_timeout

    def _on_dead_man(self, msg: Bool) -> None:
        self._pressed = time.monotonic() if msg.data else -np.inf

    def _on_rearm(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.active:
            self._inbox.append(self._follower.halt)  # first: no tick may go on without that
        response.success = self.active and self._estop.release()
        if response.success:
            self._spared = False  # after that: a motor that is still unwell stops it again
        else:
            response.message = 'topic estop still says true' if self.active else NOT_ACTIVE
        return response

    def _on_relax(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.active and not self._follower.following
        if response.success:
            self._inbox.append(self._relax)
        else:
            response.message = (
                'the arm follows commands: end them first' if self.active else NOT_ACTIVE
            )
        return response

    def _relax(self) -> None:
        assert self._driver is not None
        self._follower.forget()
        self._driver.relax()
        self._driven = False

    def _loop(self) -> None:
        """Tick at absolute deadlines."""
        self._pacer, last = Pacer(1.0 / self._params.rate), time.monotonic()
        while self._running:
            self._pacer.wait()
            last, before = time.monotonic(), last
            self._tick(last, last - before)

    def _tick(self, now: float, elapsed: float) -> None:
        """Do one step of control; ``now`` in s, by a clock that nobody sets."""
        self._empty_inbox()
        self._reading = reading = self._read()
        self._judge(reading, now)
        obstacle = self._obstacle()
        if self._estop.why:
            self._follower.halt()
        elif obstacle:
            self._follower.stop()
        measured = reading.positions if reading else None
        positions = self._follower.tick(now, elapsed, measured)
        if self._follower.denied:
            self.report('workspace', f'the command is not followed: {self._follower.denied}')
        if positions is not None:
            self._write(positions)
        elif self._closing:
            self._running = False
        self._tell(obstacle)
        self._label()

    def _label(self) -> None:
        """Publish where the arm is sent, and who sends it there, for whoever records."""
        position = self._follower.position
        if position is not None:
            now = self.get_clock().now().nanoseconds * 1e-9
            names = self._robot.joint_names
            self._followed.publish(command_msg(names, position, now, self._period))
            self._interventions.publish(Int64(data=int(self._is_led and self._follower.following)))

    def _tell(self, obstacle: str) -> None:
        """Publish why the arm does not follow the policy, and who drives, where that changes."""
        driven = self._follower.following
        commander = ('human' if self._is_led else 'policy') if driven else 'nobody'
        told = (obstacle or self._astray or (LED if self._is_led else ''), commander)
        if self._astray and not self._strayed:
            self.warn(f'the arm holds: {self._astray}')
        self._strayed = bool(self._astray)
        if told[0] != self._told[0]:
            self._obstacles.publish(String(data=told[0]))
        if told[1] != self._told[1]:
            self._commanders.publish(String(data=told[1]))
        self._told = told

    @property
    def _astray(self) -> str:
        """Return what whoever commands has to do before the arm follows, '' for nothing."""
        astray = self._follower.astray
        return f'{BRING if self._is_led else BEGIN}: {astray}' if astray else ''

    def _obstacle(self) -> str:
        """Return why the arm must not move, '' where nothing speaks against it."""
        if self._closing:
            return NOT_ACTIVE
        if self._estop.why:
            return f'{self._estop.why}: release it with ~/rearm'
        if self._params.dead_man and time.monotonic() - self._pressed > DEAD_MAN_TIME:
            return 'nobody presses dead_man'
        if time.monotonic() - self._contested < self._params.command_timeout:
            return TWO
        return ''

    def _read(self) -> Reading | None:
        """Return the reading and publish it; None, told in the log, where there is none."""
        assert self._driver is not None
        try:
            reading = self._driver.read()
            _check(reading.positions, self._robot.joint_names)
        except VlaError as error:
            self._missed += 1
            self.report('arm', f'{error}; the arm holds')
            return None
        msg = JointState(name=self._robot.joint_names)
        msg.position = messages.double_field(reading.positions)
        msg.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(msg)
        return reading

    def _write(self, positions: np.ndarray) -> None:
        assert self._driver is not None
        try:
            self._driver.write(positions)
            self._driven = True
        except VlaError as error:
            self.report('arm', f'{error}; the arm holds')

    def _judge(self, reading: Reading | None, now: float) -> None:
        """
        Stop the arm for good where a motor is not well, and spare that motor.

        One that was stopped before may be pressing against what it was stopped for. One that was
        let go is sent nowhere: that would switch it on.
        """
        objection = self._overload.objection(reading, now) if reading else ''
        if reading is None or not objection or self._spared:
            return
        self._spared = True
        self.report('motor', f'{objection}; the arm stops until ~/rearm')
        if not self._follower.give_way() and (self._driven or _is_on(reading)):
            self._write(reading.positions)
        self._estop.add(objection)

    def _empty_inbox(self) -> None:
        while self._inbox:
            try:
                self._inbox.popleft()()
            except VlaError as error:
                self.report('command', str(error))


def _check(positions: np.ndarray, joint_names: tuple[str, ...]) -> None:
    """Raise VlaError for positions that are none, which a driver should not have told."""
    if positions.shape != (len(joint_names),) or not np.isfinite(positions).all():
        raise VlaError(
            f'driver: got the positions {positions.tolist()}, expected a finite one for each of '
            f'{", ".join(joint_names)}; mend the driver'
        )


def _is_on(reading: Reading) -> bool:
    """Say whether a motor is known to be on: it draws current."""
    return reading.current is not None and bool((np.abs(reading.current) > IDLE_CURRENT).any())


def describe(reading: Reading, joint_names: tuple[str, ...]) -> dict[str, str]:
    """Return what each motor told, for /diagnostics."""
    units = {'current': 'A', 'load': '', 'temperature': 'degC', 'voltage': 'V'}
    told = {}
    for quantity, unit in units.items():
        values = getattr(reading, quantity)
        for name, value in zip(joint_names, values if values is not None else (), strict=False):
            told[f'{name}: {quantity}'] = f'{value:.2f} {unit}'.strip()
    return told | {f'{name}: fault': text for name, text in reading.faults.items()}


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(RobotNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's own asynchronous inference as it ships, with a note of which chunk each action is from.

The client is started as LeRobot's documentation does it, with its log switched to verbose: the
log says for each action its step and the time that its chunk gives it, and for each observation
its step and time. That is enough to tell the chunks apart; nothing of LeRobot is changed.
"""

import logging
import re
import socket
import threading
import time

from lerobot.async_inference.configs import RobotClientConfig
from lerobot.async_inference.robot_client import RobotClient

from vla_ros.benchmarks.versus_lerobot.rosarm import RosArm, RosArmConfig
from vla_ros.core.errors import VlaError

PERFORMED = re.compile(r'Ts=(\S+) \| Action #(\d+) performed')
OBSERVED = re.compile(r'Obs #(\d+) \|')
CAPTURED = re.compile(r'Ts=(\S+) \| Capturing observation')
SAME = 5e-6  # s; the log rounds an observation's time to a microsecond


class Journal(logging.Handler):
    """Reads the client's log as it is written, in the thread that each line is about."""

    def __init__(self, robot: RosArm, fps: float) -> None:
        """Listen to everything that the client of ``robot`` says."""
        super().__init__(logging.DEBUG)
        self._robot, self._fps = robot, fps
        self._performed: list[tuple[int, int, float]] = []  # stamp (ns), step, time of the step
        self._observed: list[tuple[float, float]] = []  # origin of the plan, observation (s)
        self._step = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Note an action or an observation."""
        text = record.getMessage()
        if match := PERFORMED.match(text):
            self._performed.append((self._robot.commanded, int(match[2]), float(match[1])))
        elif match := OBSERVED.match(text):
            self._step = int(match[1])
        elif match := CAPTURED.match(text):
            origin = self._origin(self._step, float(match[1]))
            self._observed.append((origin, self._robot.observed))

    def actions(self) -> list[tuple[int, int, float]]:
        """
        Return each command's stamp (ns), its step, and the time of its observation (s).

        An action that is blended of two chunks counts for the newer one.
        """
        return [(stamp, step, self._find(step, time)) for stamp, step, time in self._performed]

    def _find(self, step: int, time: float) -> float:
        """Return the time of the observation whose plan gives ``step`` this time, s."""
        origin = self._origin(step, time)
        nearest, observed = min(self._observed, key=lambda item: abs(item[0] - origin))
        if abs(nearest - origin) > SAME:
            raise VlaError(
                f'action {step} of LeRobot: got a time {time:.6f} that goes back to no '
                'observation in its log, expected one; use LeRobot 0.6.1'
            )
        return observed

    def _origin(self, step: int, time: float) -> float:
        """Return the time of step 0 in the plan that gives ``step`` this time, s."""
        return time - step / self._fps


def wait_for_server(address: str, timeout: float) -> None:
    """Return once something listens at ``address`` (host:port); raise VlaError after a while."""
    host, _, port = address.partition(':')
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            socket.create_connection((host, int(port)), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise VlaError(f'policy server: nothing listens at {address}; see its log')


def make_client(robot: RosArmConfig, **settings: object) -> tuple[RobotClient, Journal]:
    """Return LeRobot's client, connected to the robot, and the journal of its log."""
    config = RobotClientConfig(robot=robot, **settings)
    client = RobotClient(config)
    journal = Journal(client.robot, config.fps)
    client.logger.setLevel(logging.DEBUG)
    client.logger.addHandler(journal)
    return client, journal


def run_client(client: RobotClient, task: str) -> None:
    """Play until an exception, such as SystemExit, ends it."""
    if not client.start():
        raise VlaError('policy server: refused the client; see its log')
    threading.Thread(target=client.receive_actions, daemon=True).start()
    try:
        client.control_loop(task, verbose=True)
    finally:
        client.stop()

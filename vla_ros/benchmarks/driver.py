# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Drive an SO-101 on a simulated bus for long: jitter, losses, a cable that is pulled, the CPU.

The driver and the follower of the robot node run here, in a loop of their own at the asked rate;
the servos answer in another process. Both take a real-time priority where they may. The joints
follow sines; the cable is pulled --unplug times, for two seconds each. The exit code is 1 where
the arm went where nobody had sent it while it could not be seen, or was not found again.
"""

import multiprocessing
import os
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import VlaError
from vla_ros.core.files import write_json
from vla_ros.core.follower import Follower
from vla_ros.core.robot import RobotSpec, load_robot
from vla_ros.hardware.calibration import nominal_calibration, save_calibration
from vla_ros.hardware.driver import DriverSettings
from vla_ros.hardware.feetech import ANSWER_TIME
from vla_ros.hardware.simulated_bus import Servo, SimulatedBus, Weather
from vla_ros.hardware.so101 import So101
from vla_ros.runtime.pacing import Pacer

PULLED = 2.0  # s that the cable is out
FOUND = 3.0  # s after which a bus that was plugged in has to be there
AMPLITUDE, FREQUENCY = 0.4, 0.2  # rad and Hz of the sines
SILENCE = 0.2  # s
STILL = 0.02  # rad that an arm that holds may be off
REALTIME = 40


@dataclass
class Drive:
    """What came of it."""

    rate: float  # Hz
    ticks: int = 0
    missed: int = 0  # readings that failed with the cable in
    longest_gap: float = 0.0  # s between two readings, with the cable in
    cpu: float = 0.0  # share of one core
    lateness: str = ''  # of the ticks
    period: dict[str, float] = field(default_factory=dict)  # ms between two readings
    recoveries: list[float] = field(default_factory=list)  # s from the plug to the first reading
    drift: float = 0.0  # rad that the arm moved, with the cable out, where nobody had sent it
    lost: int = 0  # recoveries that did not come

    @property
    def violated(self) -> bool:
        """Whether the arm did what it must not."""
        return self.drift > STILL or self.lost > 0


class _Loop:
    """The robot node's loop without ROS."""

    def __init__(self, driver: So101, robot: RobotSpec, pipe: Connection, rate: float) -> None:
        self.drive = Drive(rate)
        self._driver, self._pipe = driver, pipe
        self._follower = Follower(robot, SILENCE)
        self._middle = np.clip(np.zeros(len(robot.joint_names)), robot.lower + 0.5, robot.upper)
        self._pacer = Pacer(1.0 / rate)
        self._read: list[float] = []  # s, when the arm was read
        self._told: np.ndarray | None = None  # rad, where the arm was sent last
        self._began = self._last = time.monotonic()

    def run(self, seconds: float) -> None:
        """Drive for a while with the cable in."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._tick() is None:
                self.drive.missed += 1

    def pull(self, seconds: float) -> None:
        """Pull the cable, and plug it in again after a while."""
        before, told = self._tick(), self._told
        self._tell('unplug')
        self._read.append(np.nan)  # no period across a pulled cable
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._tick()
        self._tell('plug_in')
        plugged, after = time.monotonic(), None
        while after is None and time.monotonic() - plugged < FOUND:
            after = self._tick()
        if after is None or before is None or told is None:
            self.drive.lost += 1
            return
        self.drive.recoveries.append(round(time.monotonic() - plugged, 3))
        drift = stray(before, told, after)
        self.drive.drift = max(self.drive.drift, round(drift, 4))

    def finish(self, cpu: float) -> Drive:
        """Return what came of it."""
        periods = np.diff(np.array(self._read)) * 1e3
        periods = periods[np.isfinite(periods)]
        names = {'p50': 50, 'p99': 99, 'max': 100}
        drive = self.drive
        drive.period = {k: round(float(np.percentile(periods, p)), 2) for k, p in names.items()}
        drive.longest_gap = round(float(periods.max()) / 1e3, 3)
        drive.lateness = str(self._pacer.lateness())
        drive.cpu = round(cpu / (time.monotonic() - self._began), 4)
        return drive

    def _tell(self, what: str) -> None:
        self._pipe.send(what)
        self._pipe.recv()

    def _tick(self) -> np.ndarray | None:
        """Do what the robot node does in a tick; return where the arm is."""
        self._pacer.wait()
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        self.drive.ticks += 1
        try:
            measured = self._driver.read().positions
            self._read.append(time.monotonic())
        except VlaError:
            measured = None
        phase = 2.0 * np.pi * FREQUENCY * (now - self._began)
        self._follower.take(self._middle + AMPLITUDE * np.sin(phase), now)
        positions = self._follower.tick(now, elapsed, measured)
        if positions is not None and measured is not None:
            try:
                self._driver.write(positions)
                self._told = positions
            except VlaError:
                return None
        return measured


def stray(before: np.ndarray, told: np.ndarray, after: np.ndarray) -> float:
    """
    Return how far the joints went that nobody sent there, rad.

    They may be anywhere from where they were ``before`` the cable was pulled to where they had
    been ``told`` to go by then; all (joints,), rad.
    """
    low, high = np.minimum(before, told), np.maximum(before, told)
    return float(np.maximum(np.maximum(low - after, after - high), 0.0).max())


def drive(
    robot: RobotSpec,
    seconds: float,
    rate: float,
    weather: Weather,
    unplug: int = 0,
    answer_time: float = ANSWER_TIME,
) -> Drive:
    """Drive a simulated arm for that many seconds, and return what came of it."""
    context = multiprocessing.get_context('spawn')
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory(prefix='vla_ros_') as folder:
        port, path = Path(folder, 'bus'), Path(folder, 'arm.json')
        save_calibration(path, nominal_calibration(robot))
        process = context.Process(target=_serve, args=(robot, port, weather, theirs), daemon=True)
        process.start()
        ours.recv()
        driver = So101(DriverSettings(robot, str(port), str(path), answer_time))
        with _priority(REALTIME):
            began, loop = time.process_time(), _Loop(driver, robot, ours, rate)
            for _ in range(unplug):
                loop.run(seconds / (unplug + 1))
                loop.pull(PULLED)
            loop.run(seconds / (unplug + 1))
            found = loop.finish(time.process_time() - began)
        driver.close()
        ours.send('end')
        process.join()
    return found


def _serve(robot: RobotSpec, port: Path, weather: Weather, pipe: Connection) -> None:
    """Answer on the bus, in a process of its own, until the pipe says end."""
    calibration = nominal_calibration(robot)
    bus = SimulatedBus(
        {joint.id: Servo.calibrated(joint) for joint in calibration.values()}, link=port
    )
    bus.weather = weather
    with _priority(REALTIME - 1):
        pipe.send('ready')
        while (word := pipe.recv()) != 'end':
            {'unplug': bus.unplug, 'plug_in': bus.plug_in}[word]()
            pipe.send(word)
    bus.close()


@contextmanager
def _priority(realtime: int) -> Iterator[None]:
    """Schedule this thread before what has a nice value meanwhile, where that is permitted."""
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(realtime))
    except PermissionError:
        print('no real-time priority: not permitted; the figures are those of a busy machine')
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, param)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the benchmark's arguments."""
    parser.add_argument('--minutes', type=float, default=10.0, help='how long')
    parser.add_argument('--rate', type=float, default=50.0, help='readings and commands per s')
    parser.add_argument('--lost', type=float, default=0.01, help='share of answers that get lost')
    parser.add_argument('--broken', type=float, default=0.0, help='share that arrives broken')
    parser.add_argument('--unplug', type=int, default=3, help='times that the cable is pulled')
    parser.add_argument(
        '--answer-time',
        type=float,
        default=ANSWER_TIME,
        help='s that a servo has to answer, before it is asked again',
    )
    parser.add_argument('--robot', default=ROBOT, help='limits: a name or a file')


def run(args: Namespace) -> int:
    """Drive, print what came of it, and return 1 where the arm did what it must not."""
    robot = load_robot(find_config('robots', args.robot))
    weather = Weather(args.lost, args.broken)
    seconds = 60.0 * args.minutes
    found = drive(robot, seconds, args.rate, weather, args.unplug, args.answer_time)
    print('\n'.join(_text(found)))
    if args.json:
        write_json(args.json, asdict(found))
    return 1 if found.violated else 0


def _text(found: Drive) -> Sequence[str]:
    share = found.missed / max(1, found.ticks)
    return (
        f'{found.ticks} ticks at {found.rate:g} Hz: {found.lateness}',
        f'between two readings: {found.period} ms; {found.missed} ({share:.2%}) failed '
        'after three tries each',
        f'cable pulled: found again after {found.recoveries} s, {found.lost} times not; the arm '
        f'went {found.drift:.4f} rad where nobody had sent it',
        f'driver: {100 * found.cpu:.1f} % of a core',
    )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How late the control loop ticks while every core is kept busy.

The real action_queue process plays chunks while one process for each core computes without end.
Lateness counts from the absolute deadline of each tick until the loop has woken. Each run is a
process of its own; as usual, with short time slices (the node's default), first by its nice value,
and with SCHED_FIFO take turns, since a machine has better and worse minutes. Where SCHED_FIFO is
not permitted, the table says so.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vla_ros.benchmarks.ratios import check_count
from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import VlaError
from vla_ros.core.files import write_json
from vla_ros.core.robot import load_robot
from vla_ros.deployment.domain import isolate
from vla_ros.runtime.tether import tethered
from vla_ros.runtime.time_slices import CONTROL

USUAL = 'priority: 0'
KINDS = (  # placement of the action queue, and its time slice, s
    (USUAL, 0.0),
    (USUAL, CONTROL),
    ('priority: -20', 0.0),
    ('realtime: 40', 0.0),
)
BUSY = 'while True: pass'
LATENESS = re.compile(r'p50 (\S+) p99 (\S+) max (\S+) ms, (\d+) of (\d+) missed')


@dataclass(frozen=True)
class Run:
    """One run; times in s."""

    rate: float  # Hz
    scheduler: str  # that the process really had: usual, 0.3 ms, nice -20 or FIFO
    p50: float
    p99: float
    largest: float
    missed: int  # ticks that were late by a period
    ticks: int

    def __str__(self) -> str:
        """Return a line of the table."""
        return (
            f'{self.rate:5.0f} Hz  {self.scheduler:8} {1e3 * self.p50:8.2f} {1e3 * self.p99:8.2f} '
            f'{1e3 * self.largest:8.2f} {self.missed:7} {self.ticks:7}'
        )


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('--rates', type=float, nargs='+', default=[50.0, 100.0], help='Hz')
    parser.add_argument('--seconds', type=float, default=15.0, help='length of a run')
    parser.add_argument('--runs', type=int, default=5, help='runs of each kind')
    parser.add_argument('--idle', action='store_true', help='keep no core busy')


def run(args: Namespace) -> int:
    """Measure and print the table; return 0."""
    check_count('runs', args.runs)
    runs = []
    print('   rate  scheduler  p50 ms   p99 ms   max ms  missed   ticks')
    with _busy_cores(0 if args.idle else len(os.sched_getaffinity(0))):
        for _ in range(args.runs):
            for rate in args.rates:
                for placement, time_slice in KINDS:
                    runs.append(measure(rate, placement, time_slice, args.seconds))
                    print(runs[-1], flush=True)
                    if args.json:
                        write_json(args.json, [asdict(item) for item in runs])
    print(summary(runs))
    return 0


def measure(rate: float, placement: str, time_slice: float, seconds: float) -> Run:
    """Return how late an action queue of its own, scheduled like this, ticked."""
    with tempfile.TemporaryDirectory(prefix='vla_ros_') as folder:
        file = Path(folder, 'control.yaml')
        file.write_text(f'nodes: {{action_queue: {{{placement}}}}}')
        environment = {**os.environ, **isolate()}
        with _process(queue_command(rate, file, time_slice), environment):
            values = _watch(seconds, environment)
    found = LATENESS.fullmatch(values['tick lateness'])
    if found is None or not int(values['accepted']):
        raise VlaError(f'control: got diagnostics {values}, expected ticks of an arm in motion')
    p50, p99, largest = (1e-3 * float(text) for text in found.groups()[:3])
    missed, ticks = map(int, found.groups()[3:])
    return Run(rate, _scheduler(values), p50, p99, largest, missed, ticks)


def queue_command(rate: float, placement: Path, time_slice: float) -> list[str]:
    """Return the command line of the action queue."""
    parameters = {
        'rate': rate,
        'enabled': 'true',
        'robot': ROBOT,
        'placement': placement,
        'time_slice': time_slice,
        'joint_state_timeout': 1.0,  # the robot of this benchmark is kept from its core, too
        'budget_chunks': 0,
    }
    words = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
    return [
        sys.executable,
        '-m',
        'vla_ros.nodes.action_queue',
        '--ros-args',
        '--log-level',
        'error',
        *words,
    ]


def summary(runs: list[Run]) -> str:
    """Return the medians over the runs of each kind."""
    lines = ['medians over the runs, ms:']
    kinds = sorted({(item.rate, item.scheduler) for item in runs})
    for rate, scheduler in kinds:
        same = [item for item in runs if (item.rate, item.scheduler) == (rate, scheduler)]
        p50, p99, largest = (
            1e3 * float(np.median([getattr(item, name) for item in same]))
            for name in ('p50', 'p99', 'largest')
        )
        lines.append(f'{rate:5.0f} Hz  {scheduler:8} {p50:8.2f} {p99:8.2f} {largest:8.2f}')
    if not any(scheduler == 'FIFO' for _, scheduler in kinds):
        lines.append('SCHED_FIFO is not permitted here: allow it with an rtprio limit, or as root')
    return '\n'.join(lines)


def _scheduler(values: dict[str, str]) -> str:
    """Return in a word how the process is scheduled, by its diagnostics."""
    if values['scheduler'] != 'usual':
        return values['scheduler']
    if values['nice'] != '0':
        return f'nice {values["nice"]}'
    short = f'{1e3 * CONTROL:.1f} ms'
    return short if values['time slice'] == short else 'usual'


def _watch(seconds: float, environment: dict[str, str]) -> dict[str, str]:
    """Return the queue's diagnostics after a while, seen by a process of its own."""
    program = (
        'import json; from vla_ros.benchmarks.probes.control import watch; '
        f'print(json.dumps(watch({load_robot(find_config("robots", ROBOT)).joint_names!r}, '
        f'{seconds})))'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise VlaError('control: the probe failed; look at what it says above')
    return dict(json.loads(done.stdout))


@contextmanager
def _busy_cores(count: int) -> Iterator[None]:
    """Run ``count`` processes that compute without end."""
    busy = [
        subprocess.Popen([sys.executable, '-S', '-c', BUSY], preexec_fn=tethered())
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, preexec_fn=tethered())
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the machine: busy cores, a full /dev/shm, a broken model file, a clock that is set."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vla_ros.core.config import find_config

pytestmark = [pytest.mark.faults, pytest.mark.slow]
BUSY = 'while True: pass'
HOG_TIME = 5.0  # s
FULL_TIME = 3.0  # s
COMPILE = ('cc', '-shared', '-fPIC', '-O2')


@pytest.fixture
def hogs():
    """Return the function that keeps every core busy; it ends with the test."""
    started = []

    def start():
        started.extend(
            subprocess.Popen([sys.executable, '-c', BUSY]) for _ in range(2 * os.cpu_count())
        )

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_every_core_busy_and_a_model_file_that_breaks(start_run, hogs, tmp_path):
    bundle = shutil.copytree(find_config('policies', 'tea_bag_act'), tmp_path / 'policy')
    run = start_run(policy=bundle)
    keep_every_core_busy(run, hogs)
    break_the_model_file(run, bundle / 'action_expert.onnx')


def keep_every_core_busy(run, hogs):
    """Have the arm go on, within its limits, beside two processes on each core."""
    run.begin()
    began = time.time()
    hogs()
    time.sleep(HOG_TIME)
    commands = run.monitor.recording.since(began).commands
    longest = np.diff([command.time for command in commands]).max()
    again = run.went_on(time.time())
    assert again
    run.conclude(f'{2 * os.cpu_count()} busy processes', f'longest tick {1e3 * longest:.0f} ms')


def break_the_model_file(run, path):
    """Have a node refuse a broken file, by name, and start with the mended one."""
    sound = path.read_bytes()
    run.begin()
    path.write_bytes(sound[:1000] + b'broken' + sound[1006:])
    old, began = run.graph.send('action_expert', signal.SIGKILL)
    noticed = run.noticed(began, 'action_expert')
    run.graph.until(lambda: path.name in run.graph.log.partition('starting it again')[2])
    path.write_bytes(sound)
    ended = time.time()
    again = run.went_on(ended)
    assert 'sha256' in run.graph.log
    run.conclude(
        'model file is corrupt',
        'held, refused by name, went on with the mended file',
        detected=noticed.time - began,
        held=run.held(began, ended) - began,
        recovered=again - ended,
    )


@pytest.fixture
def small_memory():
    """Have a small /dev/shm of the test's own, which the processes that it starts share."""
    before = os.open('/proc/self/ns/mnt', os.O_RDONLY)
    try:
        os.unshare(os.CLONE_NEWNS)
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', '/dev/shm'], check=True)
    except (AttributeError, OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'a /dev/shm of its own needs root and Python 3.12: {error}')
    yield Path('/dev/shm')
    os.unshare(os.CLONE_FS)  # with the threads that were started meanwhile: setns refuses that
    os.setns(before, os.CLONE_NEWNS)
    os.close(before)


def test_a_full_shared_memory_stops_nothing_for_good(small_memory, start_run):
    run = start_run()
    run.begin()
    fill(small_memory / 'filler')
    time.sleep(FULL_TIME)
    old, _ = run.graph.send('vision_encoder', signal.SIGKILL)  # who starts now finds no room
    run.graph.until(lambda: run.graph.pids().get('vision_encoder', old) != old, what='a restart')
    time.sleep(FULL_TIME)
    (small_memory / 'filler').unlink()
    ended = time.time()
    again = run.went_on(ended)
    run.conclude(
        '/dev/shm is full, and a node starts meanwhile',
        f'{run.graph.log.count("starting it again")} restarts, went on',
        recovered=again - ended,
    )


def fill(path):
    """Write until no byte is left."""
    with path.open('wb', buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_system_clock_that_is_set_never_makes_the_arm_jump(start_run, tmp_path):
    clock = Clock(tmp_path)
    run = start_run(environment=clock.environment)
    run.monitor.by_arrival = True
    for seconds in (-5.0, 5.0, -0.2, 0.2, -3600.0, 3600.0):
        run.begin()
        began = clock.step(seconds)
        time.sleep(0.5)
        again = run.went_on(time.time())
        run.conclude(f'system clock is set by {seconds:+g} s', 'went on', recovered=again - began)
        assert again - began < 12.0 + 5 * run.slack()


class Clock:
    """The system clock of the nodes, which the test sets."""

    def __init__(self, folder):
        if shutil.which('cc') is None:
            pytest.skip('no C compiler (cc) to build a clock with that can be set')
        library, self._offset = folder / 'clock.so', folder / 'offset'
        source = Path(__file__).with_name('clock.c')
        subprocess.run([*COMPILE, '-o', library, source, '-ldl'], check=True)
        self._seconds = 0.0
        self._offset.write_bytes(struct.pack('q', 0))
        preloaded = f'{library} {os.environ.get("LD_PRELOAD", "")}'.strip()
        self.environment = {'LD_PRELOAD': preloaded, 'VLA_ROS_CLOCK': str(self._offset)}

    def step(self, seconds):
        """Set the clock by so many seconds; return the time (s) of who was not touched."""
        self._seconds += seconds
        with self._offset.open('r+b') as file:
            file.write(struct.pack('q', round(self._seconds * 1e9)))
        return time.time()

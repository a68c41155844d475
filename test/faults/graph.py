# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The real graph: ``vla_ros up`` on the tea-bag job, altered where a fault needs it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import yaml

from vla_ros.core.config import find_config

NODES = ('vision_encoder', 'llm_backbone', 'action_expert', 'action_queue')
CAMERAS = ('camera_top', 'camera_gripper', 'camera_left')
UP, LAUNCH = LAUNCHERS = 'vla_ros up', 'ros2 launch'
LAUNCH_FILE = Path(__file__).parents[2] / 'launch' / 'deployment.launch.py'
# a terminal that ends leaves its session with a hangup
TERMINAL = (sys.executable, '-c', 'import pty, sys; pty.spawn(sys.argv[1:])')
MOVING = 0.15  # rad/s of the fastest joint: the arm is well on its way
ENDLESS = {'episodes': 0}


class Graph:
    """A run of the tea-bag job and the processes in it."""

    def __init__(
        self,
        folder,
        monitor,
        remappings=None,
        parameters=None,
        environment=None,
        launcher=UP,
        terminal=False,
        job=None,
        **chosen,
    ):
        """
        Start it.

        ``remappings`` and ``parameters`` are those of nodes, by name, ``chosen`` the arguments of
        the deployment, ``environment`` what is added to the test's. The ``launcher`` is one of
        LAUNCHERS, with a ``terminal`` of its own or none; ``job`` the deployment, where it is
        another one.
        """
        self.monitor, self._terminal = monitor, terminal
        self.path = path = job
        if job is None:
            self.path = path = write_job(folder / 'job.yaml', remappings or {}, parameters or {})
            chosen = ENDLESS | chosen
        self._copy = (folder / 'log.txt').open('w')  # kept with pytest's temporary folders
        words = [f'{name}:={value}' for name, value in chosen.items()]
        self.lines = []
        self._up = subprocess.Popen(
            [*(TERMINAL if terminal else ()), *start_of(launcher, path), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}),
            text=True,
            preexec_fn=hear_hangups,
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def log(self):
        """Return what the run has printed."""
        return '\n'.join(self.lines)

    @property
    def pid(self):
        """Return the process id of the launcher, or of its terminal where it has one."""
        return self._up.pid

    @property
    def launcher(self):
        """Return the process id of the launcher."""
        return next(iter(descendants(self.pid))) if self._terminal else self.pid

    def pids(self):
        """Return the process id of each node that lives, by name."""
        found = {}
        for pid in descendants(self._up.pid):
            words = read_words(pid)
            name = next((w for w in words if w.startswith('__node:=')), None)
            if name:
                found[name.removeprefix('__node:=')] = pid
        return found

    def send(self, name, number):
        """Send a signal to a node; return its process id and the time (s)."""
        pid = self.pids()[name]
        now = time.time()
        os.kill(pid, number)
        return pid, now

    def until(self, condition, timeout=30.0, what='it'):
        """Wait until ``condition()`` holds; fail with the end of the log after ``timeout`` s."""
        end = time.monotonic() + timeout
        while not condition():
            last = '\n'.join(self.lines[-40:])
            assert time.monotonic() < end, f'{what} did not happen in {timeout} s; log:\n{last}'
            assert self._up.poll() is None, f'the run ended ({self._up.poll()}); log:\n{last}'
            time.sleep(0.01)

    def until_moving(self, timeout=150.0):
        """Wait until the arm follows a chunk at some speed, with a while to go."""
        monitor = self.monitor
        self.until(
            lambda: monitor.running and monitor.speed > MOVING and monitor.status.remaining > 0.8,
            timeout,
            'motion',
        )

    def stop(self, number=signal.SIGINT, timeout=20.0):
        """End the run by a signal; return its exit code."""
        if self._up.poll() is None:
            self._up.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout=20.0):
        """Return the exit code of the run, which ends by itself."""
        return self._up.wait(timeout)

    def close(self):
        """Leave no process behind, whatever state they are in."""
        nodes = self.pids().values()
        if self._up.poll() is None:
            self._up.send_signal(signal.SIGINT)
        for pid in nodes:
            kill(pid, signal.SIGCONT)
        try:
            self._up.wait(15.0)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
        for pid in nodes:
            kill(pid, signal.SIGKILL)

    def _read(self):
        for line in self._up.stdout:
            self.lines.append(line.rstrip())
            print(line, end='', file=self._copy, flush=True)


def hear_hangups():
    """Undo what nohup does, which may have started the tests."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start_of(launcher, path):
    """Return the start of the command line that runs the deployment at ``path``."""
    if launcher == UP:
        return sys.executable, '-m', 'vla_ros.tools.main', 'up', str(path)
    return 'ros2', 'launch', str(LAUNCH_FILE), f'deployment:={path}'


def write_job(path, remappings, parameters):
    """Write config/tea_bag.yaml, with more remappings and parameters of nodes, to ``path``."""
    job = yaml.safe_load(find_config('', 'tea_bag').read_text())
    for node in job['nodes']:
        node['remappings'] = node.get('remappings', {}) | remappings.get(node['name'], {})
        node['parameters'] = node.get('parameters', {}) | parameters.get(node['name'], {})
    path.write_text(yaml.safe_dump(job))
    return path


def descendants(pid):
    """Return the process ids below ``pid``, however deep."""
    try:
        tasks = Path(f'/proc/{pid}/task').glob('*/children')
        children = [int(word) for task in tasks for word in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [*children, *(below for child in children for below in descendants(child))]


def read_words(pid):
    """Return the command line of a process, empty where it has ended."""
    try:
        return Path(f'/proc/{pid}/cmdline').read_text().split('\0')
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid):
    """Say whether a process runs; one that has ended and waits to be noticed does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def waited(pid):
    """Return the seconds for which a process could have run so far, and had no core."""
    return 1e-9 * int(Path(f'/proc/{pid}/schedstat').read_text().split()[1])


def kill(pid, number):
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

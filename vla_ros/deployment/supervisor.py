# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run several processes as one: show their output, notice who ends, and stop them all together.

Whatever stops the run sends SIGTERM to every process, SIGKILL follows after a grace period. Only
who presses Ctrl-C (or sends SIGTERM) twice, a second apart or more, is impatient: that kills at
once. It isn't SIGINT because Python answers that, wherever it is, with an exception: nodes that
still load their modules would bury the reason for the stop in tracebacks.

Each process leads a group of its own, which ends with it, and gets SIGTERM from the kernel should
this process be killed. Whatever else ends this one early, all processes get their time to stop.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

from vla_ros.core.errors import VlaError
from vla_ros.deployment.restarts import (
    EPISODES_FAILED,
    LIMIT,
    LOOK_PERIOD,
    REFUSED,
    RESPAWN_DELAY,
    WINDOW,
    FrozenWatch,
    RestartBudget,
)
from vla_ros.runtime.tether import LAUNCHER, tethered
from vla_ros.runtime.usage import Usage, read_memory

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # of a terminal, one for each process
PRESSES = (signal.SIGINT, signal.SIGTERM)  # a reader or a terminal that leaves is not impatient
STOP_SIGNALS = (*PRESSES, signal.SIGHUP)
NOT_ALL = 'not every episode succeeded'
LAST_LINES = 15  # of a dead process that are shown again
LONGEST_LINE = 1 << 16  # bytes that are kept until the line ends
PERIOD = 0.1  # s between two looks at the processes
SAMPLE_PERIOD = 1.0  # s between two looks at their memory
ONE_PRESS = 1.0  # s in which interrupts are one: a terminal and a service manager send several


@dataclass(frozen=True)
class Command:
    """What to start, and what its end means for the others."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # the whole environment
    required: bool = False  # the run fails when it ends
    ends_run: bool = False  # the run is over when it ends, and fails with it
    respawn: bool = False  # it is started again when it ends


class Process:
    """A started command: its output, its end and what it used."""

    def __init__(self, command: Command) -> None:
        """Start ``command``; raise VlaError where that can't be done."""
        self.command = command
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._started = time.monotonic()
        self._memory = 0
        self.frozen = False  # as long as somebody stops it
        self.silent = False  # it has closed its output, and may run on
        self._rest = b''
        try:
            self._popen = subprocess.Popen(
                command.argv,
                env={**command.env, LAUNCHER: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tethered(),
            )
        except OSError as error:
            raise VlaError(f'{command.name}: {command.argv[0]}: {error.strerror}') from None
        assert self._popen.stdout is not None
        self.pid = self._popen.pid
        self.output = self._popen.stdout.fileno()
        os.set_blocking(self.output, False)

    def read(self) -> list[str]:
        """Return the lines that have been completed since the last call."""
        with suppress(BlockingIOError):
            while data := os.read(self.output, 65536):
                self._rest += data
            self.silent = True
        *lines, self._rest = self._rest.split(b'\n')
        if len(self._rest) > LONGEST_LINE:  # a progress bar ends none
            lines, self._rest = [*lines, self._rest], b''
        return self._keep(lines)

    def sample(self) -> None:
        """Look at the memory that the process holds now."""
        self._memory = max(self._memory, read_memory(self._popen.pid))

    def signal(self, number: int) -> None:
        """Send a signal to the process and to those that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def poll(self) -> Usage | None:
        """Return what the process used once it has ended, else None."""
        pid, status, resources = os.wait4(self._popen.pid, os.WNOHANG)
        if not pid:
            return None
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        return Usage(
            self.command.name,
            self._memory,
            resources.ru_utime + resources.ru_stime,
            time.monotonic() - self._started,
            self._popen.returncode,
        )

    def close(self) -> list[str]:
        """Kill what is left of the process's group; return its last lines that nobody has read."""
        self.signal(signal.SIGKILL)
        self._popen.wait()
        lines = self.read() + self._keep([self._rest] if self._rest else [])
        assert self._popen.stdout is not None
        self._popen.stdout.close()
        return lines

    def _keep(self, lines: list[bytes]) -> list[str]:
        texts = [line.decode(errors='replace') for line in lines]
        self.last_lines.extend(texts)
        return texts


class Supervisor:
    """Runs commands until one of them ends the run, fails it, or the user interrupts it."""

    def __init__(
        self, commands: Sequence[Command], out: TextIO | None = None, grace: float = 5.0
    ) -> None:
        """Take what to run, where to show its output, and the time to stop in (s)."""
        self.usages: list[Usage] = []  # of the processes that have ended
        self._commands = commands
        self._out = out or sys.stdout
        self._grace = grace
        self._colours = {c.name: COLOURS[i % len(COLOURS)] for i, c in enumerate(commands)}
        self._running: list[Process] = []
        self._respawns: list[tuple[float, Command]] = []  # when, what
        self._budget, self._frozen, self._next_look = RestartBudget(), FrozenWatch(), 0.0
        self._signals: list[tuple[float, signal.Signals]] = []  # when, what: while stopping
        self._interrupts: list[int] = []  # signals that have come in and wait to be handled
        self._pressed: float | None = None  # s, monotonic, when the first press was handled
        self._code: int | None = None  # of the run, as soon as it is to stop
        self._report = ''  # why it failed: said at the end, so that nothing buries it
        self._next_sample = 0.0

    def run(self) -> int:
        """
        Run to the end and return the exit code of the run.

        It is 0 after a command that ``ends_run``, EPISODES_FAILED where its episodes did not all
        succeed, 1 after a death, 128 + signal when interrupted.
        """
        with self._handle_signals(), selectors.DefaultSelector() as self._selector:
            try:
                for command in self._commands:
                    self._start(command)
                while self._running or self._respawns:
                    self._step(time.monotonic())
            finally:
                self._end_the_rest()
        if self._report:
            self.say(self._report)
        return self._code or 0

    def _end_the_rest(self) -> None:
        """End who still runs where this program itself fails; an arm has to brake, too."""
        end = time.monotonic() + self._grace
        for process in self._running:
            process.signal(signal.SIGTERM)
        for process in self._running:
            while process.poll() is None and time.monotonic() < end:
                process.read()  # who finds nobody reading its output could not end
                time.sleep(0.02)
            process.close()

    def say(self, text: str) -> None:
        """Show lines of the run's own."""
        for line in text.splitlines():
            self._show('up', line)

    def _step(self, now: float) -> None:
        """Do what is due at ``now``, then wait a little for output."""
        self._take_interrupts(now)
        self._send_signals(time.monotonic())  # those that an interrupt has just asked for, too
        self._start_again(now)
        if now >= self._next_sample:
            self._sample(now)
        if now >= self._next_look:
            self._look_for_frozen(now)
        for key, _ in self._selector.select(PERIOD):
            self._show_lines(key.data, key.data.read())
            if key.data.silent:
                self._selector.unregister(key.data.output)
        for process in list(self._running):
            usage = process.poll()
            if usage is not None:
                self._retire(process, usage)

    def _start(self, command: Command) -> None:
        process = Process(command)
        self._running.append(process)
        self._selector.register(process.output, selectors.EVENT_READ, process)

    def _start_again(self, now: float) -> None:
        due = [command for when, command in self._respawns if when <= now]
        self._respawns = [item for item in self._respawns if item[0] > now]
        for command in due:
            self._start(command)

    def _retire(self, process: Process, usage: Usage) -> None:
        """Take leave of a process that has ended, and decide what that means for the run."""
        self._running.remove(process)
        if not process.silent:
            self._selector.unregister(process.output)
        self._show_lines(process, process.close())
        self.usages.append(usage)
        if self._code is None:
            self._judge(process, usage.exit_code)

    def _judge(self, process: Process, exit_code: int) -> None:
        command, end = process.command, describe_exit(exit_code)
        if command.ends_run and exit_code == 0:
            self._stop(0, f'{command.name} is done')
        elif command.ends_run and exit_code == EPISODES_FAILED:
            self._stop(EPISODES_FAILED, f'{command.name} is done, and {NOT_ALL}')
        elif command.required or command.ends_run:
            self._report = self._describe_death(process, end)
            self._stop(1, f'{command.name} died ({end}), and the run needs it')
        elif command.respawn and self._budget.allows(command.name, time.monotonic(), exit_code):
            self.say(f'{command.name} died ({end}): starting it again')
            self._respawns.append((time.monotonic() + RESPAWN_DELAY, command))
        elif command.respawn:
            self._report = self._describe_death(process, end)
            self._stop(1, f'{command.name} {describe_loss(exit_code)}')
        elif exit_code:
            self.say(self._describe_death(process, end))

    def _describe_death(self, process: Process, end: str) -> str:
        lines = [f'{process.command.name} died: {end}. Its last lines:']
        return '\n'.join([*lines, *(f'    {line}' for line in process.last_lines)])

    def _stop(self, code: int, reason: str) -> None:
        """Begin to stop all processes."""
        now = time.monotonic()
        self._code = code
        self._respawns.clear()
        self.say(f'{reason}: stopping')
        self._sample(now)
        self._signals = [(now, signal.SIGTERM), (now + self._grace, signal.SIGKILL)]

    def _take_interrupts(self, now: float) -> None:
        while self._interrupts:
            number = signal.Signals(self._interrupts.pop(0))
            if self._code is None:
                self._stop(128 + number, number.name)
            if number not in PRESSES:
                continue
            if self._pressed is None:
                self._pressed = now
            elif now - self._pressed > ONE_PRESS:
                self._signals = [(now, signal.SIGKILL)]

    def _send_signals(self, now: float) -> None:
        while self._signals and self._signals[0][0] <= now:
            number = self._signals.pop(0)[1]
            if number == signal.SIGKILL:
                names = ', '.join(process.command.name for process in self._running)
                self.say(f'killing {names}')
            for process in self._running:
                process.signal(number)

    def _look_for_frozen(self, now: float) -> None:
        """Kill a process that somebody stopped, where it is started again; tell of any other."""
        self._next_look = now + LOOK_PERIOD
        frozen = self._frozen.look([process.pid for process in self._running], now)
        for process in self._running:
            before, process.frozen = process.frozen, process.pid in frozen
            if not process.frozen or before or self._code is not None:
                continue
            if process.command.respawn:
                self.say(f'{process.command.name} is frozen (stopped by a signal): killing it')
                process.signal(signal.SIGKILL)
            else:
                self.say(f'{process.command.name} is frozen (stopped by a signal)')

    def _sample(self, now: float) -> None:
        self._next_sample = now + SAMPLE_PERIOD
        for process in self._running:
            process.sample()

    def _show_lines(self, process: Process, lines: list[str]) -> None:
        for line in lines:
            self._show(process.command.name, line)

    def _show(self, name: str, line: str) -> None:
        prefix = f'[{name}]'
        if self._out.isatty() and 'NO_COLOR' not in os.environ:
            prefix = f'\x1b[{self._colours.get(name, 1)}m{prefix}\x1b[0m'
        try:
            print(prefix, line, file=self._out, flush=True)
        except OSError:  # nobody reads any more: a pipe, a terminal that was closed, a full disk
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
            self._interrupts.append(signal.SIGPIPE)

    @contextmanager
    def _handle_signals(self) -> Iterator[None]:
        """Note the signals that stop the run, but a hangup where nohup says that it goes on."""

        def note(number: int, frame: FrameType | None) -> None:
            self._interrupts.append(number)

        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        if before[signal.SIGHUP] is signal.SIG_IGN:
            del before[signal.SIGHUP]
        for number in before:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def describe_loss(exit_code: int) -> str:
    """Return why a process that is started again is not any more."""
    if exit_code == REFUSED:
        return 'refused its parameters'
    return f'died more than {LIMIT} times in {WINDOW:.0f} s'


def describe_exit(exit_code: int) -> str:
    """Return an exit code in words."""
    if exit_code < 0:
        # few signals of real time have a name
        names = {number.value: number.name for number in signal.Signals}
        return f'killed by {names.get(-exit_code, f"signal {-exit_code}")}'
    return f'exit code {exit_code}'

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Processes end with what started them, however that came to its end.

A launcher (``vla_ros up``, `ros2 launch`) names itself in the environment of its nodes, which
watch it: that holds for each of them, however deep below it and with whatever privileges. For a
program that knows nothing of it, as a command::

    python -m vla_ros.runtime.tether LAUNCHER PROGRAM [ARGUMENT...]

runs it so that the kernel sends it SIGTERM when its parent dies. Who starts a node by hand or by
systemd names no launcher, and the node lives on for itself.
"""

import ctypes
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

LAUNCHER = 'VLA_ROS_LAUNCHER'  # environment variable: the process id of who started this process
PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None)


def end_with_parent(launcher: int) -> None:
    """
    Have the kernel send SIGTERM to this process when its parent dies, or now if that has happened.

    The parent is the process ``launcher``, or one below it: a debugger, a terminal. The kernel
    takes the thread that forked for the parent.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != launcher and not is_running(launcher):
        os.kill(os.getpid(), signal.SIGTERM)


def tethered() -> Callable[[], None]:
    """Return what a child of this process does first, as ``preexec_fn``, to end with it."""
    return partial(end_with_parent, os.getpid())


def is_running(pid: int) -> bool:
    """Say whether a process runs: one that has ended, and waits to be noticed, does not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        return not has_ended(descriptor)
    finally:
        os.close(descriptor)


def has_ended(descriptor: int, timeout: float = 0.0) -> bool:
    """Say whether the process of a pidfd has ended, or does so within ``timeout`` s."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(1e3 * timeout))


def open_launcher() -> int | None:
    """
    Return a pidfd of the launcher that the environment names, None where it names none.

    Once only, so that nobody whom this process starts takes it for theirs. Where the launcher has
    ended by now this process gets SIGTERM.
    """
    named = os.environ.pop(LAUNCHER, '')
    if not named.isdecimal():
        return None
    end_with_parent(int(named))
    try:
        return os.pidfd_open(int(named))
    except ProcessLookupError:
        return None


def main(words: Sequence[str]) -> None:
    """Become the program that ``words`` name after the process id of its launcher."""
    launcher, program, *arguments = words
    end_with_parent(int(launcher))
    os.execvp(program, [program, *arguments])


if __name__ == '__main__':
    main(sys.argv[1:])

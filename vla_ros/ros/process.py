# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A node as a process: how it starts, who tells it to end, and how long that may take.

A signal tells it, or the end of its launcher. Python answers a signal in the main thread between
two callbacks; a thread beside them hears of it at once, so that an arm brakes even where a
callback hangs. Whatever hangs then, the process is gone after LONGEST_EXIT.
"""

import faulthandler
import gc
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from types import FrameType

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from vla_ros.core.errors import VlaError
from vla_ros.deployment.fastdds import use_profile
from vla_ros.deployment.restarts import REFUSED
from vla_ros.ros.lifecycle import VlaNode, context_is_gone
from vla_ros.ros.params import UnknownParameterError, refuse_unknown
from vla_ros.ros.remappings import find_misnamed
from vla_ros.runtime.memory import keep_freed_memory
from vla_ros.runtime.tether import open_launcher

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
LONGEST_WAIT = 0.1  # s until a signal is answered: Python does so between two callbacks only
LONGEST_EXIT = 10.0  # s that a process may take to end once it is told to
LONGEST_FINISH = 60.0  # s, where it ends because its job is done
FEED_PERIOD = 1.0  # s between two signs of life to the process's own watchdog


class Ending:
    """The end of this process: who asks for it, and what a node does about it."""

    def __init__(self) -> None:
        """Listen from now on; a hangup stays ignored where nohup says so."""
        self.node: VlaNode | None = None
        self._told = False
        heard, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        arguments = heard, open_launcher()
        threading.Thread(target=self._listen, args=arguments, name='ending', daemon=True).start()

    def begin(self) -> None:
        """Be deaf to further signals, and limit the time that is left."""
        for number in STOP_SIGNALS:  # a second Ctrl-C must not cut this short
            signal.signal(number, signal.SIG_IGN)
        if not self._told:
            limit_exit(LONGEST_FINISH)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Have a node that works come to its end; what still loads is given up."""
        if self.node is not None and self.node.active:
            self.node.finished = True
            return
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    def _listen(self, heard: int, launcher: int | None) -> None:
        """Tell the node beside its callbacks; the end of the launcher is as good as SIGTERM."""
        poll = select.poll()
        for descriptor in (heard, launcher):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == launcher:
                    poll.unregister(launcher)
                    os.kill(os.getpid(), signal.SIGTERM)
                elif {*os.read(heard, 64)} & {*STOP_SIGNALS}:
                    self._tell()

    def _tell(self) -> None:
        if self._told:
            return
        self._told = True
        limit_exit(LONGEST_EXIT)
        if self.node is not None:
            self.node.halt()


def limit_exit(seconds: float) -> None:
    """
    End this process after that time, with the stacks of all threads in the log.

    The kernel does so a second later, where even what prints them has been torn down.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)
    signal.setitimer(signal.ITIMER_REAL, seconds + 1.0)


def name_home() -> None:
    """Name the home folder, where ROS keeps its logs, if whoever started the node named none."""
    home = os.path.expanduser('~')
    usable = os.path.isdir(home) and os.access(home, os.W_OK)
    os.environ.setdefault('HOME', home if usable else tempfile.gettempdir())


def spin_node(
    factory: Callable[[], VlaNode], args: list[str] | None = None, images: bool = True
) -> int:
    """
    Run the node that ``factory`` makes until it is told to stop; return the exit code.

    The code is 1 where the node can't be configured or activated, and REFUSED where it can't be
    made of its parameters: one is wrong, or unknown (one line says why). A node that neither gets
    nor sends ``images`` stays off the shared memory of the middleware.
    """
    keep_freed_memory()
    use_profile(images)
    name_home()
    try:
        # rclpy's own handlers would cut the node off from ROS before an arm can brake
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError, which rclpy hides
        print(f'ROS 2 does not start: {error}; mend the names after --ros-args', file=sys.stderr)
        return 1
    ending = Ending()
    faulthandler.enable()
    try:
        ending.node = node = factory()
        refuse_unknown(node)
        if node.autostart and not node.start():
            return 1
        for line in find_misnamed(node, sys.argv if args is None else args):
            node.get_logger().warning(line)
        gc.freeze()  # what is loaded by now stays: no collection has to look at it again
        spin(node)
    except VlaError as error:
        print(error, file=sys.stderr)
        refused = ending.node is None or isinstance(error, UnknownParameterError)
        return REFUSED if refused else 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except RuntimeError as error:
        if not context_is_gone(error):
            raise
        return 0
    finally:
        ending.begin()
        if ending.node is not None:
            ending.node.destroy_node()
        rclpy.try_shutdown()
    return node.exit_code


def spin(node: VlaNode) -> None:
    """
    Run the callbacks of ``node`` until it has finished.

    A callback that takes longer than the node's ``watchdog`` ends the process with the stacks of
    all threads in the log, even where it hangs outside Python; a supervisor starts it again.
    """
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    fed = -FEED_PERIOD
    while rclpy.ok() and not node.finished:
        if node.watchdog and time.monotonic() - fed >= FEED_PERIOD:
            fed = time.monotonic()
            faulthandler.dump_traceback_later(node.watchdog + FEED_PERIOD, exit=True)
        executor.spin_once(LONGEST_WAIT)

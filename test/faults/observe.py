# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every fault has in common: the arm moves, something breaks, it holds, and it goes on."""

import re
import threading
import time

from faults.table import Seen

from vla_ros.msg import QueueStatus

NOTICED = 0.3  # s, promised, until a node that was killed or frozen is missed
STALE = 0.1  # s, promised, until the arm holds where its joint states do not come
BRAKING = 0.1  # s; from full velocity at full deceleration, and one control period
JITTER = 5e-4  # s between the stamp of a command and the tick that it was made for
QUIET = 0.5  # s without a command after which none is on its way any more
GUARD = 0.1  # s; a command that goes on may come before the status that says so
RUNNING = QueueStatus.RUNNING


class Lateness:
    """Measures how late this machine wakes who sleeps; promises hold on top of that."""

    def __init__(self, period=0.005):
        self._period, self._late, self._running = period, [], True
        threading.Thread(target=self._run, daemon=True).start()

    def since(self, began):
        """Return the largest lateness since ``began`` (s)."""
        return max((late for at, late in list(self._late) if at >= began), default=0.0)

    def close(self):
        """Stop measuring."""
        self._running = False

    def _run(self):
        while self._running:
            due = time.monotonic() + self._period
            time.sleep(self._period)
            self._late.append((time.time(), time.monotonic() - due))


class Observer:
    """Sees one fault through: what was commanded, when it was noticed, held and over."""

    def __init__(self, graph, monitor, table, lateness):
        self.graph, self.monitor, self._table, self._lateness = graph, monitor, table, lateness

    def begin(self):
        """Wait until the arm moves; the fault follows."""
        self.graph.until_moving()
        self.started = time.time()

    def noticed(self, began, reason='', timeout=10.0):
        """
        Wait until the arm is known not to run any more; return the status that says so.

        ``reason`` is a regular expression that is found in the reason it gives.
        """

        def find():
            return self.monitor.first_status(
                began, lambda msg: msg.mode != RUNNING and re.search(reason, msg.reason)
            )

        self.graph.until(lambda: find() is not None, timeout, f'a hold with {reason!r}')
        return find()

    def went_on(self, after, timeout=60.0):
        """
        Wait until the arm runs again after ``after`` (s); return when it did (s).

        It has to move, too, but a policy may well stand still until the next episode begins.
        """
        self.graph.until(
            lambda: self.monitor.first_status(after, lambda msg: msg.mode == RUNNING), timeout
        )
        again = self.monitor.first_status(after, lambda msg: msg.mode == RUNNING).time
        self.graph.until(
            lambda: self.monitor.running and self.monitor.recording.since(again).motions,
            timeout,
            'motion after the fault',
        )
        return again

    def held(self, began, until):
        """Return the time of the last command before ``until`` that moved the arm, s."""
        return max(self.monitor.recording.since(began).until(until - GUARD).motions, default=began)

    def last_commands(self):
        """Return the last two commands, once what is on its way to the monitor has come."""
        commands, known = self.monitor.recording.commands, -1
        while len(commands) != known:
            known = len(commands)
            time.sleep(QUIET)
        return commands[-2:]

    def slack(self):
        """Return the seconds that the machine itself adds to every promise since ``begin``."""
        return 2.0 * self._lateness.since(self.started)

    def conclude(self, fault, outcome, **times):
        """Check the commands since ``begin`` and what the nodes said; add a row to the table."""
        recording = self.monitor.recording.since(self.started - 0.5)
        recording.jitter = JITTER + self.slack()
        self._table.append(Seen(fault, outcome, worst=recording.ratios().worst, **times))
        recording.check()
        assert 'Traceback' not in self.graph.log, self.graph.log

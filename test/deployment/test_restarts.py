# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How often a process is started again, and which one is frozen."""

import os
import signal
import subprocess
import time

from vla_ros.deployment.restarts import (
    FROZEN,
    LIMIT,
    WINDOW,
    FrozenWatch,
    RestartBudget,
    is_stopped,
)


def test_process_that_dies_again_and_again_is_given_up() -> None:
    budget = RestartBudget()
    assert [budget.allows('camera', float(i)) for i in range(LIMIT + 2)] == [True] * LIMIT + [
        False,
        False,
    ]


def test_process_that_lived_for_a_while_may_be_started_again() -> None:
    budget = RestartBudget()
    assert all(budget.allows('camera', i * (WINDOW / LIMIT + 0.1)) for i in range(20))


def test_each_process_has_a_budget_of_its_own() -> None:
    budget = RestartBudget()
    assert all(budget.allows(name, 0.0) for name in ('a', 'b') for _ in range(LIMIT))
    assert not budget.allows('a', 0.0)


def test_stopped_process_is_frozen_after_a_moment_and_not_when_it_goes_on() -> None:
    process = subprocess.Popen(['sleep', '60'])
    watch = FrozenWatch()
    try:
        assert watch.look([process.pid], 0.0) == []
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert watch.look([process.pid], 1.0) == []
        assert watch.look([process.pid], 1.01 + FROZEN) == [process.pid]
        process.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, process.pid, os.WCONTINUED)
        assert watch.look([process.pid], 2.0) == []
    finally:
        process.kill()
        process.wait()
    assert not is_stopped(process.pid)
    assert watch.look([process.pid], time.monotonic()) == []

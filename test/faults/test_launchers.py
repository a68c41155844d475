# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What started the nodes ends, in every way there is, while the arm moves: so do the nodes."""

import os
import shutil
import signal
import time

import pytest
from faults.graph import LAUNCH, LAUNCHERS, is_alive
from faults.observe import BRAKING
from faults.recording import STILL, speed

pytestmark = [pytest.mark.faults, pytest.mark.slow]
NOTICED = 0.1  # s, promised, until the arm begins to brake
LATE = 0.05  # s between two commands on a machine that is too busy
ENDED = 5.0  # s, promised, until the last node is gone
TOLD = {number: number.name for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
KILLED = {signal.SIGKILL: 'SIGKILL', signal.SIGSEGV: 'crash'}


@pytest.fixture(params=LAUNCHERS)
def launcher(request):
    """Return how the nodes are started; `ros2 launch` is there with ROS 2, not on PyPI."""
    if request.param == LAUNCH and not shutil.which('ros2'):
        pytest.skip('there is no ros2 launch here')
    return request.param


def end(run, what, stop):
    """Have ``stop(graph)`` end what started the nodes; see that the arm brakes and all is gone."""
    run.begin()
    nodes, began = run.graph.pids(), time.time()
    assert nodes.keys() == {'action_queue', 'driver'}
    stop(run.graph)
    ended = {}
    while len(ended) < len(nodes) and time.time() < began + 30.0:
        gone = [name for name, pid in nodes.items() if name not in ended and not is_alive(pid)]
        ended.update(dict.fromkeys(gone, time.time() - began))
        time.sleep(0.01)
    before, final = run.last_commands()
    last = final.sent - began
    run.conclude(
        what,
        f'braked; last command after {last:.2f} s, last node gone after '
        f'{max(ended.values(), default=0.0):.2f} s',
        held=run.held(began, time.time()) - began,
    )
    left = sorted(nodes.keys() - ended.keys())
    assert not left, f'{left} lived on'
    on_time = final.time - before.time <= LATE  # a late tick has the whole way to rest in it
    assert not on_time or speed(before, final) <= STILL, 'commands ended in motion'
    assert last <= NOTICED + BRAKING + run.slack()
    assert max(ended.values()) <= ENDED + run.slack()


@pytest.mark.parametrize('number', [*TOLD, *KILLED], ids=(TOLD | KILLED).get)
def test_a_launcher_that_ends_by_a_signal_takes_its_nodes_along(start_swing, launcher, number):
    run = start_swing(launcher)
    word = f'is told to end ({TOLD[number]})' if number in TOLD else f'ends by {KILLED[number]}'
    end(run, f'{launcher} {word}', lambda graph: os.kill(graph.launcher, number))


def test_a_terminal_that_is_closed_takes_the_nodes_along(start_swing, launcher):
    run = start_swing(launcher, terminal=True)
    end(run, f'terminal of {launcher} closed', lambda graph: os.kill(graph.pid, signal.SIGKILL))


def test_a_run_that_fails_takes_the_other_nodes_along(start_swing, launcher):
    run = start_swing(launcher)
    end(run, f'{launcher} fails', lambda graph: graph.send('driver', signal.SIGKILL))


def test_a_launcher_that_was_frozen_and_is_killed_then_takes_its_nodes_along(
    start_swing, launcher
):
    run = start_swing(launcher)

    def stop(graph):
        os.kill(graph.launcher, signal.SIGKILL)

    run.begin()
    os.kill(run.graph.launcher, signal.SIGSTOP)
    time.sleep(1.0)
    assert run.graph.pids().keys() == {'action_queue', 'driver'} and run.monitor.running
    end(run, f'{launcher} is frozen, then killed', stop)


def test_all_that_is_told_to_end_at_once_as_a_service_is_brakes_first(start_swing, launcher):
    """A service manager (systemd) stops every process of a service at the same time."""
    run = start_swing(launcher)

    def stop(graph):
        for pid in [graph.launcher, *graph.pids().values()]:
            os.kill(pid, signal.SIGTERM)

    end(run, f'{launcher} and its nodes are told to end at once', stop)

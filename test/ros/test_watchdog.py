# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A watched node that is killed, frozen or deactivated is noticed at once, and its return too."""

import signal
import subprocess
import sys
import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from patience import PATIENCE
from std_msgs.msg import Empty

from vla_ros.msg import QueueStatus
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import parse_names
from vla_ros.ros.watchdog import Watchdog

ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
NOTICED = 0.3  # s
START = 30.0  # s, for a process to come up on a busy machine
WATCHED = """
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.process import spin_node
raise SystemExit(spin_node(lambda: VlaNode('watched')))
"""


@pytest.fixture
def start_watched():
    """Return the function that starts a process with an active node called watched."""
    processes = []

    def start():
        processes.append(subprocess.Popen([sys.executable, '-c', WATCHED]))
        return processes[-1]

    yield start
    for process in processes:
        end(process)


def end(process):
    """
    End a process by itself, if it can.

    One that is killed while it finds others may leave a port of Fast DDS locked, for which the
    next to open it waits 2 s, and then takes the lock away.
    """
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def time_until_noticed(graph, watchdog, process, number):
    """Return the seconds from a signal until the watchdog misses the process."""
    graph.until(lambda: not watchdog.missing, START)
    graph.spin(0.5)
    graph.until(lambda: not watchdog.missing, START)
    began = time.monotonic()
    process.send_signal(number)
    graph.until(lambda: watchdog.missing)
    return time.monotonic() - began


def test_node_whose_sign_of_life_was_lost_is_heard_all_the_same(start_graph, start_watched):
    graph = start_graph()
    watchdog = Watchdog(graph.start(VlaNode('watcher')), ['watched'])
    process = start_watched()
    graph.until(lambda: not watchdog.missing, START)
    watchdog._alive['watched'] = False  # as where the middleware did not tell
    graph.until(lambda: not watchdog.missing, START)
    began = time.time_ns()
    process.terminate()
    graph.until(lambda: watchdog.missing)
    hear = watchdog._hear('watched')
    hear(Empty(), {'received_timestamp': began})  # it came before, and was handled after
    assert watchdog.missing == ('watched',)


def test_sign_of_life_counts_where_the_clock_was_set_back_since_the_last(start_graph):
    watchdog = Watchdog(start_graph().start(VlaNode('watcher')), ['watched'])
    watchdog._changed['watched'] = time.time_ns() + 3600 * 10**9
    watchdog._hear('watched')(Empty(), {'received_timestamp': time.time_ns()})
    assert not watchdog.missing


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP])
def test_watched_node_that_is_killed_or_frozen_is_noticed_and_so_is_its_return(
    start_graph, start_watched, capfd, number
):
    graph = start_graph()
    watchdog = Watchdog(graph.start(VlaNode('watcher')), ['watched'])
    assert watchdog.missing == ('watched',)
    times = [time_until_noticed(graph, watchdog, start_watched(), number)]
    while min(times) >= NOTICED and len(times) < 3:  # the test shares its machine with others
        times.append(time_until_noticed(graph, watchdog, start_watched(), number))
    assert min(times) < NOTICED
    assert 'watched is gone: killed, frozen or stopped' in capfd.readouterr().err
    start_watched()
    graph.until(lambda: not watchdog.missing, START)


def test_node_counts_as_active_only_while_it_is(start_graph, start_watched):
    graph = start_graph()
    watchdog = Watchdog(graph.start(VlaNode('watcher')), ['watched'])
    start_watched()
    graph.until(lambda: not watchdog.missing, START)
    client = graph.peer.create_client(ChangeState, 'watched/change_state')
    graph.until(client.service_is_ready)
    for transition, missing in ((DEACTIVATE, True), (ACTIVATE, False)):
        client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        graph.until(lambda missing=missing: bool(watchdog.missing) == missing)


def test_action_queue_holds_and_names_the_node_that_is_missing(start_graph, start_watched):
    graph = start_graph('watched_nodes:=watched', 'rate:=50.0')
    node = graph.start(ActionQueueNode())
    statuses = graph.collect(QueueStatus, 'queue_status', qos.LATEST)
    graph.until(lambda: statuses and statuses[-1].reason == 'watched: not active')
    process = start_watched()
    graph.until(lambda: statuses[-1].reason.startswith('no joint state'), START)
    for step in (node.trigger_deactivate, statuses.clear, node.trigger_activate):
        step()
    graph.until(lambda: statuses and statuses[-1].reason.startswith('no joint state'), START)
    process.send_signal(signal.SIGSTOP)
    graph.until(lambda: statuses[-1].reason == 'watched: not active')


def test_names_are_separated_by_commas():
    assert parse_names(' a, b,,c ') == ('a', 'b', 'c')
    assert parse_names('') == ()

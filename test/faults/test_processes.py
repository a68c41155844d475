# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every node is killed, and frozen, while the arm moves; one run for all of them."""

import signal
import time

import pytest
from faults.graph import CAMERAS, NODES, is_alive, waited
from faults.observe import BRAKING, NOTICED, STALE

pytestmark = [pytest.mark.faults, pytest.mark.slow]
KILL, FREEZE = signal.SIGKILL, signal.SIGSTOP
WORDS = {KILL: 'killed', FREEZE: 'frozen'}
RESTART = 2.0  # s, promised, until a node is there again, plus the load of its model
FREEZES = 20
LOAD = 6.0  # s, at most: imports, model, discovery; on top of that, the wait for a core


@pytest.fixture(scope='module')
def run(start_run):
    return start_run()


@pytest.mark.parametrize('number', [KILL, FREEZE], ids=WORDS.get)
@pytest.mark.parametrize('name', [*CAMERAS, *NODES[:3]])
def test_a_node_that_is_lost_is_noticed_the_arm_holds_and_the_job_goes_on(run, name, number):
    run.begin()
    old, began = run.graph.send(name, number)
    noticed = run.noticed(began, rf'\b{name}\b.*: not active')  # it, and perhaps others
    run.graph.until(lambda: run.graph.pids().get(name, old) != old, what='a restart')
    again = run.went_on(noticed.time)
    starved = waited(run.graph.pids()[name])
    held = run.held(began, again)
    detected = noticed.time - began
    run.conclude(
        f'{name} is {WORDS[number]}',
        'held, started again, went on',
        detected=detected,
        held=held - began,
        recovered=again - began,
    )
    assert detected <= NOTICED + run.slack()
    assert held - began <= NOTICED + BRAKING + run.slack()
    assert again - began - starved <= RESTART + LOAD + 5 * run.slack()


@pytest.mark.parametrize('number', [KILL, FREEZE], ids=WORDS.get)
def test_the_action_queue_that_is_lost_commands_nothing_and_begins_where_the_arm_is(run, number):
    run.begin()
    old, began = run.graph.send('action_queue', number)
    run.graph.until(lambda: run.graph.pids().get('action_queue', old) != old, what='a restart')
    assert not is_alive(old)
    replaced = time.time()  # the new one has yet to be loaded
    again = run.went_on(replaced)
    held = run.held(began, replaced)
    run.conclude(
        f'action_queue is {WORDS[number]}',
        'no command came, started again at the measured position, went on',
        held=held - began,
        recovered=again - began,
    )
    assert held - began <= 0.05 + run.slack()


def test_a_robot_that_freezes_is_held_and_goes_on(run):
    run.begin()
    _, began = run.graph.send('sim', FREEZE)
    noticed = run.noticed(began, 'joint state')
    time.sleep(0.5)
    _, ended = run.graph.send('sim', signal.SIGCONT)
    again = run.went_on(ended)
    held = run.held(began, ended)
    run.conclude(
        'robot (sim) is frozen',
        'held, went on when it came back',
        detected=noticed.time - began,
        held=held - began,
        recovered=again - ended,
    )
    assert noticed.time - began <= STALE + run.slack()
    assert held - began <= STALE + BRAKING + run.slack()


def test_a_robot_that_freezes_again_and_again_keeps_nobody_else_from_working(run):
    """Whatever lock it holds at that moment: others have to go on, and to notice it in time."""
    late, longest = [], 0.0
    run.begin()
    for _ in range(FREEZES):
        run.graph.until_moving()
        _, began = run.graph.send('sim', FREEZE)
        noticed = run.noticed(began, 'joint state')
        _, ended = run.graph.send('sim', signal.SIGCONT)
        late.append(noticed.time - began)
        longest = max(longest, run.went_on(ended) - ended)
    run.conclude(
        f'robot (sim) is frozen {FREEZES} times',
        'held, went on',
        detected=max(late),
        recovered=longest,
    )
    assert max(late) <= STALE + run.slack()


def test_ctrl_c_in_motion_brakes_the_arm_and_ends_every_node(run):
    run.begin()
    nodes, began = run.graph.pids(), time.time()
    assert run.graph.stop(signal.SIGINT) == 128 + signal.SIGINT
    ended = time.time()
    run.last_commands()
    run.conclude(
        'Ctrl-C in motion',
        f'braked; all nodes ended in {ended - began:.1f} s',
        held=run.held(began, ended) - began,
    )
    assert not [name for name, pid in nodes.items() if is_alive(pid)]
    assert run.monitor.recording.ends_at_rest(), 'commands ended in motion'


def test_a_robot_that_is_killed_ends_the_run_which_says_so(start_run):
    run = start_run()
    run.begin()
    nodes = run.graph.pids()
    _, began = run.graph.send('sim', KILL)
    assert run.graph.wait() == 1
    ended = time.time()
    run.conclude(
        'robot (sim) is killed',
        f'held; the run named it and ended in {ended - began:.1f} s',
        held=run.held(began, ended) - began,
    )
    assert 'sim died (killed by SIGKILL)' in run.graph.log
    assert not [name for name, pid in nodes.items() if is_alive(pid)]

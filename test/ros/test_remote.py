# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A person asks running nodes from a shell; arms that stand say why, and are not contradicted."""

import json
import re
import subprocess
import sys

import pytest

pytest.importorskip('rclpy')

import rclpy
from std_srvs.srv import SetBool, Trigger
from web_page import offer_robot

from vla_ros.core.budget import Budget
from vla_ros.nodes.action_queue import ActionQueueNode
from vla_ros.ros.queue_status import PATIENCE, REPEAT, Standstill, describe_dry


def shell(graph, *words, timeout=20, meanwhile=lambda: None):
    """Run `vla_ros words...` while the graph is spun; return exit code and all it said."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'vla_ros.tools.main', *words, '--timeout', str(timeout)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    graph.until(lambda: meanwhile() or process.poll() is not None, 60.0)
    return process.returncode, process.stdout.read()


def offer(node, kind, service):
    """Have ``node`` offer a service; return the list of what it was asked for."""
    asked = []

    def on_call(request, response):
        asked.append(service)
        response.success = True
        return response

    node.create_service(kind, service, on_call)
    return asked


def test_a_person_asks_stops_and_releases_an_arm_without_the_commands_of_ros(
    start_graph, tmp_path
):
    graph = start_graph()
    queue = graph.add(ActionQueueNode())
    assert queue.start()
    file = tmp_path / 'status.json'
    code, said = shell(graph, 'status', '--json', str(file))
    assert code == 0 and 'HOLDING: no joint state' in said and 'mend: Check its power' in said
    assert json.loads(file.read_text())['queues']['/']['mode'] == 'HOLDING'
    assert shell(graph, 'estop')[0] == 0
    graph.until(lambda: queue._executor.estopped)
    code, said = shell(graph, 'enable')
    assert code == 2 and 'emergency stop is latched' in said
    code, said = shell(graph, 'status')
    assert 'ESTOP' in said and 'mend: make sure that it is safe, then: vla_ros rearm' in said
    assert shell(graph, 'rearm')[0] == 0
    code, said = shell(graph, 'enable', '--namespace', 'other')
    assert code == 2 and 'nobody who offers /other/action_queue/enable' in said


def test_the_driver_of_an_arm_is_stopped_and_released_too(start_graph):
    graph = start_graph()
    asked = offer_robot(graph)
    for word in ('estop', 'rearm'):
        code, said = shell(graph, word)
        assert code == 0 and f'/robot/{word}: done' in said
    assert asked == ['estop', 'rearm']


def test_an_emergency_stop_reaches_the_driver_though_the_queue_does_not_answer(start_graph):
    graph = start_graph()
    frozen = rclpy.create_node('frozen')
    offer(frozen, Trigger, 'action_queue/estop')  # and nobody spins it
    asked = offer(graph.peer, Trigger, 'robot/estop')
    code, said = shell(graph, 'estop', timeout=3)
    frozen.destroy_node()
    assert asked
    assert code == 2 and '/action_queue/estop: got no answer within 3 s; is it frozen?' in said
    assert '/robot/estop: done' in said


@pytest.mark.parametrize('word', ['estop', 'enable'])
def test_who_is_found_first_need_not_be_the_only_one(start_graph, word):
    graph = start_graph()
    kind = Trigger if word == 'estop' else SetBool
    asked = [offer(graph.peer, kind, f'a/action_queue/{word}')]

    def come_later():
        """Be found by whoever asks a moment after the other."""
        if len(asked) == 1 and 'operator' in graph.peer.get_node_names():
            graph.spin(0.1)
            asked.append(offer(graph.peer, kind, f'b/action_queue/{word}'))

    code, said = shell(graph, word, meanwhile=come_later)
    if word == 'estop':
        assert code == 0 and all(asked)
    else:
        assert code == 2 and 'got several robots (/a, /b), expected one' in said
        assert asked == [[], []]


@pytest.mark.parametrize(
    ('word', 'message'),
    [('dry_rnu', 'dry_rnu: no such parameter.*did you mean dry_run'), ('x', 'x: no such')],
)
def test_a_parameter_that_a_node_does_not_have_stops_its_start(start_graph, word, message):
    start_graph()
    command = [sys.executable, '-m', 'vla_ros.nodes.action_queue', '--ros-args', '-p']
    run = subprocess.run([*command, f'{word}:=true'], capture_output=True, text=True)
    assert run.returncode == 2

    assert re.search(f'action_queue: parameter {message}', run.stderr), run.stderr


def test_an_arm_that_stands_says_why_once_and_again_after_a_while():
    standstill = Standstill()
    assert standstill.note(0.0, 'not enabled') == ''
    assert standstill.note(PATIENCE - 0.1, 'not enabled') == ''
    assert standstill.note(PATIENCE, 'not enabled') == 'the arm stands: not enabled'
    assert standstill.note(PATIENCE + 0.1, 'not enabled') == ''
    assert standstill.note(PATIENCE + REPEAT, 'not enabled') == 'the arm stands: not enabled'


def test_numbers_that_count_on_make_no_other_reason():
    standstill = Standstill()
    said = [standstill.note(0.1 * n, f'{0.1 * n:.2f} s old') for n in range(40)]
    assert [text for text in said if text] == ['the arm stands: 3.00 s old']


def test_an_arm_that_was_said_to_stand_is_said_to_move_again():
    standstill = Standstill()
    standstill.note(0.0, 'no joint state')
    assert standstill.note(1.0, '') == ''  # nobody was told
    standstill.note(2.0, 'no joint state')
    assert standstill.note(6.0, 'no joint state')
    assert standstill.note(7.0, '') == 'the arm moves again'
    assert standstill.note(8.0, '') == ''


def test_a_queue_that_ran_dry_within_its_budget_is_not_told_how_much_it_had_to_spare():
    good, bad = Budget(0.1, 30.0, 100, 0.2), Budget(2.0, 30.0, 100, 0.2)
    assert 'spare' in str(good) and 'spare' not in describe_dry(good)
    assert 'longer than usual' in describe_dry(good)
    assert 'comes 1.33 s after the queue has run dry' in describe_dry(bad)
    assert describe_dry(None) == 'the queue ran dry'
    assert 'spare' not in describe_dry(good, 0.09)
    assert describe_dry(good, 0.09).startswith('the queue will run dry in 0.09 s: the next chunk ')

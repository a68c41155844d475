# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node starts whole or says why not, reports its faults, and lets go of what it held."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundles import write_tiny_bundle
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from patience import PATIENCE
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.deployment.restarts import REFUSED
from vla_ros.ros import diagnostics, lifecycle, qos
from vla_ros.ros.lifecycle import VlaNode


class EchoNode(VlaNode):
    """Repeats what it hears, except what it can't."""

    def __init__(self, broken=''):
        super().__init__('echo')
        self.broken = broken
        self.steps = []

    def _step(self, name):
        self.steps.append(name)
        if self.broken == name:
            raise ConfigError(f'{name}: got nothing, expected something; mend it')

    def configure(self):
        self._step('configure')
        self.echo = self.advertise(String, 'echo', qos.LATEST)

    def activate(self):
        self.subscribe(String, 'word', self._on_word, qos.LATEST)
        self._step('activate')

    def deactivate(self):
        self._step('deactivate')

    def cleanup(self):
        self._step('cleanup')

    def diagnostics(self):
        return {'steps': ' '.join(self.steps)}

    def _on_word(self, msg):
        if msg.data == 'bad':
            raise VlaError('word: got bad, expected good; say another')
        self.echo.publish(msg)


def state_of(node):
    return node._state_machine.current_state[1]


def test_no_node_overwrites_an_attribute_of_its_ros_base(start_graph):
    start_graph()
    node = LifecycleNode('bare')
    taken = vars(node).keys() | set(dir(LifecycleNode))
    node.destroy_node()
    for path in sorted(Path(lifecycle.__file__).parent.glob('*.py')):
        for cls in ast.walk(ast.parse(path.read_text())):
            if isinstance(cls, ast.ClassDef) and any('Node' in ast.unparse(b) for b in cls.bases):
                assert not own_attributes(cls) & taken, cls.name


def own_attributes(cls):
    """Return the names of what a class writes to ``self``."""
    written = (node for node in ast.walk(cls) if isinstance(node, ast.Attribute))
    return {
        node.attr
        for node in written
        if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == 'self'
    }


def test_started_node_works_and_stops_when_deactivated(start_graph):
    graph = start_graph()
    node = graph.start(EchoNode())
    words = graph.publisher(String, 'word', qos.LATEST)
    echoes = graph.collect(String, 'echo', qos.LATEST)
    graph.until(lambda: words.publish(String(data='hi')) or echoes)
    node.trigger_deactivate()
    graph.until(lambda: words.get_subscription_count() == 0)
    node.trigger_cleanup()
    assert state_of(node) == 'unconfigured'
    assert node.steps == ['configure', 'activate', 'deactivate', 'cleanup']


def test_stopped_node_can_be_started_again(start_graph):
    graph = start_graph()
    node = graph.start(EchoNode())
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert node.start()
    words = graph.publisher(String, 'word', qos.LATEST)
    echoes = graph.collect(String, 'echo', qos.LATEST)
    graph.until(lambda: words.publish(String(data='hi')) or echoes)


@pytest.mark.parametrize('wrong', [Transition.TRANSITION_CONFIGURE, 99])
def test_a_transition_that_the_state_does_not_have_is_refused(start_graph, capfd, wrong):
    graph = start_graph()
    node = graph.start(EchoNode())
    client = graph.peer.create_client(ChangeState, 'echo/change_state')
    graph.until(client.service_is_ready)
    future = client.call_async(ChangeState.Request(transition=Transition(id=wrong)))
    graph.until(future.done)
    assert not future.result().success
    assert state_of(node) == 'active'
    said = capfd.readouterr().err
    assert (
        f'got transition {wrong} while active, expected one of' in said and '(deactivate)' in said
    )


class HearingNode(VlaNode):
    """Keeps what is said on a latched topic."""

    def __init__(self):
        super().__init__('hearing')
        self.heard = []

    def activate(self):
        self.subscribe(String, 'word', lambda msg: self.heard.append(msg.data), qos.LATCHED)


@pytest.mark.parametrize(
    'profile', [QoSProfile(depth=10), qos.LATCHED, qos.SENSOR], ids=['plain', 'latched', 'sensor']
)
def test_whoever_speaks_on_a_latched_topic_is_heard_once(start_graph, profile):
    graph = start_graph()
    words = graph.peer.create_publisher(String, 'word', profile)
    node = graph.start(HearingNode())
    graph.until(lambda: words.get_subscription_count() > 0)
    graph.spin(0.3)
    for number in range(3):
        words.publish(String(data=str(number)))
        graph.spin(0.1)
    graph.until(lambda: len(node.heard) >= 3)
    graph.spin(0.3)
    assert node.heard == ['0', '1', '2']


def test_what_was_said_before_is_heard_once(start_graph):
    graph = start_graph()
    graph.peer.create_publisher(String, 'word', qos.LATCHED).publish(String(data='before'))
    node = graph.start(HearingNode())
    graph.until(lambda: node.heard)
    graph.spin(0.3)
    assert node.heard == ['before']


@pytest.mark.parametrize(
    ('step', 'state'), [('configure', 'unconfigured'), ('activate', 'inactive')]
)
def test_failing_step_leaves_the_state_before_it_and_says_why(start_graph, capfd, step, state):
    graph = start_graph()
    node = graph.add(EchoNode(broken=step))
    assert not node.start()
    assert state_of(node) == state
    assert f'{step}: got nothing, expected something; mend it' in capfd.readouterr().err
    assert not node.active
    node.broken = ''
    assert node.start() or node.trigger_activate()
    assert state_of(node) == 'active'


def test_crash_in_a_step_is_logged_with_its_place(start_graph, capfd):
    graph = start_graph()
    node = graph.add(EchoNode())
    node.configure = lambda: {}['missing key']
    assert not node.start()
    assert "KeyError: 'missing key'" in capfd.readouterr().err


def test_fault_is_counted_shown_and_survived(start_graph, capfd):
    graph = start_graph()
    graph.start(EchoNode())
    words = graph.publisher(String, 'word', qos.LATEST)
    echoes = graph.collect(String, 'echo', qos.LATEST)
    reports = graph.collect(DiagnosticArray, '/diagnostics', 10)
    for _ in range(3):
        words.publish(String(data='bad'))
        graph.spin(0.05)
    graph.until(lambda: words.publish(String(data='good')) or echoes)
    graph.until(lambda: [r for r in reports if r.status[0].level == DiagnosticStatus.WARN])
    status = next(r.status[0] for r in reports if r.status[0].level == DiagnosticStatus.WARN)
    values = {item.key: item.value for item in status.values}
    assert status.name == '/echo'
    assert status.message == 'word: got bad, expected good; say another'
    assert int(values['faults: word']) >= 1
    assert values['state'] == 'active'
    assert values['steps'] == 'configure activate'
    assert values['memory'].endswith('MiB')
    assert capfd.readouterr().err.count('word: got bad') == 1


def test_deadline_that_an_active_node_misses_is_told_on_diagnostics(start_graph):
    graph = start_graph()
    node = graph.start(EchoNode())
    beat = node.advertise(String, 'beat', qos.periodic(qos.LATEST, 0.02))
    late = node._diagnostics.traffic.late
    beats = graph.collect(String, 'beat', qos.LATEST)  # who asks for no deadline is served, too
    graph.until(lambda: beat.publish(String()) or len(beats) > 20)
    before = late['beat']  # of a machine that was busy
    graph.until(lambda: late['beat'] > before + 3)
    reports = graph.collect(DiagnosticArray, '/diagnostics', 10)
    graph.until(lambda: reports)
    values = {
        item.key: int(item.value) for item in reports[-1].status[0].values if 'late' in item.key
    }
    assert values['late: beat'] > 3
    node.trigger_deactivate()
    graph.spin(0.1)
    told = late['beat']
    graph.spin(0.3)
    assert late['beat'] == told


def test_other_fault_is_logged_though_the_first_was_just_said(start_graph, capfd):
    node = start_graph().add(EchoNode())
    for kind in ('a', 'b', 'a'):
        node.report(kind, f'{kind} is wrong')
    text = capfd.readouterr().err
    assert (text.count('a is wrong'), text.count('b is wrong')) == (1, 1)


def test_destroyed_node_stops_and_lets_go_first(start_graph):
    node = start_graph().start(EchoNode())
    node.destroy_node()
    assert node.steps == ['configure', 'activate', 'deactivate', 'cleanup']


def test_placement_of_the_node_is_read_from_the_file(start_graph, tmp_path):
    (tmp_path / 'board.yaml').write_text('nodes: {echo: {threads: 3}}')
    node = start_graph(f'placement:={tmp_path}/board.yaml').start(EchoNode())
    assert node.placement.threads == 3


def test_placement_with_a_core_that_is_not_there_stops_the_start(start_graph, tmp_path, capfd):
    (tmp_path / 'board.yaml').write_text('nodes: {echo: {cores: [4000]}}')
    node = start_graph(f'placement:={tmp_path}/board.yaml').add(EchoNode())
    assert not node.start()
    assert 'expected cores of this machine' in capfd.readouterr().err


FINISHING = """
from std_msgs.msg import String
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.process import spin_node

class FinishingNode(VlaNode):
    def configure(self):
        self.word = self.advertise(String, 'last_word', qos.EVENTS)
    def activate(self):
        self.subscribe(String, 'end', self._on_end, qos.LATEST)
    def _on_end(self, msg):
        for number in range(5):
            self.word.publish(String(data=f'bye {number}'))
        self.finish()

raise SystemExit(spin_node(lambda: FinishingNode('finishing')))
"""


def test_finished_node_ends_its_process_and_loses_no_message(start_graph):
    graph = start_graph()
    process = subprocess.Popen([sys.executable, '-c', FINISHING])
    words = graph.collect(String, 'last_word', qos.EVENTS)
    graph.publisher(String, 'end', qos.LATEST).publish(String())
    graph.until(lambda: process.poll() is not None)
    graph.until(lambda: len(words) == 5)
    assert process.returncode == 0


CRASHING = """
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.process import spin_node

class CrashingNode(VlaNode):
    def activate(self):
        self.run_thread(lambda: {}['missing key'], 'crashing')

raise SystemExit(spin_node(lambda: CrashingNode('crashing')))
"""
INTERRUPTED = """
import rclpy
from std_msgs.msg import String
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.process import spin_node

class InterruptedNode(VlaNode):
    def configure(self):
        self.word = self.advertise(String, 'last_word', qos.LATEST)
        self.create_timer(0.01, self.on_timer)
    def on_timer(self):
        rclpy.shutdown()
        self.word.publish(String())

raise SystemExit(spin_node(lambda: InterruptedNode('interrupted')))
"""


def test_crash_of_a_thread_ends_the_process_with_its_place_in_the_log():
    result = subprocess.run([sys.executable, '-c', CRASHING], capture_output=True, text=True)
    assert result.returncode == 1
    assert "KeyError: 'missing key'" in result.stderr


def test_shutdown_in_the_middle_of_a_callback_is_no_error():
    result = subprocess.run([sys.executable, '-c', INTERRUPTED], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, '')


def test_memory_in_use_is_that_of_the_process():
    assert 10 * 2**20 < diagnostics.resident_memory() < 10 * 2**30


@pytest.fixture
def run_expert(tmp_path):
    """Return a function that starts the action expert as a process."""
    processes = []

    def run(*parameters):
        overrides = [part for text in parameters for part in ('-p', text)]
        command = [sys.executable, '-m', 'vla_ros.nodes.action_expert', '--ros-args', *overrides]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.wait()


def wait_for_line(process, words):
    """Read the process's log up to a line with ``words``."""
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f'ended without saying {words!r}')


@pytest.mark.parametrize('stop', [signal.SIGINT, signal.SIGTERM])
def test_process_ends_cleanly_when_told_to(run_expert, tiny_bundle, stop):
    process = run_expert(f'policy:={tiny_bundle}')
    wait_for_line(process, 'is ready: ')
    time.sleep(0.3)
    os.kill(process.pid, stop)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert 'Traceback' not in errors


def test_process_that_can_not_configure_ends_with_one_clear_line(run_expert, tmp_path):
    bundle = write_tiny_bundle(tmp_path / 'tiny')
    (bundle / 'action_expert.onnx').write_bytes(b'altered')
    process = run_expert(f'policy:={bundle}')
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert 'action_expert.onnx: got sha256' in errors
    assert 'Traceback' not in errors


def test_process_with_a_bad_parameter_ends_with_one_clear_line(run_expert):
    process = run_expert('policy:=3')
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == REFUSED
    assert 'action_expert: parameter policy: ' in errors
    assert 'Traceback' not in errors


def test_process_without_autostart_waits_to_be_configured(run_expert, tmp_path):
    process = run_expert(f'policy:={tmp_path}/none', 'autostart:=false')
    time.sleep(2.0)
    assert process.poll() is None

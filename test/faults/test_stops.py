# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Emergency stops, switching off and lifecycle transitions while the arm moves, in one run."""

import time
from itertools import pairwise

import numpy as np
import pytest
from faults.observe import BRAKING, RUNNING

pytestmark = [pytest.mark.faults, pytest.mark.slow]
PERIOD = 1 / 60
HOLD = 0.7  # s that a stop is looked at
QUEUE = 'action_queue'


@pytest.fixture(scope='module')
def relays():
    return {}


@pytest.fixture(scope='module')
def run(start_run, relays):
    """Return a run in which the chunks pass a relay."""
    from faults.relay import Relay, through

    from vla_ros.msg import ActionChunk
    from vla_ros.ros import qos

    def prepare(monitor):
        relays['chunk'] = Relay(monitor.node, ActionChunk, 'action_chunk', qos.LATEST)

    return start_run(
        prepare,
        remappings={QUEUE: through('action_chunk')},
        chunk_size_threshold=0.7,
    )


@pytest.fixture(scope='module')
def button(run):
    """Return the function that says on the topic estop whether the button is pressed."""
    from std_msgs.msg import Bool

    from vla_ros.ros import qos

    publisher = run.monitor.node.create_publisher(Bool, 'estop', qos.LATCHED)
    run.graph.until(lambda: publisher.get_subscription_count(), 60.0)

    def press(pressed):
        publisher.publish(Bool(data=pressed))
        return time.time()

    yield press
    press(False)


@pytest.fixture(scope='module')
def call(run):
    """Return the function that calls a service of a node without arguments."""
    from std_srvs.srv import SetBool, Trigger

    def trigger(name, node=QUEUE):
        return run.monitor.call(Trigger, f'{node}/{name}', Trigger.Request())

    def enable(on):
        return run.monitor.call(SetBool, f'{QUEUE}/enable', SetBool.Request(data=on))

    trigger.enable = enable
    return trigger


@pytest.fixture(scope='module')
def change(run):
    """Return the function that asks a node for a transition; it says whether that went well."""
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    def ask(node, name):
        number = getattr(Transition, f'TRANSITION_{name.upper()}')
        request = ChangeState.Request(transition=Transition(id=number))
        return run.monitor.call(ChangeState, f'{node}/change_state', request).success

    return ask


def braked(run, began):
    """Return the time of the first command after ``began`` that brakes at full deceleration, s."""
    limit = run.monitor.recording.robot.acceleration
    commands = run.monitor.recording.since(began - 0.2).commands
    for (a, b), (_, c) in pairwise(pairwise(commands)):
        before = np.abs(b.positions - a.positions) / max(b.time - a.time, 1e-3)
        after = np.abs(c.positions - b.positions) / max(c.time - b.time, 1e-3)
        most = np.maximum(before - 0.9 * limit * (c.time - b.time), 0.0)
        if c.sent >= began and (after <= most + 0.02).all():
            return c.sent
    return float('inf') if run.monitor.recording.since(began).motions else began


def stop_and_go(run, call, fault, began, release):
    """See an emergency stop through: the arm brakes at once, stays, and goes on when released."""
    noticed = run.noticed(began, 'emergency')
    time.sleep(HOLD)
    held, first = run.held(began, time.time()), braked(run, began)
    assert not call.enable(True).success, 'enabled though it is latched'
    release()
    time.sleep(0.3)
    assert run.held(began, time.time()) == held, 'armed again is not enabled'
    assert call.enable(True).success
    ended = time.time()
    again = run.went_on(ended)
    run.conclude(
        fault,
        f'first braking command after {1e3 * (first - began):.0f} ms; latched; went on',
        detected=noticed.time - began,
        held=held - began,
        recovered=again - ended,
    )
    assert first - began <= PERIOD + 0.005 + run.slack()
    assert held - began <= PERIOD + BRAKING + run.slack()


def test_the_emergency_topic_brakes_within_a_period_and_stays(run, button, call):
    def release():
        assert not call('rearm').success, 'armed though the button is pressed'
        button(False)
        run.graph.until(lambda: call('rearm').success, 5.0)

    run.begin()
    stop_and_go(run, call, 'e-stop by topic', button(True), release)


def test_the_emergency_service_brakes_within_a_period_and_stays(run, call):
    run.begin()
    began = time.time()
    assert call('estop').success
    stop_and_go(run, call, 'e-stop by service', began, lambda: call('rearm'))


@pytest.mark.parametrize('when', ['before', 'after'])
def test_an_emergency_stop_during_a_merge_is_the_last_word(run, relays, button, call, when):
    pressed = []

    def with_a_chunk(msg):
        if not pressed and when == 'before':
            pressed.append(button(True))
        relays['chunk'].fault = None
        relays['chunk'].send(msg)
        if not pressed:
            pressed.append(button(True))
        return []

    def release():
        button(False)
        run.graph.until(lambda: call('rearm').success, 5.0)

    run.begin()
    relays['chunk'].fault = with_a_chunk
    run.graph.until(lambda: pressed, 10.0)
    stop_and_go(run, call, f'e-stop right {when} a merge', pressed[0], release)


def test_an_arm_that_is_disabled_in_motion_brakes_and_takes_no_chunk(run, call):
    run.begin()
    began = time.time()
    assert call.enable(False).success
    time.sleep(HOLD)
    held = run.held(began, time.time())
    assert call.enable(True).success
    ended = time.time()
    again = run.went_on(ended)
    run.conclude(
        'disabled in motion', 'braked, went on', held=held - began, recovered=again - ended
    )
    assert held - began <= 0.1 + BRAKING + run.slack()


def test_commands_while_inactive_move_nothing(run, call, change):
    from vla_ros.msg import ActionChunk
    from vla_ros.ros import qos

    run.begin()
    chunks = run.monitor.node.create_publisher(ActionChunk, 'relayed/action_chunk', qos.LATEST)
    began = time.time()
    assert change(QUEUE, 'deactivate')
    inactive = time.time()
    for _ in range(10):
        chunks.publish(ActionChunk(sequence=10**6, step=0.1, joint_names=['x'], values=[1.0]))
        assert not call.enable(True).success
        time.sleep(0.03)
    assert not run.monitor.recording.since(inactive + 0.1).commands
    held = run.held(began, time.time())
    ended = time.time()
    assert change(QUEUE, 'activate')
    again = run.went_on(ended)
    run.conclude(
        'commands while inactive', 'nothing moved, went on', held=held - began,
        recovered=again - ended,
    )  # fmt: skip
    assert run.monitor.status.mode == RUNNING


@pytest.mark.parametrize('node', ['vision_encoder', QUEUE])
def test_rapid_transitions_leave_a_node_that_works(run, change, node):
    run.begin()
    began = time.time()
    for _ in range(6):
        assert change(node, 'deactivate') and change(node, 'activate')
    for _ in range(2):
        assert change(node, 'deactivate') and change(node, 'cleanup')
        assert change(node, 'configure') and change(node, 'activate')
    assert not change(node, 'configure'), 'configured though it is active'
    ended = time.time()
    again = run.went_on(ended)
    run.conclude(
        f'20 transitions of {node}',
        f'all done in {ended - began:.1f} s, went on',
        recovered=again - ended,
    )

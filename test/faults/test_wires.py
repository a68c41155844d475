# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cameras, joint states and chunks that are spoiled on their way, in one run of the real graph."""

import copy
import math
import time
from array import array
from dataclasses import dataclass

import pytest
from faults.observe import BRAKING, RUNNING, STALE

pytestmark = [pytest.mark.faults, pytest.mark.slow]
CAMERA = 'camera/top/image_raw'
JOINTS = 'joint_states'
CHUNK = 'action_chunk'
EXPOSURE = 3.0  # s that a fault lasts which the arm is to play on through
HOLD = 1.0  # s that a hold is looked at
A_CHUNK = 100 / 30  # s
THRESHOLD = 0.7  # of a chunk, at which the next one is asked for


@pytest.fixture(scope='module')
def relays():
    return {}


@pytest.fixture(scope='module')
def run(start_run, relays):
    """Return a run in which the top camera, the joint states and the chunks pass a relay."""
    from faults.relay import Relay, through
    from sensor_msgs.msg import Image, JointState

    from vla_ros.msg import ActionChunk
    from vla_ros.ros import qos

    def prepare(monitor):
        relays[CAMERA] = Relay(monitor.node, Image, CAMERA, qos.SENSOR)
        relays[JOINTS] = Relay(monitor.node, JointState, JOINTS, qos.SENSOR)
        relays[CHUNK] = Relay(monitor.node, ActionChunk, CHUNK, qos.LATEST)

    return start_run(
        prepare,
        remappings={
            'vision_encoder': through(CAMERA),
            'action_queue': through(JOINTS, CHUNK),
        },
        parameters={'action_queue': {'request_timeout': 1.0}},
        chunk_size_threshold=THRESHOLD,
    )


@pytest.fixture
def spoil(run, relays):
    """Return the function that puts a fault on a wire, which is sound again after the test."""

    def put(topic, fault):
        relays[topic].fault = fault
        return time.time()

    yield put
    for relay in relays.values():
        relay.fault = None


@dataclass(frozen=True)
class Late:
    """Messages that come so many seconds late."""

    delay: float

    def __call__(self, msg):
        return [msg]


class Frozen:
    """The first message for ever."""

    def __init__(self, fresh_stamps=False):
        self._first, self._fresh = None, fresh_stamps

    def __call__(self, msg):
        if self._first is None:
            self._first = copy.deepcopy(msg)
        if self._fresh:
            self._first.header = msg.header
        return [self._first]


class Reordered:
    """Every two messages in the wrong order."""

    def __init__(self):
        self._kept = None

    def __call__(self, msg):
        if self._kept is None:
            self._kept = msg
            return []
        before, self._kept = self._kept, None
        return [msg, before]


def lost(msg):
    return []


def twice(msg):
    return [msg, msg]


def every(number):
    """Return the fault that loses all but each ``number``-th message."""
    count = iter(range(10**9))
    return lambda msg: [] if next(count) % number else [msg]


def changed(**fields):
    """Return the fault that sets fields of each message."""

    def change(msg):
        for name, value in fields.items():
            setattr(msg, name, value)
        return [msg]

    return change


def cut(msg):
    """Half of the bytes of a picture."""
    msg.data = msg.data[: len(msg.data) // 2]
    return [msg]


def values(change):
    """Return the fault that changes the values of a chunk, rows and columns in one list."""

    def fault(msg):
        msg.values = array('f', change(list(msg.values)))
        return [msg]

    return fault


def stamped(offset):
    """Return the fault that moves a chunk in time by ``offset`` (s)."""

    def fault(msg):
        msg.start.sec += offset
        msg.header.stamp.sec += offset
        return [msg]

    return fault


def play_through(run, spoil, topic, name, fault, outcome='went on'):
    """Leave a fault in that the arm plays on through."""
    run.begin()
    began = spoil(topic, fault)
    time.sleep(EXPOSURE)
    spoil(topic, None)
    again = run.went_on(time.time())
    assert again
    run.conclude(name, outcome)
    return began


def hold_and_go_on(run, spoil, topic, name, fault, longest, reason=''):
    """
    Leave a fault in until the arm holds, at most ``longest`` s, mend it and see it go on.

    It comes just after a chunk, when no sound one is on its way.
    """
    run.begin()
    fresh = (THRESHOLD + 0.1) * A_CHUNK
    run.graph.until(lambda: run.monitor.status.remaining > fresh, what='a chunk')
    left = run.monitor.status.remaining
    began = spoil(topic, fault)
    longest = left + BRAKING if longest is None else longest
    noticed = run.noticed(began, reason, timeout=longest + 10.0)
    time.sleep(HOLD)
    ended = spoil(topic, None)
    again = run.went_on(ended)
    held = run.held(began, ended)
    run.conclude(
        name,
        'held, went on',
        detected=noticed.time - began,
        held=held - began,
        recovered=again - ended,
    )
    assert held - began <= longest + BRAKING + run.slack()
    assert again - ended <= 5.0 + 5 * run.slack()
    return began


QUEUED = None  # the arm may play what it has


@pytest.mark.parametrize(
    ('name', 'fault'),
    [
        ('camera drops out', lost),
        ('camera repeats one message', Frozen()),
        ('camera is 1 s late', Late(1.0)),
        ('picture of another size', changed(height=10, width=10, step=30)),
        ('picture of another type', changed(encoding='16UC1')),
        ('picture in an unknown encoding', changed(encoding='yuv422')),
        ('picture cut short', cut),
    ],
)
def test_without_a_sound_picture_the_arm_plays_what_it_has_and_holds(run, spoil, name, fault):
    hold_and_go_on(run, spoil, CAMERA, name, fault, QUEUED)


def test_a_picture_that_never_changes_is_found_out_at_the_observation_after_it(run, spoil):
    left = run.monitor.status.remaining
    name = 'camera shows one picture with new stamps'
    hold_and_go_on(run, spoil, CAMERA, name, Frozen(fresh_stamps=True), left + A_CHUNK)


@pytest.mark.parametrize(
    ('name', 'fault'),
    [
        ('camera sends everything twice', twice),
        ('camera sends out of order', Reordered()),
        ('camera is 0.2 s late', Late(0.2)),
        ('camera loses four pictures of five', every(5)),
    ],
)
def test_pictures_that_can_be_used_keep_the_arm_going(run, spoil, name, fault):
    play_through(run, spoil, CAMERA, name, fault)


@pytest.mark.parametrize(
    ('name', 'fault', 'reason'),
    [
        ('joint states stop', lost, 'joint state'),
        ('joint states freeze', Frozen(), 'joint state'),
        ('joint states are 0.3 s late', Late(0.3), 'joint state'),
        ('joint state with NaN', changed(position=[math.nan] * 6), 'joint state'),
        ('joint state without positions', changed(position=[]), 'joint state'),
        ('joint state of other joints', changed(name=list('abcdef')), 'joint state'),
    ],
)
def test_an_arm_whose_state_is_not_known_holds_at_once(run, spoil, name, fault, reason):
    hold_and_go_on(run, spoil, JOINTS, name, fault, STALE, reason)


@pytest.mark.parametrize(
    ('name', 'fault'),
    [
        ('joint states come twice', twice),
        ('joint states come out of order', Reordered()),
    ],
)
def test_joint_states_that_can_be_used_keep_the_arm_going(run, spoil, name, fault):
    play_through(run, spoil, JOINTS, name, fault)


@pytest.mark.parametrize(
    ('name', 'fault'),
    [
        ('action is NaN', values(lambda v: [*v[:-1], math.nan])),
        ('action is infinite', values(lambda v: [math.inf, *v[1:]])),
        ('actions jump by 3 rad', values(lambda v: [x + 3.0 for x in v])),
        ('chunk of half a row', values(lambda v: v[:-3])),
        ('chunk without a row', values(lambda v: [])),
        ('chunk of other joints', changed(joint_names=list('abcdef'))),
        ('chunk with a step of 0 s', changed(step=0.0)),
        ('chunk after expiry', stamped(-30)),
        ('chunk of the far future', stamped(30)),
        ('chunks are lost', lost),
    ],
)
def test_without_a_sound_chunk_the_arm_plays_what_it_has_and_holds(run, spoil, name, fault):
    rejected = run.monitor.status.rejected
    hold_and_go_on(run, spoil, CHUNK, name, fault, QUEUED)
    assert fault is lost or run.monitor.status.rejected > rejected


@pytest.mark.parametrize(
    ('name', 'fault'),
    [
        ('actions out of range', values(lambda v: [1.5 * x for x in v])),
        ('chunks come twice', twice),
        ('chunks come out of order', Reordered()),
        ('inference takes 0.5 s longer', Late(0.5)),
    ],
)
def test_chunks_that_can_be_used_keep_the_arm_within_its_limits(run, spoil, name, fault):
    play_through(run, spoil, CHUNK, name, fault)
    assert run.monitor.status.mode == RUNNING or run.monitor.status.starved

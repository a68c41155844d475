# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tensors between nodes: in shared memory on one host, in the message otherwise."""

import errno
import os

import numpy as np
import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.msg import Features
from vla_ros.ros import qos, tensors
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.tensors import TensorReceiver, TensorSender
from vla_ros.runtime.session import TensorSpec
from vla_ros.runtime.shared_memory import SLOTS

LARGE = np.arange(30_000, dtype=np.float32).reshape(1, 100, 300)
SMALL = np.linspace(-1, 1, 6)


class Wire:
    """A node that sends tensors, and what arrives of them."""

    def __init__(self, graph, choice):
        self.graph, self.node = graph, graph.add(VlaNode('sender'))
        publisher = self.node.advertise(Features, 'features', qos.LATEST)
        self.sender = TensorSender(self.node, publisher, choice)
        self.receiver = TensorReceiver()
        self.arrived = graph.collect(Features, 'features', qos.LATEST)

    def send(self, **values):
        """Return the message that arrives."""
        self.arrived.clear()
        self.sender.publish(Features(), values)
        self.graph.until(lambda: self.arrived)
        return self.arrived[0]


@pytest.fixture
def start_wire(start_graph):
    """Return the function that makes a Wire."""
    wires = []

    def start(choice):
        wires.append(Wire(start_graph(), choice))
        return wires[-1]

    yield start
    for wire in wires:
        wire.sender.close()


@pytest.mark.parametrize(
    ('choice', 'shared'), [('auto', True), ('always', True), ('never', False)]
)
def test_large_tensor_takes_the_way_that_was_chosen_and_arrives_as_it_was(
    start_wire, choice, shared
):
    wire = start_wire(choice)
    msg = wire.send(large=LARGE, small=SMALL)
    assert [bool(tensor.segment) for tensor in msg.tensors] == [shared, False]
    assert [bool(tensor.data) for tensor in msg.tensors] == [not shared, True]
    with wire.receiver.open(msg.tensors, ('small', 'large')) as got:
        np.testing.assert_array_equal(got['large'], LARGE)
        np.testing.assert_array_equal(got['small'], SMALL)


@pytest.mark.parametrize(
    ('choice', 'spec', 'lent'),
    [
        ('auto', TensorSpec('float32', LARGE.shape), True),
        ('always', TensorSpec('float32', LARGE.shape), True),
        ('never', TensorSpec('float32', LARGE.shape), False),  # goes into the message
        ('always', TensorSpec('float64', SMALL.shape), False),  # so does what is small
        ('always', TensorSpec('float32', (1, 'tokens', 300)), False),  # of no known size
    ],
)
def test_slot_is_lent_where_that_saves_a_copy(start_wire, choice, spec, lent):
    wire = start_wire(choice)
    slot = wire.sender.loan('large', spec)
    assert (slot is not None) == lent
    if lent:
        slot[:] = LARGE
        msg = wire.send(large=slot)
        with wire.receiver.open(msg.tensors, ('large',)) as got:
            np.testing.assert_array_equal(got['large'], LARGE)
            slot[:] = 0  # nothing was copied on the way
            assert not got['large'].any()
            slot[:] = LARGE


def test_slot_that_was_lent_goes_into_the_message_once_a_reader_may_be_elsewhere(
    start_wire, monkeypatch
):
    wire = start_wire('auto')
    slot = wire.sender.loan('large', TensorSpec('float32', LARGE.shape))
    slot[:] = LARGE
    monkeypatch.setattr(tensors, 'FAST_DDS', ())
    wire.sender._look_due = 0.0
    msg = wire.send(large=slot)
    assert not msg.tensors[0].segment
    with wire.receiver.open(msg.tensors, ('large',)) as got:
        np.testing.assert_array_equal(got['large'], LARGE)


def test_readers_of_which_one_may_be_elsewhere_get_the_bytes(start_wire, monkeypatch):
    monkeypatch.setattr(tensors, 'FAST_DDS', ())  # of another middleware, hosts are not known
    assert not start_wire('auto').send(large=LARGE).tensors[0].segment


def test_choice_that_is_none_is_refused(start_wire):
    with pytest.raises(ConfigError, match="got 'maybe', expected one of .'auto', 'always'"):
        start_wire('maybe')


def test_full_shared_memory_is_reported_and_the_bytes_go_into_the_message(
    start_wire, capfd, monkeypatch
):
    wire = start_wire('always')

    def no_room(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'posix_fallocate', no_room)
    for _ in range(2):
        assert wire.sender.loan('large', TensorSpec('float32', LARGE.shape)) is None
        msg = wire.send(large=LARGE)
        with wire.receiver.open(msg.tensors, ('large',)) as got:
            np.testing.assert_array_equal(got['large'], LARGE)
        assert not msg.tensors[0].segment
    assert 'no room for 0.5 MB of tensors (No space left on device)' in capfd.readouterr().err
    monkeypatch.undo()
    wire.sender._full_until = 0.0
    assert wire.send(large=LARGE).tensors[0].segment


def test_tensor_that_is_overwritten_while_it_is_used_is_an_error_in_the_end(start_wire):
    wire = start_wire('always')
    msg = wire.send(large=LARGE)
    with (
        pytest.raises(VlaError, match='tensor large: overwritten'),
        wire.receiver.open(msg.tensors, ('large',)),
    ):
        for _ in range(SLOTS):
            wire.send(large=LARGE)


def test_tensor_of_another_host_is_refused_with_the_mend(start_wire):
    wire = start_wire('always')
    msg = wire.send(large=LARGE)
    msg.tensors[0].host = 'another'
    with (
        pytest.raises(VlaError, match='another host; set shared_memory:=never'),
        wire.receiver.open(msg.tensors, ('large',)),
    ):
        pass


def test_missing_tensor_is_named(start_wire):
    wire = start_wire('never')
    msg = wire.send(small=SMALL)
    with (
        pytest.raises(VlaError, match="expected also .'large'"),
        wire.receiver.open(msg.tensors, ('small', 'large')),
    ):
        pass

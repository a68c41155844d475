# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who said what, and in which order, through the real middleware and by its stamps alone."""

import time

import pytest
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.speech import Ear, Voice

SECOND = 10**9


class ListeningNode(VlaNode):
    """Keeps what is said about one thing."""

    def __init__(self):
        super().__init__('listening')
        self.heard = []

    def activate(self):
        self.subscribe(
            String, 'word', lambda msg: self.heard.append(msg.data), qos.LATCHED, newest=True
        )


@pytest.mark.parametrize('order', [('old', 'new'), ('new', 'old')], ids=' '.join)
def test_who_joins_late_ends_with_what_was_said_last(start_graph, order):
    graph = start_graph()
    speakers = {word: graph.peer.create_publisher(String, 'word', qos.LATCHED) for word in order}
    for word in ('old', 'new'):
        speakers[word].publish(String(data=word))
    node = graph.start(ListeningNode())
    graph.until(lambda: 'new' in node.heard)
    graph.spin(0.5)
    assert node.heard[-1] == 'new'
    speakers['old'].publish(String(data='newer'))
    graph.until(lambda: node.heard[-1] == 'newer')


def test_what_is_said_in_one_breath_is_heard_in_its_order(start_graph):
    graph = start_graph()
    node = graph.start(ListeningNode())
    speaker = graph.publisher(String, 'word', qos.LATCHED)
    for word in ('one', 'two', 'three'):
        speaker.publish(String(data=word))
    time.sleep(0.2)  # the node is busy meanwhile
    graph.until(lambda: 'three' in node.heard)
    graph.spin(0.2)
    assert node.heard[-1] == 'three'


def info(said, received=None, number=1):
    """Return what the middleware knows of a message, by seconds from now."""
    now = time.time_ns()
    received = said if received is None else received
    return {
        'source_timestamp': now + int(said * SECOND),
        'received_timestamp': now + int(received * SECOND),
        'publication_sequence_number': number,
    }


def test_what_was_replaced_before_anybody_listened_is_not_taken():
    ear = Ear(newest=True)
    assert ear.takes(info(-5, received=1))
    assert not ear.takes(info(-9, received=1))
    assert ear.takes(info(-2, received=1))


def test_each_of_several_who_latch_is_heard_where_each_counts():
    ear = Ear()
    assert ear.takes(info(-5, received=1)) and ear.takes(info(-9, received=1))


def test_a_clock_that_was_set_back_silences_nobody():
    ear = Ear(newest=True)
    assert ear.takes(info(1)) and ear.takes(info(-3600)) and ear.takes(info(-7200))


def test_the_same_message_is_taken_once():
    ear, message = Ear(), info(1)
    assert ear.takes(message) and not ear.takes(message)
    assert ear.takes({**message, 'publication_sequence_number': 2})


def test_a_voice_knows_its_own_words(start_graph):
    graph = start_graph()
    own, other = (graph.peer.create_publisher(String, 'word', 10) for _ in range(2))
    heard = []
    graph.peer.create_subscription(
        String, 'word', lambda msg, info: heard.append((msg.data, info)), QoSProfile(depth=10)
    )
    graph.until(lambda: min(own.get_subscription_count(), other.get_subscription_count()) > 0)
    voice = Voice(own)
    for number in range(3):
        voice.say(String(data=f'own {number}'))
        other.publish(String(data=f'other {number}'))
    graph.until(lambda: len(heard) == 6)
    assert all(voice.said(info) == text.startswith('own') for text, info in heard)

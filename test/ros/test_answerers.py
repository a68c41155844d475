# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Of two who answer every request one keeps the word, whoever is faster."""

from types import SimpleNamespace

import pytest

from vla_ros.ros.publishers import BEHIND, Answerers

ONE, OTHER = b'1' * 16, b'2' * 16


class Topic:
    """A node that knows who publishes on its topic."""

    def __init__(self, **nodes):
        self.nodes = {ONE: 'expert', OTHER: 'spare'} | nodes
        self.numbers = dict.fromkeys(self.nodes, 0)

    def resolve_topic_name(self, topic):
        return f'/{topic}'

    def get_publishers_info_by_topic(self, topic):
        assert topic == '/action_chunk'
        return [
            SimpleNamespace(endpoint_gid=list(gid), node_namespace='/', node_name=name)
            for gid, name in self.nodes.items()
        ]


class Conversation:
    """Answers that come to one who listens."""

    def __init__(self, patient=True, counted=True):
        self.topic, self.counted = Topic(), counted
        self.answerers = Answerers(self.topic, 'action_chunk', patient)
        self.taken = []

    def answer(self, who, request, newest=None):
        newest = request if newest is None else newest
        info = {'publisher_gid': {'data': list(who)}}
        known = (newest,) if self.counted else ()
        objection = self.answerers.objection(info, request, *known)
        self.taken += [who] * (not objection)
        return objection


@pytest.mark.parametrize('patient', [True, False])
def test_word_is_never_passed_to_and_fro_whoever_is_faster(patient):
    talk = Conversation(patient, counted=patient)
    for request in range(1, 40):
        order = (ONE, OTHER) if request % 3 else (OTHER, ONE)
        for who in order:
            talk.answer(who, request)
    assert set(talk.taken[:2]) == {ONE} and set(talk.taken) == {ONE}


def test_newcomer_who_is_always_faster_is_refused_by_who_is_patient():
    talk = Conversation()
    talk.answer(ONE, 1)
    for request in range(2, 20):
        for who in (OTHER, ONE):
            talk.answer(who, request)
    assert set(talk.taken) == {ONE} and len(talk.taken) == 19


def test_newcomer_who_is_always_faster_has_the_word_once_and_for_all():
    talk = Conversation(patient=False, counted=False)
    talk.answer(ONE, 1)
    for request in range(2, 20):
        for who in (OTHER, ONE):
            talk.answer(who, request)
    assert talk.taken == [ONE] + [OTHER] * 18


def test_complaint_names_both():
    talk = Conversation()
    assert talk.answer(ONE, 1) == ''
    assert talk.answer(OTHER, 1) == (
        'action_chunk: got answers from /expert and from /spare, expected those of one node: the '
        'first keeps the word; end the other'
    )
    talk.topic.nodes[OTHER] = 'expert'
    assert 'from /expert and from another /expert' in talk.answer(OTHER, 2)


def test_who_is_listed_no_more_has_ended():
    talk = Conversation()
    talk.answer(ONE, 1)
    del talk.topic.nodes[ONE]
    assert talk.answer(OTHER, 2) == '' and talk.answer(OTHER, 3) == ''


def test_who_leaves_a_request_to_another_has_lost_the_word():
    talk = Conversation()
    talk.answer(ONE, 1)
    assert talk.answer(OTHER, 2) != ''  # the first may still answer it
    assert talk.answer(OTHER, 3) == ''
    assert talk.answer(ONE, 3) != '' and talk.answer(OTHER, 4) == ''


def test_successor_of_one_who_was_killed_is_heard_at_once():
    """It is listed for a while, but the arm was held meanwhile, or nobody waits."""
    talk = Conversation()
    talk.answer(ONE, 7)
    talk.answerers.forget()
    assert talk.answer(OTHER, 8) == ''
    talk = Conversation(patient=False, counted=False)
    talk.answer(ONE, 7)
    assert talk.answer(OTHER, 8) == ''


def test_requests_that_are_counted_anew_are_answered_by_whoever_is_there():
    talk = Conversation(patient=False, counted=False)
    talk.answer(ONE, 100)
    assert talk.answer(OTHER, 100 - BEHIND) != '' and talk.answer(OTHER, 1) == ''


def test_number_that_nobody_asked_for_takes_no_word():
    talk = Conversation()
    talk.answer(ONE, 1)
    assert talk.answer(OTHER, 900, newest=2) != '' and talk.answer(ONE, 2) == ''


def test_senders_that_messages_do_not_name_are_told_apart_by_their_numbers():
    topic = Topic()
    answerers = Answerers(topic, 'action_chunk', patient=True)
    told = []
    for request in range(1, 9):  # as Jazzy has it
        for number in (1000 + request, 5000 + request):
            info = {'publication_sequence_number': number}
            told.append(answerers.objection(info, request, request))
    assert not any(told[::2]) and all('/expert, /spare' in each for each in told[1::2])

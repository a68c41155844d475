# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are the robot's: none is taken silently where several could be meant."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.streams import (
    ANY_TOPIC,
    COMPRESSED,
    IMAGE,
    TopicChoice,
    find_streams,
    parse_choice,
)

STATE, COMMANDS, TEXT = (
    'sensor_msgs/msg/JointState',
    'trajectory_msgs/msg/JointTrajectory',
    'std_msgs/msg/String',
)
ONE_ARM = {'joint_states': STATE, 'joint_commands': COMMANDS, 'camera/wrist/image_raw': IMAGE}


@dataclass
class Bag:
    """What the search asks of an episode."""

    recorded: dict[str, str]
    choice: TopicChoice = ANY_TOPIC
    path: Path = field(default=Path('bag'))

    def topics(self):
        return self.recorded


def within(namespace, topics=ONE_ARM):
    return {f'/{namespace}/{name}'.replace('//', '/'): kind for name, kind in topics.items()}


TWO_ARMS = within('left_arm') | within('right_arm')


def test_a_robot_in_any_namespace_is_found():
    streams = find_streams(Bag(within('lab/arm')))
    assert (streams.state, streams.action) == ('/lab/arm/joint_states', '/lab/arm/joint_commands')
    assert streams.cameras == {'wrist': '/lab/arm/camera/wrist/image_raw'}


def test_two_arms_are_named_with_the_choice():
    with pytest.raises(VlaError) as error:
        find_streams(Bag(TWO_ARMS))
    for text in ('/left_arm/joint_states and /right_arm/joint_states', '--namespace /left_arm'):
        assert text in str(error.value)


@pytest.mark.parametrize('namespace', ['right_arm', '/right_arm', '/right_arm/'])
def test_a_namespace_chooses_one_arm(namespace):
    streams = find_streams(Bag(TWO_ARMS, TopicChoice(namespace)))
    assert {topic.split('/')[1] for topic in streams.topics} == {'right_arm'}


def test_what_both_arms_share_belongs_to_the_chosen_one():
    shared = {'/instruction': TEXT, '/camera/top/image_raw': IMAGE}
    streams = find_streams(Bag(TWO_ARMS | shared, TopicChoice('right_arm')))
    assert streams.instruction == '/instruction'
    assert streams.cameras == {
        'top': '/camera/top/image_raw',
        'wrist': '/right_arm/camera/wrist/image_raw',
    }


def test_the_leader_is_not_taken_for_the_follower():
    topics = within('', ONE_ARM) | {'/leader/joint_states': STATE, '/follower/joint_states': STATE}
    del topics['/joint_states']
    with pytest.raises(VlaError, match='/follower/joint_states and /leader/joint_states'):
        find_streams(Bag(topics))
    choice = parse_choice('', ['joint_states:=/follower/joint_states'])
    assert find_streams(Bag(topics, choice)).state == '/follower/joint_states'


def test_topics_of_other_names_are_taken_where_they_are_told():
    topics = {'/robot/q': STATE, '/robot/target': COMMANDS, '/zed/image': IMAGE}
    with pytest.raises(VlaError, match='--topic joint_states:=/its/name'):
        find_streams(Bag(topics))
    words = ['joint_states:=/robot/q', 'joint_commands:=/robot/target', 'camera/front:=/zed/image']
    streams = find_streams(Bag(topics, parse_choice('', words)))
    assert (streams.state, streams.action) == ('/robot/q', '/robot/target')
    assert streams.cameras == {'front': '/zed/image'}


def test_a_topic_of_another_type_is_no_candidate():
    topics = within('', ONE_ARM) | {'/other/joint_states': TEXT}
    assert find_streams(Bag(topics)).state == '/joint_states'


def test_a_type_that_cannot_be_used_is_named():
    topics = within('', ONE_ARM | {'joint_commands': STATE})
    with pytest.raises(VlaError, match='/joint_commands: got sensor_msgs/msg/JointState, exp'):
        find_streams(Bag(topics))


def test_compressed_pictures_stand_in_where_there_are_no_plain_ones():
    both = {'camera/wrist/image_raw/compressed': COMPRESSED}
    topics = within('', ONE_ARM | both | {'camera/top/image_raw/compressed': COMPRESSED})
    assert find_streams(Bag(topics)).cameras == {
        'top': '/camera/top/image_raw/compressed',
        'wrist': '/camera/wrist/image_raw',
    }


def test_several_instructions_are_not_mixed():
    topics = within('', ONE_ARM) | {'/a/instruction': TEXT, '/b/instruction': TEXT}
    with pytest.raises(VlaError, match='instruction: /a/instruction and /b/instruction'):
        find_streams(Bag(topics))


def test_a_topic_that_is_not_there_is_named():
    choice = parse_choice('', ['joint_states:=/nobody'])
    with pytest.raises(VlaError, match='joint_states: got no topic /nobody'):
        find_streams(Bag(within(''), choice))


@pytest.mark.parametrize('word', ['joint_states', 'joints:=/q', 'camera/:=/image', 'phase:='])
def test_a_word_that_assigns_no_role_is_refused(word):
    with pytest.raises(ConfigError, match='expected ROLE:=TOPIC'):
        parse_choice('', [word])

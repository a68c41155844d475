# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands take; they are called and mean the same in all of them."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vla_ros.dataset.streams import TopicChoice


def add_topic_choice(parser: ArgumentParser) -> None:
    """Declare which of a bag's topics are meant."""
    parser.add_argument(
        '--namespace',
        default='',
        metavar='NAME',
        help="the robot's namespace, where a bag holds the topics of several",
    )
    parser.add_argument(
        '--topic',
        action='append',
        default=[],
        metavar='ROLE:=TOPIC',
        help='which topic of a bag is meant, where its name does not say it or several could be: '
        'joint_states:=/follower/joint_states, camera/front:=/zed/image; may be given several '
        'times',
    )


def topic_choice(args: Namespace) -> 'TopicChoice':
    """Return what the arguments of `add_topic_choice` say; raise ConfigError for another word."""
    from vla_ros.dataset.streams import parse_choice

    return parse_choice(args.namespace, args.topic)

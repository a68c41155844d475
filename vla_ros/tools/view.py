# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Look at recordings in the live page: play, pause, go to any moment.

Takes recorded episodes (one or a folder of them) and any bags with the same topics, MCAP or
SQLite. What a bag does not hold, such as the plans of a policy, is not shown, and the page says
so: record with topics:=story to have all of it. Ctrl-C ends it.
"""

from argparse import ArgumentParser, Namespace
from math import inf

import yaml

from vla_ros.core.defaults import ROBOT
from vla_ros.tools.arguments import add_topic_choice, existing, topic_choice


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('bag', type=existing, help='bag, or folder of bags')
    parser.add_argument('--robot', default=ROBOT, help='name of a robot, or its file')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen at: 127.0.0.1 is this machine only, 0.0.0.0 every network',
    )
    parser.add_argument('--port', type=int, default=8042, help='a free one where it is taken')
    parser.add_argument('--no-browser', action='store_true', help='open none on this desktop')
    add_topic_choice(parser)


def run(args: Namespace) -> int:
    """Play until Ctrl-C."""
    from vla_ros.dataset.bags import open_bags
    from vla_ros.dataset.streams import find_story
    from vla_ros.nodes.viewer import main

    for episode in open_bags(args.bag, topic_choice(args)):
        find_story(episode)  # before ROS is loaded
    parameters = {
        'bag': str(args.bag),
        'bag_namespace': args.namespace,
        'bag_topics': ','.join(args.topic),
        'robot': args.robot,
        'host': args.host,
        'port': args.port,
        'open_browser': not args.no_browser,
    }
    words = [f'{name}:={as_yaml(value)}' for name, value in parameters.items()]
    return main(['--ros-args', *(part for word in words for part in ('-p', word))])


def as_yaml(value: str | int) -> str:
    """Return a value as ROS reads it after ``name:=``; JSON has other escapes than YAML."""
    if isinstance(value, str):
        return yaml.safe_dump(value, default_style='"', width=inf).rstrip('\n')
    return str(value).lower()

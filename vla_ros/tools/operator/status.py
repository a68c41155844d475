# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Say what each arm does, why it does not move, and the mend; and which nodes complain.

It listens for a second or two and changes nothing.
"""

from argparse import ArgumentParser, Namespace

from vla_ros.core.files import write_json
from vla_ros.tools.arguments import add_json, tell_end
from vla_ros.tools.operator import command


def add_arguments(parser: ArgumentParser) -> None:
    """Declare which robot is meant, and how long to wait for it."""
    command.add_arguments(parser)
    add_json(parser, 'how the robots are')


def run(args: Namespace) -> int:
    """Listen and print."""
    from vla_ros.ros.remote import look

    seen = look(args.namespace, args.timeout)
    print('\n'.join(seen.lines()))
    if args.json:
        write_json(args.json, seen.as_dict())
    tell_end((args.json,))
    return 0

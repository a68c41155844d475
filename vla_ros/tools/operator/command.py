# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the operator's commands have in common."""

from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Declare which robot is meant, and how long to wait for it."""
    parser.add_argument('--namespace', default='', metavar='NAME', help='that the nodes are in')
    parser.add_argument(
        '--timeout',
        type=float,
        default=5.0,
        metavar='S',
        help='longest time to wait for an answer',
    )


def ask(name: str, args: Namespace) -> int:
    """Have the running nodes do what ``name`` says, and print what came of it."""
    from vla_ros.ros.remote import ask as ask_nodes

    print('\n'.join(ask_nodes(name, args.namespace, args.timeout)))
    return 0

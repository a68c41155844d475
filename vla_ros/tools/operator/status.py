# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Say what each arm does, why it does not move, and the mend; and which nodes complain.

It listens for a second or two and changes nothing.
"""

from argparse import Namespace

from vla_ros.tools.operator.command import add_arguments

__all__ = ['add_arguments', 'run']


def run(args: Namespace) -> int:
    """Listen and print."""
    from vla_ros.ros.remote import look

    print('\n'.join(look(args.namespace, args.timeout)))
    return 0

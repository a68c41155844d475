# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Say what this machine can do and what it lacks, for what.

Inference back ends are tried with a tiny model, real-time priority is tried too.
"""

from argparse import ArgumentParser, Namespace
from itertools import groupby
from operator import attrgetter

from vla_ros.core.files import write_json
from vla_ros.runtime.capabilities import Capability, capabilities
from vla_ros.tools.arguments import add_json, tell_end


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json(parser, 'the table')


def run(args: Namespace) -> int:
    """Print the table."""
    found = capabilities()
    print(table(found))
    if args.json:
        write_json(args.json, [item.as_dict() for item in found])
    tell_end((args.json,))
    return 0


def table(found: list[Capability]) -> str:
    """Return the lines of every group, and what is missing below them."""
    width = max(len(item.name) for item in found)
    lines = []
    for group, items in groupby(found, attrgetter('group')):
        lines += ['', group]
        lines += [
            f'  {"yes" if item.there else "NO ":3} {item.name:{width}}  {item.detail}'.rstrip()
            for item in items
        ]
    missing = [f'  {item.name}: {item.missing}' for item in found if item.missing]
    return '\n'.join([*lines, *(['', 'missing', *missing] if missing else [])]).lstrip('\n')

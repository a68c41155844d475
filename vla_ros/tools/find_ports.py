# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
List the serial ports, and which servos answer on them.

Names below /dev/serial/by-id stay the same whichever socket the cable is in. With --unplug it is
told which port it was whose cable is pulled, as lerobot-find-port does.
"""

from argparse import ArgumentParser, Namespace
from contextlib import closing

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import write_json
from vla_ros.hardware.feetech import ServoBus, find_servos, list_ports
from vla_ros.tools.arguments import add_json
from vla_ros.tools.prompt import ask


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('ports', nargs='*', help='only these')
    parser.add_argument('--unplug', action='store_true', help='find the port by pulling its cable')
    parser.add_argument('--answer-time', type=float, default=0.02, help='s a servo has to answer')
    add_json(parser, 'the ports')


def run(args: Namespace) -> int:
    """Print the ports; return 1 where there is none."""
    ports = args.ports or list_ports()
    if args.unplug:
        print(find_unplugged(ports))
        return 0
    found = {port: describe(port, args.answer_time) for port in ports}
    for port, text in found.items():
        print(f'{port}: {text}', flush=True)
    if args.json:
        write_json(args.json, found)
    if not ports:
        print('no serial port: plug the arm in; in a container, hand its device in')
    return 0 if ports else 1


def describe(port: str, answer_time: float) -> str:
    """Return which servos answer on a port, or why that can't be said."""
    try:
        with closing(ServoBus(port, answer_time)) as bus:
            servos = find_servos(bus)
    except VlaError as error:
        return str(error).partition(', expected')[0]
    return f'servos {", ".join(map(str, servos))}' if servos else 'no servo answers'


def find_unplugged(before: list[str]) -> str:
    """Return the port that a person pulls the cable of."""
    ask('Pull the cable of the arm, and press ENTER. ')
    gone = sorted(set(before) - set(list_ports()))
    if not gone:
        raise ConfigError(f'find-ports: none of {before} is gone, expected one; pull its cable')
    return gone[0]

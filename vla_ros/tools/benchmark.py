# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure this machine: a policy's blocks, the graph of nodes, blending, transport, the control loop.

Alternatives alternate in one run, so that a busy machine slows all of them alike: read the ratios.
"""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib import import_module

from vla_ros.tools.main import read_docstring

BENCHMARKS: dict[str, str] = {
    'blending': 'vla_ros.benchmarks.blending',
    'checks': 'vla_ros.benchmarks.checks',
    'control': 'vla_ros.benchmarks.control',
    'driver': 'vla_ros.benchmarks.driver',
    'fuzz': 'vla_ros.benchmarks.fuzz',
    'graph': 'vla_ros.benchmarks.graph',
    'lerobot': 'vla_ros.benchmarks.lerobot',
    'policy': 'vla_ros.benchmarks.policy',
    'recorder': 'vla_ros.benchmarks.recorder',
    'soak': 'vla_ros.benchmarks.soak',
    'split': 'vla_ros.benchmarks.split',
    'transport': 'vla_ros.benchmarks.transport',
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare one subcommand for each benchmark; its arguments are its module's."""
    subjects = parser.add_subparsers(dest='subject', metavar='subject', required=True)
    for name, path in BENCHMARKS.items():
        text = read_docstring(path)
        subject = subjects.add_parser(
            name,
            help=text.partition('\n')[0],
            description=text,
            formatter_class=RawDescriptionHelpFormatter,
        )
        module = import_module(path)
        module.add_arguments(subject)
        subject.set_defaults(measure=module.run)


def run(args: Namespace) -> int:
    """Run the benchmark."""
    return int(args.measure(args))

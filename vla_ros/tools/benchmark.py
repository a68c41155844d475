# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure this machine: a policy's blocks, the graph of nodes, blending, transport, the control loop.

Alternatives alternate in one run, so that a busy machine slows all of them alike: read the ratios.
"""

import io
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from contextlib import redirect_stdout
from importlib import import_module
from typing import TextIO

from vla_ros.core.files import write_text
from vla_ros.tools.arguments import add_json, tell_end, written
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
        add_json(subject, 'the figures')
        subject.add_argument('--html', type=written, metavar='FILE', help='write a report there')
        subject.set_defaults(measure=module.run)


def run(args: Namespace) -> int:
    """Run the benchmark; write what it said as a page, too, where that is asked for."""
    told = _Told(sys.stdout)
    with redirect_stdout(told):
        code = int(args.measure(args))
    if args.html:
        write_text(args.html, write_html(args.subject, told.getvalue(), code))
    tell_end((args.json, args.html))
    return code


class _Told(io.StringIO):
    """Keeps what is printed, and passes it on."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out

    def write(self, text: str) -> int:
        self._out.write(text)
        return super().write(text)

    def flush(self) -> None:
        self._out.flush()


def write_html(subject: str, told: str, code: int) -> str:
    """Return the page about a benchmark: what it came to, its tables, and on what machine."""
    from vla_ros.runtime.machine import machine_facts
    from vla_ros.view.report import Verdict, paragraph, preformatted, section, table, write_page

    about = read_docstring(BENCHMARKS[subject]).partition('\n')[0]
    facts = machine_facts()
    facts |= {'memory': f'{facts["memory"] / 1e9:.1f} GB', 'isa': ', '.join(facts['isa'])}
    facts |= {'load': f'{os.getloadavg()[0]:.1f} (mean of the last minute)'}
    return write_page(
        f'benchmark {subject}',
        Verdict(summarise(told) or about, False if code else None),
        paragraph(about, quiet=True),
        section('Figures', preformatted(told.strip('\n'))),
        section('Machine', table(('', ''), [(name, str(value)) for name, value in facts.items()])),
    )


def summarise(told: str) -> str:
    """Return the last line that is a sentence and no row of a table; '' for none."""
    lines = [line.strip() for line in told.splitlines()]
    return next((line for line in reversed(lines) if line and '  ' not in line), '')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run a deployment: all its nodes, without launch_ros.

The deployment is the name of one in config/ or a YAML file; its arguments are written as
for `ros2 launch`, name:=value. One Ctrl-C stops every node, a second one kills them. The exit code
is 0 when the job has ended by itself, and at the end a table shows what each node used.
"""

import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from vla_ros.core.errors import ConfigError
from vla_ros.deployment.deployment import Deployment, ProcessSpec, as_text, load_deployment
from vla_ros.deployment.domain import check_domain, isolate
from vla_ros.deployment.executables import (
    PACKAGE,
    check_robots,
    find_executable,
    without_wheels,
)
from vla_ros.deployment.leftovers import clear_shared_memory
from vla_ros.deployment.remarks import find_remarks
from vla_ros.deployment.supervisor import Command, Supervisor
from vla_ros.runtime.latch import RUN
from vla_ros.runtime.usage import format_table


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('deployment', help='name of a deployment, or its file')
    parser.add_argument(
        'arguments', nargs='*', metavar='name:=value', help='arguments of the deployment'
    )
    parser.add_argument(
        '-s', '--show-args', action='store_true', help='show the arguments it takes, and end'
    )
    parser.add_argument(
        '--isolate', action='store_true', help='use a free ROS_DOMAIN_ID, on this host only'
    )


def run(args: Namespace) -> int:
    """Run the deployment to its end and return its exit code."""
    deployment = load_deployment(args.deployment)
    if args.show_args:
        print(describe_arguments(deployment))
        return 0
    return run_deployment(deployment, parse_assignments(args.arguments), args.isolate)


def run_deployment(
    deployment: Deployment, chosen: Mapping[str, str], isolated: bool = False
) -> int:
    """Run the deployment with the arguments chosen to its end and return its exit code."""
    specs = deployment.resolve(chosen)
    environment = {**os.environ, **(isolate() if isolated else {})}
    check_domain(environment)
    check_robots(specs, environment)
    for remark in find_remarks(deployment, specs, chosen):
        print(f'vla_ros: {remark}', file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix='vla_ros_') as folder:
        commands = [make_command(spec, Path(folder), environment) for spec in specs]
        return supervise(deployment.name, commands)


def supervise(name: str, commands: Sequence[Command]) -> int:
    """Run the commands, show what they used, and return the exit code of the run."""
    supervisor = Supervisor(commands)
    size = clear_shared_memory()
    if size:
        supervisor.say(f'removed {size / 1e6:.0f} MB of /dev/shm that dead nodes had left')
    names = [command.name for command in commands]
    supervisor.say(f'{name}: {", ".join(names)}')
    code = supervisor.run()
    clear_shared_memory()  # of nodes that had to be killed, and of the middleware itself
    print(format_table(sorted(supervisor.usages, key=lambda usage: names.index(usage.name))))
    return code


def parse_assignments(words: Sequence[str]) -> dict[str, str]:
    """
    Return the names and values of ``name:=value`` words.

    Raise ConfigError for another word, and for a name with two values.
    """
    for word in words:
        if ':=' not in word:
            raise ConfigError(f'argument: got {word!r}, expected name:=value')
    chosen: dict[str, str] = {}
    for name, _, value in (word.partition(':=') for word in words):
        if chosen.setdefault(name, value) != value:
            raise ConfigError(
                f'argument {name}: got {chosen[name]!r} and {value!r}, expected one value'
            )
    return chosen


def describe_arguments(deployment: Deployment) -> str:
    """Return a text on what the deployment is and which arguments it takes."""
    lines = [deployment.description, '']
    for argument in deployment.arguments:
        choices = f'  ({" | ".join(map(as_text, argument.choices))})' if argument.choices else ''
        lines.append(f'{argument.name}:={as_text(argument.default)}{choices}')
        lines.append(f'    {argument.description}')
    return '\n'.join(lines)


def make_command(spec: ProcessSpec, folder: Path, environment: Mapping[str, str]) -> Command:
    """Return the command of a node, its parameters written into ``folder``."""
    ros = ['--ros-args', '-r', f'__node:={spec.name}']
    if spec.namespace:
        ros += ['-r', f'__ns:=/{spec.namespace.strip("/")}']
    for topic, other in spec.remappings.items():
        ros += ['-r', f'{topic}:={other}']
    ros += ['--params-file', str(spec.write_parameters(folder))]
    inherited = environment if spec.package == PACKAGE else without_wheels(environment)
    return Command(
        name=spec.name,
        argv=[*find_executable(spec), *spec.arguments, *ros],
        env={**inherited, **spec.env, RUN: str(folder)},
        required=spec.required,
        ends_run=spec.ends_run,
        respawn=spec.respawn,
    )

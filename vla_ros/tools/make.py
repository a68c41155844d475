# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Make a policy from nothing: demonstrations, training, corrections and export, one after the other.

The steps are the commands of vla_ros in a YAML file of config/making; name:=value chooses its
arguments. A step that is done is not repeated, whatever arguments it was done with, and one that
was interrupted goes on.
"""

import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vla_ros.core.config import find_config, load_yaml
from vla_ros.core.errors import ConfigError, VlaError, suggest
from vla_ros.core.extras import require
from vla_ros.core.files import write_text
from vla_ros.runtime.tether import tethered
from vla_ros.tools.arguments import made
from vla_ros.tools.up import parse_assignments

_DONE = 'done'
_IN_BRACES = re.compile(r'\{(\w+)')
_NEEDS = {'generate': 'mujoco', 'pretrain': 'lerobot', 'train': 'lerobot', 'export': 'lerobot'}


class Step(NamedTuple):
    """A command whose ``output`` lies below the folder of the whole."""

    output: str
    command: str

    def words(self, root: Path, values: Mapping[str, str]) -> list[str]:
        """Return the command's words; raise ConfigError for an argument that is not declared."""
        try:
            words = [word.format(root=root, **values) for word in shlex.split(self.command)]
        except (KeyError, ValueError, IndexError) as error:  # such as {, {} and a lone quote
            raise ConfigError(
                f'step {self.output}: got {self.command!r} ({error}), expected a command of '
                f'vla_ros, with {{root}} and arguments of {", ".join(sorted(values))} in braces'
            ) from None
        return [*words, '--output', str(root / self.output)]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument('policy', help='the name of one in config/making, or a YAML file')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='see the file')
    parser.add_argument('--output', type=made, required=True, help='folder of all that is made')
    parser.add_argument('--dry-run', action='store_true', help='print the commands, and end')


def run(args: Namespace) -> int:
    """Take the steps that are not done."""
    steps, values = load_making(find_config('making', args.policy), args.arguments)
    commands = [step.words(args.output, values) for step in steps]
    for words in [] if args.dry_run else commands:
        if words[0] in _NEEDS:  # before hours of work that a later step could not go on from
            require(_NEEDS[words[0]])
    for step, words in zip(steps, commands, strict=True):
        done = args.output / _DONE / step.output.replace('/', '.')
        losses = args.output / step.output / 'losses.csv'
        begun = words[0] == 'train' and losses.exists() and not done.exists()
        command = [*words, '--resume'] if begun else words
        print('vla_ros', *command, flush=True)
        if args.dry_run:
            continue
        if done.exists():
            before = done.read_text(encoding='utf-8')
            if before != shlex.join(words):
                print(f'  is done, but was called with: {before}; to repeat it delete {done}')
            continue
        code = run_step([sys.executable, '-m', 'vla_ros.tools.main', *command])
        if code:
            raise VlaError(
                f'step {step.output}: ended with {code}; repeat the command to go on from there'
            )
        write_text(done, shlex.join(words))
    return 0


def run_step(command: Sequence[str]) -> int:
    """
    Run a command to its end and return its exit code; at Ctrl-C it has time to save what it has.

    It is in a session of its own: the terminal's Ctrl-C would be a second one, which ends it hard.
    """
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=tethered())
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def load_making(path: Path, assignments: list[str]) -> tuple[list[Step], dict[str, str]]:
    """Return the steps and the arguments' values; raise ConfigError for what is not declared."""
    content = load_yaml(path, ('description', 'arguments', 'steps'))
    for key in ('arguments', 'steps'):
        if not isinstance(content.get(key), dict):
            raise ConfigError(f'{path}: {key}: got {content.get(key)!r}, expected a mapping')
    for output, command in content['steps'].items():
        if type(output) is not str or type(command) is not str or not command.strip():
            raise ConfigError(
                f'{path}: step {output}: got {command!r}, expected its output and a command'
            )
    values = {str(name): str(value) for name, value in content['arguments'].items()}
    used = {name for command in content['steps'].values() for name in _IN_BRACES.findall(command)}
    for name, value in parse_assignments(assignments).items():
        if name not in values:
            raise ConfigError(
                f'{f"{name}:={value}"!r}: expected name:=value with a name of '
                f'{", ".join(sorted(values))}{suggest(name, values)}'
            )
        if name not in used:
            raise ConfigError(
                f'{f"{name}:={value}"!r}: no step of {path} takes it: it would change nothing; '
                f'write {{{name}}} into one'
            )
        values[name] = value
    return [Step(output, command) for output, command in content['steps'].items()], values

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The ``vla_ros`` command: finds the subcommand's module, loads it alone and runs it.

A subcommand is a module with ``add_arguments(parser)``, ``run(args) -> int`` and a docstring whose
first line is its help. Exit codes: 0 where all is well, 1 where the work was done and its outcome
is bad (a check that did not pass, an error beyond the limit), 2 for what the user can mend before
it is done, 130 after Ctrl-C, 143 after SIGTERM or once its terminal is closed, 141 where nobody
reads the output any more.
"""

# PYTHON_ARGCOMPLETE_OK
import ast
import os
import signal
import sys
from argparse import SUPPRESS, Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree

from vla_ros.core.errors import ConfigError, VlaError, suggest
from vla_ros.core.extras import how_to_install
from vla_ros.tools.arguments import check_paths

COMMANDS = {
    'up': 'vla_ros.tools.up',
    'evaluate': 'vla_ros.tools.evaluate',
    'record': 'vla_ros.tools.record',
    'convert': 'vla_ros.tools.convert',
    'generate': 'vla_ros.tools.generate',
    'replay': 'vla_ros.tools.replay',
    'view': 'vla_ros.tools.view',
    'check': 'vla_ros.tools.check',
    'benchmark': 'vla_ros.tools.benchmark',
    'doctor': 'vla_ros.tools.doctor',
    'calibrate': 'vla_ros.tools.calibrate',
    'find-ports': 'vla_ros.tools.find_ports',
    'pretrain': 'vla_ros.tools.pretrain',
    'train': 'vla_ros.tools.train',
    'export': 'vla_ros.tools.export',
    'make': 'vla_ros.tools.make',
    'quantize': 'vla_ros.tools.quantize',
    'sensitivity': 'vla_ros.tools.sensitivity',
    'plan': 'vla_ros.tools.plan',
    'init': 'vla_ros.tools.init',
    'status': 'vla_ros.tools.operator.status',
    'enable': 'vla_ros.tools.operator.enable',
    'hold': 'vla_ros.tools.operator.hold',
    'estop': 'vla_ros.tools.operator.estop',
    'rearm': 'vla_ros.tools.operator.rearm',
    'start': 'vla_ros.tools.operator.start',
    'keep': 'vla_ros.tools.operator.keep',
    'discard': 'vla_ros.tools.operator.discard',
    'redo': 'vla_ros.tools.operator.redo',
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that ``argv`` (default: the command line) names; return its exit code."""
    _open_closed()
    words = list(sys.argv[1:] if argv is None else argv)
    if '_ARGCOMPLETE' in os.environ:
        complete()
    if isinstance(sys.stdout, TextIOWrapper):  # as standard error does: a name may be any bytes
        sys.stdout.reconfigure(errors='backslashreplace')
    with _orderly_end():
        return _run(words)


def _open_closed() -> None:
    """Open as nothing what this was started without: the next file would take its number."""
    for name, mode in (('stdin', 'r'), ('stdout', 'w'), ('stderr', 'w')):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


def _run(words: Sequence[str]) -> int:
    try:
        args = parse(words)
        check_paths(args)
        return int(args.run(args))
    except VlaError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        mend = how_to_install(error)
        if not mend:
            raise
        return _refuse(mend)
    except KeyboardInterrupt as interrupt:
        return 128 + (interrupt.args or (signal.SIGINT,))[0]
    except BrokenPipeError:  # who reads the output, such as head, has seen enough
        _let_go_of_output()
        return 141
    except OSError as error:
        if error.errno is None:
            raise
        _let_go_of_output()
        return _refuse(
            f'{error.filename or "output"}: {error.strerror}; free the disk, or name another path'
        )


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Have SIGTERM, and a closed terminal, end a command as Ctrl-C does: it tidies up."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    answers = {signal.SIGTERM: end, signal.SIGHUP: lambda *_: signal.raise_signal(signal.SIGTERM)}
    mine = [number for number in answers if signal.getsignal(number) == signal.SIG_DFL]
    for number in mine:  # nohup ignores the terminal, and so it stays
        signal.signal(number, answers[number])
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def complete() -> None:
    """Answer the shell, which asks how the command line could go on, and end."""
    import argcomplete

    words = os.environ.get('COMP_LINE', '').split()[1:]
    argcomplete.autocomplete(make_parser(words))


def parse(words: Sequence[str]) -> Namespace:
    """
    Return what the command line says; name:=value may stand before and after options.

    Raise ConfigError for bytes that the locale does not know: names of files, instructions.
    """
    for word in words:
        if any('\udc80' <= character <= '\udcff' for character in word):
            raise ConfigError(
                f'argument: got {word!r}, expected a text in UTF-8: rename the file, or set '
                'LANG=C.UTF-8; not everything that reads files takes other names'
            )
    parser = make_parser(words)
    args, rest = parser.parse_known_args(words)
    if rest and not ('arguments' in args and all(':=' in word for word in rest)):
        parser.error(f'unrecognized arguments: {" ".join(rest)}')
    if rest:
        args.arguments = [*args.arguments, *rest]
    args.given = find_given(words)
    return args


def find_given(words: Sequence[str]) -> frozenset[str]:
    """Return what the command line says itself, and no default does, as the parser calls it."""
    parser = make_parser(words)
    parsers = [parser]
    for each in parsers:
        for action in each._actions:  # argparse has no public list
            action.default = SUPPRESS
            found = action.choices.values() if isinstance(action.choices, dict) else ()
            parsers += (one for one in found if isinstance(one, ArgumentParser))
    return frozenset(vars(parser.parse_known_args(words)[0]))


def make_parser(words: Sequence[str]) -> ArgumentParser:
    """Return the parser of the subcommand in ``words``, or of all of them with their help only."""
    parser = ArgumentParser('vla_ros', description='Vision-Language-Action policies on ROS 2.')
    parser.add_argument('--version', action='version', version=f'vla_ros {read_version()}')
    commands = parser.add_subparsers(metavar='command', required=True)
    chosen = next((word for word in words if not word.startswith('-')), '')
    if chosen and chosen not in COMMANDS and '_ARGCOMPLETE' not in os.environ:
        raise ConfigError(
            f'command: got {chosen!r}, expected one of {", ".join(COMMANDS)}'
            f'{suggest(chosen, COMMANDS)}'
        )
    for name in [chosen] if chosen in COMMANDS else COMMANDS:
        text = read_docstring(COMMANDS[name])
        command = commands.add_parser(
            name,
            help=text.partition('\n')[0],
            description=text,
            formatter_class=_Help,
        )
        if name == chosen:
            module = import_module(COMMANDS[name])
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


class _Help(RawDescriptionHelpFormatter):
    """Prints a command's docstring as it stands, and the default of every option that has one."""

    def _get_help_string(self, action: Action) -> str:
        text = action.help or ''
        plain = action.default is None or isinstance(action.default, bool | list)
        if plain or action.default in ('', SUPPRESS) or '(default' in text:
            return text
        return f'{text} (default: %(default)s)'.strip()


def read_version() -> str:
    """Return the version of this package: that of its checkout, or as it is installed."""
    manifest = Path(__file__).parents[2] / 'package.xml'
    if manifest.is_file():
        return str(ElementTree.parse(manifest).getroot().findtext('version'))
    return version('vla_ros')


def read_docstring(path: str) -> str:
    """Return the docstring of the module ``path`` without running the module."""
    spec = find_spec(path)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f'No module named {path!r}', name=path)
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding='utf-8'))) or ''


def _let_go_of_output() -> None:
    """Throw away what could not be printed, which Python would try to print again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _refuse(message: str) -> int:
    print(f'vla_ros: {message}', file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main())

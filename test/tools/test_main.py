# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vla_ros command: help, errors, what it loads."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vla_ros.tools.main import COMMANDS, main, parse, read_docstring, what_to_install

Command = Callable[[str], None]
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that adds a subcommand ``try`` which runs the statement it is given."""

    def add(statement: str) -> None:
        (tmp_path / 'vla_ros_try.py').write_text(
            '"""Try it."""\n'
            'from vla_ros.core.errors import VlaError\n'
            'def add_arguments(parser): pass\n'
            f'def run(args):\n    {statement}\n'
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, 'vla_ros_try', raising=False)
        monkeypatch.setitem(COMMANDS, 'try', 'vla_ros_try')

    return add


def test_help_lists_every_command_with_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='0'):
        main(['--help'])
    text = ' '.join(capsys.readouterr().out.split())
    for name, path in COMMANDS.items():
        assert f'{name} {read_docstring(path).splitlines()[0]}' in text


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='0'):
        main([name, '--help'])
    assert f'usage: vla_ros {name}' in capsys.readouterr().out


def test_help_shows_the_defaults_that_say_something(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match='0'):
        main(['plan', '--help'])
    text = ' '.join(capsys.readouterr().out.split())
    assert '(default: tea_bag_act)' in text and '(default: 0.5)' in text
    assert 'imx95, intel_npu_laptop' in text
    assert '(default: None)' not in text and '(default: False)' not in text


def test_no_command_is_loaded_for_the_list_of_commands() -> None:
    code = (
        'import sys; from vla_ros.tools.main import COMMANDS, make_parser; make_parser([]);'
        'sys.exit(bool(set(COMMANDS.values()) & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_up_needs_neither_rclpy_nor_a_model_library() -> None:
    code = (
        'import sys; from vla_ros.tools.main import make_parser; make_parser(["up"]);'
        'print(sorted({"rclpy", "onnxruntime", "torch", "mujoco", "cv2"} & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


@pytest.mark.parametrize(
    'words',
    [
        '--isolate seed:=3 view:=none',
        'seed:=3 view:=none --isolate',
        'seed:=3 --isolate view:=none',
    ],
)
def test_arguments_of_a_deployment_stand_before_and_after_options(words: str) -> None:
    args = parse(['up', 'tea_bag', *words.split()])
    assert args.isolate and args.arguments == ['seed:=3', 'view:=none']


@pytest.mark.parametrize(
    'words', ['up tea_bag --isolated x:=1', 'doctor x:=1', 'up tea_bag --x y']
)
def test_words_that_mean_nothing_are_refused(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        parse(words.split())
    assert 'unrecognized arguments' in capsys.readouterr().err


def test_the_exit_code_is_what_the_command_returns(command: Command) -> None:
    command('return 7')
    assert main(['try']) == 7


def test_an_error_that_the_user_can_mend_is_one_line(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command('raise VlaError("policy: got nothing, expected a folder")')
    assert main(['try']) == 2
    assert capsys.readouterr().err == 'vla_ros: policy: got nothing, expected a folder\n'


@pytest.mark.parametrize(
    ('module', 'extra'),
    [('mujoco', 'sim'), ('lerobot.policies', 'train'), ('torch', 'train'), ('onnx', 'quantize')],
)
def test_a_missing_extra_is_named(
    module: str,
    extra: str,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(CHECKOUT)
    command(f'raise ModuleNotFoundError(name={module!r})')
    assert main(['try']) == 2
    message = f"{module} is not installed: run pip install '.[{extra}]'"
    assert message in capsys.readouterr().err


def test_an_installed_package_is_named_as_pip_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / 'site-packages' / 'vla_ros' / 'tools' / 'main.py'
    monkeypatch.setattr('vla_ros.tools.main.__file__', str(module))
    assert what_to_install() == 'vla_ros'


def test_a_module_that_no_extra_holds_is_a_fault_of_the_program(
    command: Command,
) -> None:
    command('raise ModuleNotFoundError(name="vla_ros.cor")')
    with pytest.raises(ModuleNotFoundError):
        main(['try'])


def test_an_interrupt_ends_without_a_traceback(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command('raise KeyboardInterrupt')
    assert main(['try']) == 130
    assert capsys.readouterr().err == ''

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The vla_ros command: help, errors, what it loads."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from patience import PATIENCE

from vla_ros.tools.arguments import command as command_line
from vla_ros.tools.main import COMMANDS, main, parse, read_docstring

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
    text = ''.join(capsys.readouterr().out.split())  # a line may be broken at a hyphen
    for name, path in COMMANDS.items():
        assert ''.join(f'{name} {read_docstring(path).splitlines()[0]}'.split()) in text


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


@pytest.mark.parametrize(('number', 'code'), [('SIGINT', 130), ('SIGTERM', 143), ('SIGHUP', 143)])
def test_a_signal_lets_a_command_tidy_up_before_it_ends(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str, code: int
) -> None:
    tidy = tmp_path / 'tidy'
    command(
        f"""import pathlib, signal, time
    try:
        signal.raise_signal(signal.{number})
        time.sleep({PATIENCE})
    finally:
        pathlib.Path({str(tidy)!r}).touch()"""
    )
    before = signal.getsignal(signal.SIGTERM)
    assert main(['try']) == code
    assert tidy.exists() and capsys.readouterr().err == ''
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize('encoding', ['ascii', 'latin-1', 'utf-8'])
def test_what_a_terminal_cannot_show_is_shown_in_its_codes(
    command: Command, tmp_path: Path, encoding: str
) -> None:
    command(r"print('\u2192 \udcff'); return 0")
    program = (
        "from vla_ros.tools.main import COMMANDS, main; COMMANDS['try'] = 'vla_ros_try'; "
        "raise SystemExit(main(['try']))"
    )
    path = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
    environment = {**os.environ, 'PYTHONPATH': path, 'PYTHONIOENCODING': encoding}
    run = subprocess.run([sys.executable, '-c', program], capture_output=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert b'\\udcff' in run.stdout


@pytest.mark.parametrize('words', [['check', b'd\xff'], ['up', 'tea_bag', b'instruction:=\xe9']])
def test_a_word_that_is_no_text_is_refused(
    words: list[str | bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([os.fsdecode(word) for word in words]) == 2
    assert 'expected a text in UTF-8: rename the file, or set LANG' in capsys.readouterr().err


def test_a_terminal_that_is_closed_does_not_end_what_runs_under_nohup(command: Command) -> None:
    command('import signal; signal.raise_signal(signal.SIGHUP); return 0')
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(['try']) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--version'])
    assert end.value.code == 0
    manifest = (CHECKOUT / 'package.xml').read_text()
    assert f'<version>{capsys.readouterr().out.split()[1]}</version>' in manifest


def test_a_slip_in_a_command_is_named_with_the_nearest(capsys):
    assert main(['exprot', '--checkpoint', 'x']) == 2
    assert "got 'exprot', expected one of" in (said := capsys.readouterr().err)
    assert 'did you mean export?' in said


@pytest.mark.parametrize(
    'words',
    [
        ['check', 'nowhere'],
        ['convert', 'nowhere', '--output', 'new'],
        ['train', '--dataset', 'nowhere', '--output', 'run', '--steps', '1'],
        ['export', '--checkpoint', 'nowhere', '--output', 'policy'],
        ['quantize', '--recipe', 'cpu_int8', '--dataset', 'nowhere', '--output', 'policy'],
        ['replay', 'nowhere'],
        ['evaluate', '--compare', 'nowhere'],
        ['plan', '--board', 'x86', '--profile', 'nowhere'],
    ],
)
def test_a_path_that_is_not_there_fails_before_anything_heavy_is_loaded(words, tmp_path):
    program = (
        'import sys; from vla_ros.tools.main import main; code = main(sys.argv[1:]); '
        'print(sorted({"torch", "lerobot", "mujoco", "onnxruntime"} & set(sys.modules))); '
        'sys.exit(code)'
    )
    run = subprocess.run(
        [sys.executable, '-c', program, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout.strip()) == (2, '[]'), run.stderr
    assert 'nowhere: not there' in run.stderr and not list(tmp_path.iterdir())


def test_a_result_that_could_not_be_written_is_refused_before_the_work(tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    for words in (
        ['check', str(tmp_path), '--json', str(tmp_path / 'file' / 'a.json')],
        ['evaluate', '--json', str(tmp_path / 'file' / 'a.json')],
        ['doctor', '--json', str(tmp_path)],
    ):
        assert main(words) == 2
        assert 'cannot be written' in (said := capsys.readouterr().err) or 'is a folder' in said


def test_a_result_does_not_take_the_place_of_what_is_read(tmp_path, capsys):
    bag, part, report = tmp_path / 'bag', tmp_path / 'bag' / 'metadata.yaml', tmp_path / 'r.json'
    bag.mkdir()
    for file in (part, report):
        file.write_text('precious')
    assert main(['check', str(bag), '--json', str(part)]) == 2
    assert f'{part}: is part of {bag}, which is read' in capsys.readouterr().err
    assert main(['evaluate', '--compare', str(report), '--json', str(report)]) == 2
    assert f'{report}: is part of {report}' in capsys.readouterr().err
    assert {part.read_text(), report.read_text()} == {'precious'}


def test_the_shell_is_told_how_a_command_line_goes_on(tmp_path):
    pytest.importorskip('argcomplete')
    line = 'vla_ros check --refe'
    environment = {
        **os.environ,
        '_ARGCOMPLETE': '1',
        '_ARGCOMPLETE_STDOUT_FILENAME': str(tmp_path / 'out'),
        '_ARGCOMPLETE_IFS': ' ',
        'COMP_LINE': line,
        'COMP_POINT': str(len(line)),
        'COMP_TYPE': '9',
    }
    subprocess.run([sys.executable, '-m', 'vla_ros.tools.main'], env=environment, timeout=PATIENCE)
    found = (tmp_path / 'out').read_text().split()
    assert found == ['--reference']


@pytest.mark.parametrize('path', ['.', './', '../here', 'below/..'])
def test_the_folder_that_one_stands_in_has_its_name(path, tmp_path, monkeypatch):
    (tmp_path / 'here' / 'below').mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'here')
    args = parse(['convert', path, '--output', path])
    for given in (args.source, args.output):
        assert (given.name, given.parent.resolve()) == ('here', tmp_path)


@pytest.mark.parametrize('path', ['', ' ', '~nobody_of_this_name/x'])
def test_a_path_that_is_none_is_refused(path, capsys):
    with pytest.raises(SystemExit) as end:
        main(['convert', '.', '--output', path])
    assert end.value.code == 2
    assert 'argument --output: got' in capsys.readouterr().err


def test_a_path_that_no_disk_can_hold_is_told_in_one_line(tmp_path):
    run = _vla_ros('convert', str(tmp_path), '--output', str(tmp_path / ('x' * 300)))
    assert run.returncode == 2 and 'Traceback' not in run.stderr
    assert 'xxx: File name too long; ' in run.stderr


def test_output_that_cannot_be_printed_is_told_in_one_line():
    with open('/dev/full', 'w') as full:
        run = _vla_ros('doctor', stdout=full)
    assert (run.returncode, run.stderr.count('\n')) == (2, 1), run.stderr
    assert 'No space left on device' in run.stderr


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-'])
def test_a_command_needs_no_terminal_to_tell_and_no_file_takes_its_place(tmp_path, closed):
    program = (
        'import os, sys; from vla_ros.tools.main import COMMANDS, main; '
        "COMMANDS['try'] = 'vla_ros_try'; raise SystemExit(main(['try']))"
    )
    (tmp_path / 'vla_ros_try.py').write_text(
        '"""Try it."""\n'
        'import sys\n'
        'from vla_ros.runtime.progress import progress\n'
        'def add_arguments(parser): pass\n'
        'def run(args):\n'
        "    with open('file', 'w') as file, progress('step') as told:\n"
        '        told(1, 2)\n'
        '        print(file.fileno(), file=file, flush=True)\n'
        "        sys.stdout.write('said') and sys.stderr.write('said')\n"
        '    return 0\n'
    )
    path = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
    words = ['sh', '-c', f'exec "$@" {closed}', 'sh', sys.executable, '-c', program]
    run = subprocess.run(words, cwd=tmp_path, env={**os.environ, 'PYTHONPATH': path})
    assert run.returncode == 0
    assert int((tmp_path / 'file').read_text()) > 2


def test_a_reader_that_has_seen_enough_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    run = _vla_ros('doctor', stdout=writer)
    os.close(writer)
    assert (run.returncode, run.stderr) == (141, '')


def _vla_ros(*words, stdout=subprocess.PIPE):
    command = [sys.executable, '-m', 'vla_ros.tools.main', *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


def test_the_next_command_is_one_that_a_shell_takes_as_it_stands():
    line = command_line('vla_ros convert {} --output data/{}', Path("Ordner d'Or/x y"), 'plain')
    assert shlex.split(line) == ['vla_ros', 'convert', "Ordner d'Or/x y", '--output', 'data/plain']
    assert line.endswith(' data/plain')

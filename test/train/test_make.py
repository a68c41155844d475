# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A policy from nothing, with tiny numbers: every step of how the shipped one is made."""

import importlib.util
import os

import pytest

pytest.importorskip('mujoco')

from vla_ros.core.config import config_names, find_config
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.policy.bundle import load_bundle
from vla_ros.tools.main import main
from vla_ros.tools.make import load_making

TINY = (
    *('starts:=1', 'recoveries:=0', 'size:=64x32', 'batch:=2', 'workers:=2'),
    *('seeing:=0.02', 'reading:=0.02'),
)


@pytest.mark.parametrize(
    ('name', 'more'),
    [
        (
            'tea_bag_act',
            (
                *('beginnings:=1', 'scenes:=4', 'moved:=4', 'again:=1'),
                *('corrections:=1', 'longest:=0.5', 'reading_on:=0.02', 'reading_again:=0.02'),
            ),
        ),
        (
            'tea_bag_smolvla',
            (
                *('beginnings:=1', 'switches:=1', 'scenes:=4', 'samples:=2', 'again:=1'),
                *('corrections:=1', 'longest:=0.5', 'reading_on:=0.02', 'reading_again:=0.02'),
            ),
        ),
    ],
)
def test_policy_is_made_from_nothing_and_what_is_done_is_not_done_again(
    tmp_path, capfd, name, more
):
    pytest.importorskip('lerobot', reason="needs pip install 'vla_ros[train]'")
    root = tmp_path / 'all runs'
    words = ['make', name, *TINY, *more, '--output', str(root)]
    assert main(words) == 0
    spec = load_bundle(root / name).spec
    assert {(camera.width, camera.height) for camera in spec.cameras} == {(64, 32)}
    written = {path: os.stat(path).st_mtime_ns for path in root.rglob('*') if path.is_file()}
    capfd.readouterr()
    assert main(words) == 0
    assert 'is done, but' not in capfd.readouterr().out
    assert written == {
        path: os.stat(path).st_mtime_ns for path in root.rglob('*') if path.is_file()
    }


def test_step_that_fails_says_so_and_the_next_ones_are_not_taken(tmp_path, capfd):
    file = tmp_path / 'mine.yaml'
    file.write_text(
        'description: x\narguments: {n: 1}\nsteps:\n  a: export --checkpoint {root}/{n}\n'
        '  b: generate --arrays --scenes 1\n'
    )
    with pytest.raises(VlaError, match='step a: ended with 2'):
        run(['make', str(file), '--output', str(tmp_path / 'runs')])
    assert not (tmp_path / 'runs' / 'b').exists()


def test_library_that_a_later_step_needs_is_missed_before_the_first(tmp_path, capsys, monkeypatch):
    def find_spec(name):
        return None if name == 'lerobot' else importlib.util.find_spec(name)

    monkeypatch.setattr('vla_ros.core.extras.find_spec', find_spec)
    assert main(['make', 'tea_bag_act', *TINY, '--output', str(tmp_path / 'runs')]) == 2
    assert 'lerobot is not installed: run pip install' in capsys.readouterr().err
    assert not (tmp_path / 'runs').exists()


def test_step_that_was_done_with_other_arguments_is_kept_and_says_so(tmp_path, capfd):
    file = tmp_path / 'mine.yaml'
    step = 'plan --policy tea_bag_act --board x86 --json {root}/{n}'
    file.write_text(f'description: x\narguments: {{n: 1}}\nsteps:\n  a: {step}\n')
    done = tmp_path / 'runs' / 'done' / 'a'
    done.parent.mkdir(parents=True)
    done.write_text(f'{step.format(root=tmp_path / "runs", n=1)} --output {tmp_path}/runs/a')
    words = ['make', str(file), '--output', str(tmp_path / 'runs')]
    assert main(words) == 0
    assert 'is done' not in capfd.readouterr().out
    assert main([*words, 'n:=2']) == 0
    assert 'is done, but was called with: plan --policy' in capfd.readouterr().out
    assert not (tmp_path / 'runs' / '2').exists()


def test_training_that_was_begun_is_resumed_and_one_that_is_done_is_left_alone(tmp_path, capfd):
    file = tmp_path / 'mine.yaml'
    file.write_text('description: x\narguments: {n: 1}\nsteps:\n  a: train --dataset x\n')
    runs = tmp_path / 'runs'
    words = ['make', str(file), '--output', str(runs), '--dry-run']
    told = f'vla_ros train --dataset x --output {runs}/a'
    assert main(words) == 0 and capfd.readouterr().out == f'{told}\n'
    (runs / 'a').mkdir(parents=True)
    (runs / 'a' / 'losses.csv').touch()
    assert main(words) == 0 and capfd.readouterr().out == f'{told} --resume\n'
    (runs / 'done').mkdir()
    (runs / 'done' / 'a').write_text(told.removeprefix('vla_ros '))
    assert main(words[:-1]) == 0 and capfd.readouterr().out == f'{told}\n'


@pytest.mark.parametrize(
    ('content', 'complaint'),
    [
        ('{steps: {a: doctor}}', 'arguments: got None, expected a mapping'),
        ('{arguments: {}, steps: [doctor]}', "steps: got .'doctor'., expected a mapping"),
        ('{arguments: {}, steps: {a: 1}}', 'step a: got 1, expected its output'),
        ('{arguments: {}, steps: {1: doctor}}', "step 1: got 'doctor'"),
        ('{arguments: {}, steps: {a: ""}}', "step a: got '', expected its output"),
        ('{arguments: {}, steps: {a: "doctor {"}}', "step a: got 'doctor {'"),
        ('{arguments: {}, steps: {a: "doctor {}"}}', "step a: got 'doctor {}'"),
        ("{arguments: {}, steps: {a: doctor ' }}", 'No closing quotation'),
        ('{arguments: {n: 1}, steps: {a: "doctor {m}"}}', "'m'.*with {root} and arguments of n"),
    ],
)
def test_file_that_makes_nothing_is_named(tmp_path, content, complaint):
    file = tmp_path / 'mine.yaml'
    file.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        run(['make', str(file), '--output', str(tmp_path / 'runs')])


@pytest.mark.parametrize(
    ('word', 'complaint'),
    [('wrokers:=2', 'did you mean workers?'), ('idle:=2', 'no step of .* takes it')],
)
def test_an_argument_that_would_change_nothing_is_refused(tmp_path, word, complaint):
    file = tmp_path / 'mine.yaml'
    file.write_text('{arguments: {workers: 1, idle: 1}, steps: {a: "doctor {workers}"}}')
    with pytest.raises(ConfigError, match=complaint):
        load_making(file, [word])


def run(words):
    """Run the command and let its errors pass."""
    from vla_ros.tools.main import parse

    args = parse(words)
    return args.run(args)


def test_dry_run_prints_the_commands_and_makes_nothing(tmp_path, capsys):
    main(['make', 'tea_bag_act', '--dry-run', 'starts:=7', '--output', str(tmp_path / 'runs')])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith('vla_ros generate --arrays') and '--starts 7' in printed[0]
    assert printed[-1].endswith(f'--output {tmp_path}/runs/tea_bag_act')
    assert not (tmp_path / 'runs').exists()


@pytest.mark.parametrize('name', config_names('making'))
def test_each_making_names_only_arguments_that_it_declares(name, tmp_path):
    steps, values = load_making(find_config('making', name), [])
    for step in steps:
        assert step.words(tmp_path, values)
    with pytest.raises(ConfigError, match='expected name:=value'):
        load_making(find_config('making', name), ['nothing:=1'])


@pytest.mark.parametrize('name', config_names('making'))
def test_no_step_of_a_making_has_an_option_that_changes_nothing(name, tmp_path):
    from vla_ros.tools import generate
    from vla_ros.tools.main import parse

    steps, values = load_making(find_config('making', name), [])
    words = [step.words(tmp_path, values) for step in steps]
    recorded = [parse(each) for each in words if each[0] == 'generate']
    for args in recorded:
        generate._check(args)
    assert len(recorded) > 3

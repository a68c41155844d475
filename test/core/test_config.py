# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Configuration is found by name or path, and read strictly."""

import pytest

from vla_ros.core.config import find_config, load_yaml
from vla_ros.core.errors import ConfigError


def test_name_is_found_with_and_without_its_ending():
    assert find_config('robots', 'so101') == find_config('robots', 'so101.yaml')
    assert find_config('robots', 'so101').is_file()


def test_path_is_taken_as_it_is(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('')
    assert find_config('robots', str(path)) == path
    assert find_config('policies', str(tmp_path)) == tmp_path


@pytest.mark.parametrize('name', ['so102', '', '.', '/nowhere/so101.yaml', '~nobody_of_this/x'])
def test_unknown_name_is_refused_with_the_names_there_are(name):
    with pytest.raises(ConfigError, match='robots: got .*, expected one of .*so101'):
        find_config('robots', name)


def test_folder_here_that_is_named_like_a_configuration_is_pointed_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine').mkdir()
    with pytest.raises(ConfigError, match=r"policies: got 'mine', .*; did you mean \./mine\?"):
        find_config('policies', 'mine')
    assert find_config('policies', './mine').is_dir()


def test_installed_configuration_of_a_ros_prefix_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')
    folder = tmp_path / 'share' / 'vla_ros' / 'config' / 'robots'
    folder.mkdir(parents=True)
    (folder / 'arm7.yaml').write_text('')
    assert find_config('robots', 'arm7') == folder / 'arm7.yaml'


@pytest.mark.parametrize(
    'text, complaint',
    [
        ('- 1', 'got list, expected a mapping'),
        ('', 'got NoneType'),
        ('a: [', 'cannot be read'),
        ('a: 1\nc: 2', 'unknown key c, expected a, b'),
        ('a: 1\nb: 2\na: 3', 'cannot be read: key a comes twice'),
        ('a: {joint: 1, joint: 2}', 'cannot be read: key joint comes twice'),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, text, complaint):
    path = tmp_path / 'some.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf'some\.yaml: {complaint}'):
        load_yaml(path, ('a', 'b'))


def test_key_that_overrides_a_merged_one_is_no_repetition(tmp_path):
    path = tmp_path / 'some.yaml'
    path.write_text('a: &shared {x: 1, y: 2}\nb: {<<: *shared, y: 3}\n')
    assert load_yaml(path, ('a', 'b')) == {'a': {'x': 1, 'y': 2}, 'b': {'x': 1, 'y': 3}}


def test_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r'absent\.yaml: cannot be read'):
        load_yaml(tmp_path / 'absent.yaml', ())


BOMB = 'a0: &a0 [x, x]\n' + ''.join(
    f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 12)
)


@pytest.mark.parametrize(
    'text',
    [
        pytest.param('a: &a [*a]', id='list'),
        pytest.param('a: &a {b: *a}', id='mapping'),
        pytest.param('a: &a\n  b: {c: [*a]}', id='deep'),
        pytest.param(BOMB, id='bomb'),
        pytest.param('a: ' + '[' * 5000, id='nested'),
        pytest.param('a: 1\n' * 400_000, id='huge'),
    ],
)
def test_file_that_contains_itself_or_is_endless_is_refused_at_once(tmp_path, text):
    path = tmp_path / 'file.yaml'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r'file.yaml: (cannot be read|got more than)'):
        load_yaml(path, ('a',))


def test_alias_that_only_repeats_something_is_allowed(tmp_path):
    path = tmp_path / 'file.yaml'
    path.write_text('a: &limits [1, 2]\nb: *limits\n')
    assert load_yaml(path, ('a', 'b')) == {'a': [1, 2], 'b': [1, 2]}


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1e-3', 1e-3), ('1E3', 1e3), ('-2.5e1', -25.0), ('.5', 0.5), ('5.', 5.0), ('+7', 7),
        ('0', 0), ('-0x1F', -31), ('-.inf', float('-inf')), ('true', True), ('off', False),
        ('010', '010'), ('08', '08'), ('1:30', '1:30'), ('1_000', '1_000'), ('1e', '1e'),
        ('0b1', '0b1'), ("'1e3'", '1e3'), ('1.2.3', '1.2.3'), ('.', '.'),
    ],
)  # fmt: skip
def test_numbers_are_those_that_ros_and_people_read_alike(tmp_path, text, value):
    path = tmp_path / 'some.yaml'
    path.write_text(f'a: {text}\n')
    found = load_yaml(path, ('a',))['a']
    assert found == value and type(found) is type(value)


def test_a_file_with_the_marks_of_windows_is_read(tmp_path):
    path = tmp_path / 'some.yaml'
    path.write_bytes('\ufeffa: 1\r\nb: \u00e4\r\n'.encode())
    assert load_yaml(path, ('a', 'b')) == {'a': 1, 'b': 'ä'}

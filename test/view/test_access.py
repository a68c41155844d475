# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who may look, and who may command."""

import socket
from pathlib import Path

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.view.access import Access, default_token_file, load_token


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / 'new' / 'token'
    token = load_token(path)
    assert len(token) >= 32 and load_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ('text', 'mode', 'complaint'),
    [
        ('secret', 0o644, 'others can read it; run: chmod 600'),
        ('  \n', 0o600, 'got no token, expected one; remove the file'),
        ('schlüssel', 0o600, "'ascii' codec"),
    ],
)
def test_a_token_that_is_none_is_refused(tmp_path, text, mode, complaint):
    path = tmp_path / 'token'
    path.write_text(text, encoding='utf-8')
    path.chmod(mode)
    with pytest.raises(ConfigError, match=complaint):
        load_token(path)


def test_a_token_where_no_file_can_be_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='token_file: .*Is a directory'):
        load_token(tmp_path)


def test_the_token_lies_in_the_home_of_ros(monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    assert default_token_file() == tmp_path / 'vla_ros' / 'web_token'
    monkeypatch.delenv('ROS_HOME')
    assert default_token_file().parts[-3:] == ('.ros', 'vla_ros', 'web_token')


def test_a_user_without_a_home_is_told_so(monkeypatch):
    def no_home():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('ROS_HOME', raising=False)
    monkeypatch.setattr(Path, 'home', no_home)
    with pytest.raises(ConfigError, match='token_file: got none, and this user has no home'):
        default_token_file()


@pytest.mark.parametrize(
    ('host', 'origin'),
    [
        ('127.0.0.1:8042', None),
        ('127.0.0.1:8042', 'http://127.0.0.1:8042'),
        ('localhost:8042', 'http://localhost:8042'),
        ('[::1]:8042', 'http://[::1]:8042'),
        ('192.168.1.7:8042', 'http://192.168.1.7:8042'),
        (f'{socket.gethostname()}:8042', None),
        ('Robot.lab:8042', 'https://robot.lab:8042'),
    ],
)
def test_this_machine_and_its_own_page_are_let_in(host, origin):
    assert Access('secret', ['robot.lab']).objection(host, origin) == ''


@pytest.mark.parametrize(
    ('host', 'origin', 'complaint'),
    [
        ('127.0.0.1:8042', 'http://evil.example', "page from 'http://evil.example'"),
        ('127.0.0.1:8042', 'http://127.0.0.1:9999', 'page from'),
        ('127.0.0.1:8042', 'null', "page from 'null'"),
        ('evil.example:8042', 'http://evil.example:8042', "for host 'evil.example', expected"),
        ('evil.example', None, 'add it to the parameter allowed_hosts'),
        ('', None, "for host ''"),
        ('[::1', None, "for host ''"),
        ('127.0.0.1:8042', 'http://[::1', 'page from'),
    ],
)
def test_pages_and_names_of_others_are_refused(host, origin, complaint):
    assert complaint in Access('secret').objection(host, origin)


def test_only_the_token_may_command():
    access = Access('secret')
    assert access.may_command('Bearer secret')
    for given in (None, '', 'secret', 'Bearer ', 'Bearer secre', 'Bearer secret2', 'Basic secret'):
        assert not access.may_command(given)
    assert not access.may_command('Bearer schlüssel')
    assert not access.may_command('Bearer \udcff')  # as aiohttp reads a byte that is no text

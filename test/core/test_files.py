# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that commands are asked to write."""

import json
from pathlib import Path

import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import check_folder, check_writable, find_damage, write_json, write_text


def test_folder_of_a_file_is_made_where_it_is_missing(tmp_path: Path) -> None:
    write_json(tmp_path / 'a' / 'b' / 'figures.json', {'p50': 0.1})
    assert json.loads((tmp_path / 'a' / 'b' / 'figures.json').read_text()) == {'p50': 0.1}
    write_text(tmp_path / 'pages' / 'report.html', 'µ')
    assert (tmp_path / 'pages' / 'report.html').read_bytes() == 'µ'.encode()


def test_numbers_that_json_lacks_are_null(tmp_path: Path) -> None:
    write_json(tmp_path / 'figures.json', {'p50': float('nan'), 'all': [(float('-inf'), 1.5)]})
    text = (tmp_path / 'figures.json').read_text()
    content = json.loads(text, parse_constant=pytest.fail)
    assert content == {'p50': None, 'all': [[None, 1.5]]}


def test_what_cannot_be_written_is_found_out_before_the_work(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    check_writable(tmp_path / 'new' / 'a.json', None, Path('/dev/stdout'))
    assert list((tmp_path / 'new').iterdir()) == []
    for path, message in (
        (tmp_path / 'file' / 'a.json', 'cannot be written'),
        (tmp_path, 'is a folder'),
        (Path('/proc/a.json'), 'cannot be written'),
    ):
        with pytest.raises(ConfigError, match=message):
            check_writable(path)


def test_a_folder_that_cannot_be_filled_is_found_out_before_the_work(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    (tmp_path / 'link').symlink_to('nowhere')
    check_folder(tmp_path)
    check_folder(tmp_path / 'new' / 'dataset')
    assert list((tmp_path / 'new').iterdir()) == []
    for path, message in (
        (tmp_path / 'file', 'got a file, expected a folder'),
        (tmp_path / 'file' / 'dataset', 'cannot be written'),
        (tmp_path / 'link', 'got a link to nothing, expected a folder'),
        (Path('/proc/dataset'), 'cannot be written'),
        (Path('/proc/self'), 'cannot be written'),
    ):
        with pytest.raises(ConfigError, match=message):
            check_folder(path)


def test_a_result_that_cannot_be_written_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'file').write_text('')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    with pytest.raises(VlaError, match=f'it is kept as {tmp_path}/figures.json'):
        write_json(tmp_path / 'file' / 'figures.json', [1])
    assert json.loads((tmp_path / 'figures.json').read_text()) == [1]


def test_a_file_is_replaced_whole_and_a_failed_write_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    write_text(path, 'old')
    (tmp_path / '.a.txt.partial').mkdir()  # in the way
    with pytest.raises(VlaError):
        write_text(path, 'new')
    assert path.read_text() == 'old'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'empty'),
        (b'version https://git-lfs.github.com/spec/v1\noid', 'git lfs pull'),
        (None, 'not there'),
    ],
)
def test_damage_of_a_download_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / 'weights'
    if content is not None:
        path.write_bytes(content)
    assert message in find_damage(path)
    path.write_bytes(b'sound')
    assert find_damage(path) == ''

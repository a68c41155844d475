# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that commands are asked to write."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import (
    append_json,
    check_folder,
    check_writable,
    find_damage,
    read_lines,
    replacing,
    temporary_files,
    write_json,
    write_text,
)


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
    (tmp_path / '.a.txt.partial.txt').mkdir()  # in the way
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


def test_a_file_that_is_written_through_a_link_is_behind_it(tmp_path: Path) -> None:
    (tmp_path / 'shelf').mkdir()
    link = tmp_path / 'report.html'
    link.symlink_to(tmp_path / 'shelf' / 'today.html')
    for text in ('new', 'replaced'):
        check_writable(link)
        write_text(link, text)
        assert link.is_symlink()
        assert (tmp_path / 'shelf' / 'today.html').read_text() == text


def test_a_file_that_is_replaced_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / 'figures.json'
    path.write_text('old')
    path.chmod(0o640)
    write_text(path, 'new')
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize('name', [f'{"a" * 250}.json', f'{"ü" * 125}.json', 'a' * 255])
def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path: Path, name: str) -> None:
    check_writable(tmp_path / name)
    write_text(tmp_path / name, 'all')
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_writer_leaves_behind_when_it_fails_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / 'picture.png'
    path.write_bytes(b'old')
    with pytest.raises(KeyboardInterrupt), replacing(path) as partial:
        assert partial.suffix == '.png'  # it says what is written
        partial.write_bytes(b'half')
        raise KeyboardInterrupt
    assert path.read_bytes() == b'old' and list(tmp_path.iterdir()) == [path]


def test_a_line_that_was_cut_off_is_dropped_and_the_next_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'trials.jsonl'
    assert read_lines(path) == []
    append_json(path, {'trial': 1, 'note': 'ü\u2028\n'})
    with path.open('a') as file:
        file.write('{"trial": 2, "no')
    assert len(read_lines(path)) == 1
    append_json(path, {'trial': 2})
    assert [json.loads(line)['trial'] for line in read_lines(path)] == [1, 2]


def test_what_libraries_leave_in_the_folder_for_temporary_files_is_gone(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with temporary_files(tmp_path):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            left = Path(file.name)
        assert left.is_relative_to(tmp_path) and left.exists()
    assert tempfile.gettempdir() == before
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_to_standard_output_stands_behind_what_was_printed(
    tmp_path: Path,
) -> None:
    """Also where that is a file, which must not be begun anew, and the link to it stays."""
    code = 'from pathlib import Path; from vla_ros.core.files import check_writable, write_text; '
    code += "path = Path('/dev/stdout'); check_writable(path); print('a'); "
    code += "write_text(path, 'b\\n'); write_text(Path('/dev/fd/1'), 'c\\n'); print('d')"
    with (tmp_path / 'out').open('w') as out:
        subprocess.run([sys.executable, '-c', code], stdout=out, check=True)
    assert (tmp_path / 'out').read_text().split() == ['a', 'b', 'c', 'd']
    assert os.readlink('/dev/stdout') == '/proc/self/fd/1'

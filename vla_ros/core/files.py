# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that commands read and write: what is wrong with one, and results that are not lost."""

import fcntl
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import IO, Any

from vla_ros.core.errors import ConfigError, VlaError, repeated

LARGEST_JSON = 2**24  # bytes
_LFS = b'version https://git-lfs.github.com/'


@contextmanager
def temporary_files(folder: Path | None = None) -> Iterator[None]:
    """
    Have what libraries leave in the folder for temporary files be gone at the end.

    Of this process, meanwhile, they lie in a folder of their own, below ``folder`` if one is
    named: what is large finds room, and is moved, where it is to be.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix='.vla_ros.', dir=folder) as own:
        tempfile.tempdir = own
        try:
            yield
        finally:
            tempfile.tempdir = before


def find_damage(path: Path) -> str:
    """Return what is wrong with a file that was downloaded or copied, and the mend; else ''."""
    if not path.is_file():
        return 'not there; copy or download the whole folder again'
    with path.open('rb') as file:
        start = file.read(len(_LFS))
    if not start:
        return 'empty (0 bytes); copy or download it again'
    if start == _LFS:
        return "a Git LFS pointer, and not the file itself; run 'git lfs pull' in its repository"
    return ''


def check_writable(*paths: Path | None) -> None:
    """
    Raise ConfigError, before the work, for a file that could not be written after it.

    Folders that are not there yet are made. None stands for a file that nobody asked for.
    """
    for path in filter(None, paths):
        if descriptor(path) is not None or _is_device(path):
            continue
        if path.is_dir():
            raise ConfigError(f'{path}: is a folder, expected the name of a file; name one in it')
        _try_to_write(path, _target(path).parent)


def check_folder(path: Path) -> None:
    """
    Raise ConfigError, before the work, for a folder that could not be filled after it.

    Folders above it that are not there yet are made.
    """
    if path.exists() != path.is_dir() or path.is_symlink() > path.exists():
        got = 'a link to nothing' if path.is_symlink() else 'a file'
        raise ConfigError(f'{path}: got {got}, expected a folder, or a new name; name another')
    _try_to_write(path, path if path.is_dir() else path.parent)


def _try_to_write(path: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix='.vla_ros.'):
            pass
    except OSError as error:
        raise ConfigError(f'{path}: cannot be written: {error.strerror}; name another') from None


def lock_file(file: IO[str], held: str) -> None:
    """Lock ``file`` until it is closed; raise ConfigError ``held`` where somebody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConfigError(held) from None


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: object) -> None:
    """Write ``content``, of JSON's types, with an indent; see `to_json` and `write_bytes`."""
    write_text(path, to_json(content, indent=1) + '\n')


def to_json(content: object, **layout: Any) -> str:
    """Return ``content``, of JSON's types, as JSON; NaN and infinity, which it lacks, as null."""
    try:
        return json.dumps(content, allow_nan=False, **layout)
    except ValueError:
        return json.dumps(_without_nan(content), **layout)


def _without_nan(content: object) -> object:
    if isinstance(content, Mapping):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def write_bytes(path: Path, content: bytes) -> None:
    """
    Write a result; the file is there whole or not at all, and the folder need not be there yet.

    Where it cannot be written, it is kept in the folder for temporary files, and VlaError says so.
    """
    try:
        _replace(path, content)
    except OSError as error:
        kept = _keep(path, content)
        raise VlaError(f'{path}: cannot be written: {error.strerror}; {kept}') from None


def _replace(path: Path, content: bytes) -> None:
    number = descriptor(path)
    if number is not None:
        _write_all(number, content)
    elif _is_device(path):
        path.write_bytes(content)
    else:
        _replace_file(path, content)


def _replace_file(path: Path, content: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """
    Yield a file to be written, of the same suffix, which takes the place of ``path`` at the end.

    So that is there whole or as it was, whoever is killed and whatever loses its power. It keeps
    its rights, and a link to it stays one. The folder need not be there yet.
    """
    target = _target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    name = os.fsdecode(os.fsencode(target.name)[:150])  # it may be as long as a name can be
    partial = target.with_name(f'.{name}.partial{target.suffix[:20]}')
    try:
        yield partial
        with partial.open('rb') as file:
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, partial)
        os.replace(partial, target)
    finally:
        with suppress(OSError):
            partial.unlink()


def descriptor(path: Path) -> int | None:
    """Return the number of the open file that a path such as /dev/stdout is; else None."""
    name = os.path.join(os.path.realpath(path.parent), path.name)
    if name.startswith('/dev/') and path.is_symlink():
        link = os.path.join('/dev', os.readlink(path))
        name = os.path.join(os.path.realpath(os.path.dirname(link)), os.path.basename(link))
    match = re.fullmatch(rf'/proc/{os.getpid()}/fd/([0-9]+)', name)
    return int(match[1]) if match and path.exists() else None


def _write_all(number: int, content: bytes) -> None:
    """Write to an open file behind what was printed: opened anew it would begin with this."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with os.fdopen(os.dup(number), 'wb') as file:
        file.write(content)


def _target(path: Path) -> Path:
    """Return the file that is written: where ``path`` is a link, what it names."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_device(path: Path) -> bool:
    """Say whether a path is one that is written, and can't be replaced, such as /dev/stdout."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _keep(path: Path, content: bytes) -> str:
    """Save a result that cannot be where it should; say where it is."""
    other = Path(tempfile.gettempdir()) / path.name
    try:
        _replace(other, content)
    except OSError as error:
        return f'nor could {other}: {error.strerror}; free the disk and run it again'
    return f'it is kept as {other}; move it where you want it'


def append_json(path: Path, entry: object) -> None:
    """Add a line with ``entry``, of JSON's types, to a file; it is on the disk at the return."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('a', encoding='utf-8') as file:
        file.write(to_json(entry) + '\n')
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[str]:
    """
    Return the lines of a file that `append_json` wrote; none where there is no file.

    One at its end that was cut off, for whoever wrote it was killed, is dropped from the file.
    """
    text = path.read_text(encoding='utf-8', errors='replace') if path.is_file() else ''
    whole = text[: text.rfind('\n') + 1]
    if whole != text:
        write_text(path, whole)
    return whole.splitlines()


def read_json(path: Path) -> Any:
    """
    Return the content of a JSON file of facts.

    Raise ConfigError naming the file where it can't be read, and for what JSON's own reader lets
    pass: a key that comes twice, of which the last would win, numbers that are none or that no
    array holds, and halves of characters, which nothing can print or write again.
    """
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError(f'got more than {LARGEST_JSON} bytes')
        content = json.loads(
            path.read_text(encoding='utf-8-sig'),  # with the mark that Windows writes, or without
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_finite,
        )
        json.dumps(content, ensure_ascii=False).encode()
        return content
    except (OSError, ValueError, RecursionError) as error:  # ValueError: of JSON and of Unicode
        raise ConfigError(f'{path}: cannot be read: {error}') from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = repeated(key for key, _ in pairs)
        raise ValueError(f'key {", ".join(twice)} comes twice')
    return content


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f'got the number {text[:20]}..., expected one of at most 64 bits')
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f'got the number {text}, expected a finite one')
    return number

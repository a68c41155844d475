# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bundles that benchmarks make for themselves, kept until what they were made of has changed."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vla_ros.core.errors import ConfigError
from vla_ros.core.files import check_folder, write_json
from vla_ros.policy.bundle import Bundle, load_bundle
from vla_ros.runtime.machine import version

PACKAGE = Path(__file__).parents[1]


def keep(
    path: Path,
    facts: Mapping[str, Any],
    makers: Sequence[str],
    libraries: Sequence[str],
    make: Callable[[], object],
) -> Bundle:
    """
    Return the bundle in the folder ``path``; ``make`` writes it where it is not there.

    It is written anew, and a line says so, where something changed that it was made of: the
    ``facts`` (plain values for JSON), the code of the ``makers`` (subpackages of vla_ros) or the
    version of the ``libraries``. A file beside it holds them. Raise ConfigError where the folder
    was not made here: it may be somebody's own.
    """
    note = path.with_name(f'{path.name}.made_of.json')
    now = _plain({**facts, **_code(makers), **{name: version(name) for name in libraries}})
    if path.exists():
        changed = _changes(note, path, now)
        if not changed:
            return load_bundle(path)
        print(f'{path}: was made of another {", ".join(changed)}; making it anew', flush=True)
        shutil.rmtree(path)
    check_folder(path)  # making takes minutes
    write_json(note, now)
    make()
    return load_bundle(path)


def _changes(note: Path, path: Path, now: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs from the note beside the bundle."""
    try:
        before = json.loads(note.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        raise ConfigError(
            f'{path}: got a bundle without {note.name} beside it, expected one that a benchmark '
            'made; remove it, or name another folder with --cache'
        ) from None
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _code(makers: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of the source of each subpackage."""
    return {f'vla_ros.{name}': _sha256(PACKAGE / name) for name in makers}


def _sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob('*.py')):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts as JSON gives them back."""
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The errors of the package; every message names the thing, what was expected and the mend."""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 4000  # characters of a message: what was got may be a whole file


class VlaError(Exception):
    """Something that the package can't do, told so that a user can mend it."""

    def __str__(self) -> str:
        """Return the message; of one that nobody would read to its end, both ends."""
        text = super().__str__()
        half = LONGEST // 2
        return text if len(text) <= LONGEST else f'{text[:half]} [...] {text[-half:]}'


class ConfigError(VlaError, ValueError):
    """A file, a parameter or an argument that makes no sense; met at start, never in motion."""


def suggest(name: object, names: Iterable[object]) -> str:
    """Return ``; did you mean X?`` for the one of ``names`` that is most like ``name``, or ''."""
    found = get_close_matches(str(name), map(str, names), 1)  # a key in a file may be a number
    return f'; did you mean {found[0]}?' if found else ''


def repeated(names: Iterable[str]) -> list[str]:
    """Return, sorted, those of ``names`` that come more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)

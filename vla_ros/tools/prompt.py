# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a command asks the person who sits before it."""

from vla_ros.core.errors import VlaError


def ask(text: str) -> str:
    """Return the line that is typed after ``text``; raise VlaError where nobody can answer."""
    try:
        return input(text)
    except EOFError:
        raise VlaError(
            f'{text.strip()!r}: got the end of the input, expected a line; run this in a terminal'
        ) from None

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that commands are asked to write; the folder need not be there yet."""

import json
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def write_json(path: Path, content: object) -> None:
    """Write ``content``, of JSON's types, with an indent."""
    write_text(path, json.dumps(content, indent=1) + '\n')

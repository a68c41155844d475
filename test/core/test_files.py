# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that commands are asked to write."""

import json
from pathlib import Path

from vla_ros.core.files import write_json, write_text


def test_folder_of_a_file_is_made_where_it_is_missing(tmp_path: Path) -> None:
    write_json(tmp_path / 'a' / 'b' / 'figures.json', {'p50': 0.1})
    assert json.loads((tmp_path / 'a' / 'b' / 'figures.json').read_text()) == {'p50': 0.1}
    write_text(tmp_path / 'pages' / 'report.html', 'µ')
    assert (tmp_path / 'pages' / 'report.html').read_bytes() == 'µ'.encode()

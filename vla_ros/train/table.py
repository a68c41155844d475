# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small table of numbers in a CSV file that grows while training."""

import csv
from io import StringIO
from pathlib import Path

from vla_ros.core.files import write_text


class Table:
    """Rows of numbers, the first of which is the step; on disk after each append."""

    def __init__(self, path: Path, columns: tuple[str, ...], step: int = 0) -> None:
        """Open the table, dropping rows after ``step``: training went on from before them."""
        self._path, self._columns = path, columns
        self.rows = [row for row in _read(path) if row['step'] <= step]
        text = StringIO(newline='')
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(path, text.getvalue())

    def append(self, *values: float) -> None:
        """Add a row."""
        row = dict(zip(self._columns, values, strict=True))
        self.rows.append(row)
        with self._path.open('a', newline='') as file:
            csv.DictWriter(file, self._columns).writerow(row)


def _read(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with path.open(newline='', encoding='utf-8') as file:
        whole = [line for line in file if line.endswith('\n')]  # the last one may be torn
    return [
        {key: float(value) for key, value in row.items()}
        for row in csv.DictReader(whole)
        if None not in row.values()
    ]

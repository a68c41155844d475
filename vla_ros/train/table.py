# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small table of numbers in a CSV file that grows while training."""

import csv
from pathlib import Path


class Table:
    """Rows of numbers, the first of which is the step; on disk after each append."""

    def __init__(self, path: Path, columns: tuple[str, ...], step: int = 0) -> None:
        """Open the table, dropping rows after ``step``: training went on from before them."""
        self._path, self._columns = path, columns
        self.rows = [row for row in _read(path) if row['step'] <= step]
        with path.open('w', newline='') as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)

    def append(self, *values: float) -> None:
        """Add a row."""
        row = dict(zip(self._columns, values, strict=True))
        self.rows.append(row)
        with self._path.open('a', newline='') as file:
            csv.DictWriter(file, self._columns).writerow(row)


def _read(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with path.open(newline='') as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]  # torn ones
        return [{key: float(value) for key, value in row.items()} for row in rows]

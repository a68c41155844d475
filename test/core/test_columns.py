# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of text."""

from vla_ros.core.columns import align


def test_columns_begin_below_each_other_and_no_line_ends_in_blanks():
    assert align([('a', 'bb', ''), ('ccc', '', 'd')]) == ['a    bb', 'ccc      d']

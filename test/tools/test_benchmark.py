# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command benchmark: what it says as a page, and paths that are checked before the work."""

from types import SimpleNamespace

import pytest
from report_page import read_page

from vla_ros.core.errors import ConfigError
from vla_ros.tools import benchmark

SAID = 'rate  p50 ms\n  60    0.10\n\nslots: 3.0x <faster>\n'


def measure(args):
    print(SAID, end='')
    return args.code


def ask(tmp_path, code=0, **more):
    given = {'subject': 'transport', 'measure': measure, 'code': code, 'html': None, 'json': None}
    return SimpleNamespace(**(given | more))


@pytest.mark.parametrize(('code', 'good'), [(0, None), (1, False)])
def test_the_page_says_what_the_terminal_says_and_on_what_machine(tmp_path, capsys, code, good):
    page = tmp_path / 'report.html'
    assert benchmark.run(ask(tmp_path, code, html=page)) == code
    assert capsys.readouterr().out == f'{SAID}report: {page}\n'
    seen = read_page(page.read_text())
    assert seen.verdict == 'slots: 3.0x <faster>' and seen.good is good
    assert {'processor', 'cores', 'load'} <= {row[0] for row in seen.rows}


def test_a_benchmark_that_ends_with_a_table_is_told_by_what_it_measures(tmp_path):
    assert benchmark.summarise('a  b\n1  2\n') == ''
    about = benchmark.read_docstring(benchmark.BENCHMARKS['transport']).partition('\n')[0]
    assert read_page(benchmark.write_html('transport', 'a  b\n1  2\n', 0)).verdict == about


def test_a_file_that_cannot_be_written_is_named_before_the_work(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='file'):
        benchmark.run(ask(tmp_path, json=tmp_path / 'file' / 'x.json', measure=lambda args: 1 / 0))

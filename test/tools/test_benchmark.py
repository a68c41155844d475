# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command benchmark: what it says as a page, and paths that are checked before the work."""

from argparse import ArgumentParser
from types import SimpleNamespace

import pytest
from report_page import read_page

from vla_ros.tools import benchmark
from vla_ros.tools.arguments import Written
from vla_ros.tools.main import main

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


@pytest.mark.parametrize('subject', benchmark.BENCHMARKS)
def test_every_benchmark_writes_its_figures_and_its_page_where_it_is_told(subject, tmp_path):
    parser = ArgumentParser()
    benchmark.add_arguments(parser)
    needed = ['--checkpoint', 'x'] if subject == 'lerobot' else []
    args = parser.parse_args([subject, *needed, '--json', 'x.json', '--html', 'x.html'])
    assert isinstance(args.json, Written) and isinstance(args.html, Written)


def test_a_file_that_cannot_be_written_is_named_before_the_work(tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    assert main(['benchmark', 'fuzz', '--json', str(tmp_path / 'file' / 'x.json')]) == 2
    assert str(tmp_path / 'file') in capsys.readouterr().err

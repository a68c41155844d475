# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The judge of a long run, on looks that are made up, and the look at a process that is real."""

import os
import secrets
import subprocess
import sys
import threading

import numpy as np
import pytest

from vla_ros.benchmarks import soak
from vla_ros.benchmarks.soak import Look, growth, judge, look_at, node_name, progress, table
from vla_ros.runtime.shared_memory import SharedWriter

MEGABYTE = 10**6


def looks(count=40, memory=lambda k: 100 * MEGABYTE, threads=lambda k: 5, slots=lambda k: 2):
    """Return looks at two nodes, of which one is steady."""
    steady = Look(100 * MEGABYTE, 3, 20, 1)
    return [
        {'queue': steady, 'encoder': Look(int(memory(k)), threads(k), 30, slots(k))}
        for k in range(count)
    ]


def test_a_steady_run_is_sound_though_its_figures_fluctuate():
    found = looks(memory=lambda k: 1e8 + 3e6 * (k % 5), threads=lambda k: 5 + k % 2)
    assert judge(found, 0.01) == []


def test_memory_that_grows_is_told_with_its_share():
    assert judge(looks(memory=lambda k: 1e8 * (1 + k / 400)), 0.01) == ['memory grew by 3.7%']


def test_memory_may_shrink():
    assert judge(looks(memory=lambda k: 1e8 * (1 - k / 400)), 0.01) == []


@pytest.mark.parametrize('what', ['threads', 'slots'])
def test_what_grows_for_good_is_told_by_node(what):
    faults = judge(looks(**{what: lambda k: 2 + k // 10}), 0.01)
    assert faults == [f'{what} of encoder grew from 2 to 5']


def test_growth_compares_the_first_quarter_with_the_last():
    grown = growth([1, 2, 3, 2, 9, 9, 9, 9, 5, 6, 7, 6])
    assert (grown.first, grown.last, grown.for_good) == (2, 6, True)
    assert grown.share == pytest.approx(2.0)


def test_the_table_has_a_line_for_each_node_and_the_sum():
    lines = table(looks(memory=lambda k: 1e8 * (1 + k / 400))).splitlines()
    assert [line.split()[0] for line in lines] == ['node', 'queue', 'encoder', 'all']
    assert '201.1 -> 208.6' in lines[-1] and '3.73%' in lines[-1]


def test_progress_says_how_far_the_run_is_and_what_is_used():
    text = progress(60.0, 1800.0, looks()[0], '3 episodes, 2 succeeded')
    assert text == (
        '  1.0 of 30 min: 200.0 MB, 8 threads, 50 files, 3 slots; 3 episodes, 2 succeeded'
    )


def test_a_look_counts_threads_files_and_slots_of_a_process():
    before, writer, ended = look_at(os.getpid()), SharedWriter(), threading.Event()
    threading.Thread(target=ended.wait, daemon=True).start()
    try:
        writer.put('features', np.zeros(100))
        now = look_at(os.getpid())
        assert now.slots == before.slots + 1 and now.files > before.files
        assert now.threads == before.threads + 1 and now.memory > MEGABYTE
    finally:
        ended.set()
        writer.close()


def test_a_process_that_has_ended_is_not_looked_at():
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    assert look_at(process.pid) is None and node_name(process.pid) == ''


def test_a_node_is_known_by_its_name():
    name = f'arm_{secrets.token_hex(4)}'
    words = [sys.executable, '-c', 'print(); input()', '--ros-args', '-r', f'__node:={name}']
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        assert node_name(process.pid) == name
    finally:
        process.kill()
        process.wait()


def test_what_was_seen_is_kept_while_the_run_goes_on(monkeypatch):
    class Deployed:
        """Stands for a run of which this process is the only node."""

        def pids(self):
            return {'test': os.getpid()}

        def figures(self):
            return '0 episodes'

    monkeypatch.setattr(soak, 'wait_until_stable', lambda deployment: None)
    monkeypatch.setattr(soak, 'PROGRESS', 0.05)
    kept = []
    looks, _ = soak.watch(Deployed(), 0.5, 0.02, lambda looks, restarts: kept.append(len(looks)))
    assert len(kept) > 2 and kept == sorted(kept) and kept[-1] <= len(looks)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What processes used, and how it is shown."""

import os
import time

from vla_ros.runtime.usage import Usage, format_table, read_cpu_time, read_memory


def test_memory_of_this_process_is_plausible() -> None:
    assert 1e6 < read_memory(os.getpid()) < 10e9


def test_memory_without_files_leaves_the_libraries_out() -> None:
    before, own = (read_memory(os.getpid(), files) for files in (True, False))
    assert 1e6 < own < before
    block = bytearray(b'x' * 50_000_000)
    assert read_memory(os.getpid(), files=False) - own > 0.9 * len(block)


def test_memory_of_a_process_that_has_ended_is_zero() -> None:
    assert read_memory(2**22 + 1) == 0


def test_cpu_time_is_that_of_the_whole_process() -> None:
    before, now = time.process_time(), read_cpu_time(os.getpid())
    assert now is not None and before <= now <= time.process_time()


def test_cpu_time_of_a_process_that_has_ended_is_none() -> None:
    assert read_cpu_time(2**22 + 1) is None


def test_share_is_of_one_core() -> None:
    assert Usage('sim', 0, cpu=3.0, duration=2.0, exit_code=0).share == 1.5
    assert Usage('sim', 0, cpu=0.0, duration=0.0, exit_code=0).share == 0.0


def test_table_has_a_row_for_each_process_and_the_sums() -> None:
    sim = Usage('sim', 80_000_000, 5.0, 10.0, 0)
    camera = Usage('camera_top', 46_500_000, 1.0, 10.0, -9)
    assert format_table([sim, camera]).splitlines() == [
        'node        memory (MB)  CPU (% of a core)  exit code',
        'sim                80.0               50.0          0',
        'camera_top         46.5               10.0         -9',
        'all               126.5               60.0',
    ]

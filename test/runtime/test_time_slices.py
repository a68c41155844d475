# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Time slices of threads, each of its own, so that no other test has them."""

import os
import platform
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from vla_ros.runtime.time_slices import SET_ATTRIBUTES, set_time_slice, time_slice

KERNEL = tuple(map(int, re.findall(r'\d+', platform.release())[:2]))
HAS_SLICES = KERNEL >= (6, 12) and platform.machine() in SET_ATTRIBUTES


def in_thread(look: Callable[[], Any]) -> Any:
    """Return what ``look`` returns in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


def test_thread_gets_the_slice_and_others_keep_theirs() -> None:
    usual = time_slice()
    expected = (True, 2e-4) if HAS_SLICES else (False, 0.0)
    assert in_thread(lambda: (set_time_slice(2e-4), round(time_slice(), 6))) == expected
    assert time_slice() == usual


def test_slice_that_the_kernel_does_not_take_is_no_success() -> None:
    assert not in_thread(lambda: set_time_slice(1e-6))


def test_nice_value_stays() -> None:
    def look() -> tuple[bool, int]:
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + 3)
        before = os.getpriority(os.PRIO_PROCESS, 0)
        return set_time_slice(1e-4), os.getpriority(os.PRIO_PROCESS, 0) - before

    assert in_thread(look) == (HAS_SLICES, 0)


def test_other_machines_have_no_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, 'machine', lambda: 'vax')
    assert not set_time_slice(1e-4)
    assert time_slice() == 0.0

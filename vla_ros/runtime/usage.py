# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of a run used: memory and CPU time, as the kernel counts them."""

import ctypes
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Usage:
    """What one process used from its start to its end."""

    name: str
    memory: int  # bytes, the largest share seen (see read_memory)
    cpu: float  # s, of all threads
    duration: float  # s
    exit_code: int  # as subprocess gives it: -9 is SIGKILL

    @property
    def share(self) -> float:
        """Return the CPU time as a fraction of one core."""
        return self.cpu / self.duration if self.duration else 0.0


def read_memory(pid: int, files: bool = True) -> int:
    """
    Return the proportional set size of a process in bytes, 0 where it has ended.

    Pages that n processes share count 1/n in each: the sum over processes is what they take.
    Without ``files``, pages of files are left out: they count less while others map them, too.
    """
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    kinds = 'Pss' if files else 'Pss_Anon|Pss_Shmem'
    found = re.findall(rf'^(?:{kinds}):\s+(\d+) kB', text, re.MULTILINE)
    return 1024 * sum(map(int, found))


def read_cpu_time(pid: int) -> float | None:
    """Return the CPU time of a process so far, of all threads in s; None where it has ended."""
    clock = ctypes.c_int()
    if LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        return None
    try:
        return time.clock_gettime(clock.value)
    except OSError:  # it has ended in between
        return None


def format_table(usages: Iterable[Usage]) -> str:
    """Return the table of peak memory, CPU share of one core and exit code, with the sums."""
    rows = [(u.name, u.memory, u.share, str(u.exit_code)) for u in usages]
    rows.append(('all', sum(row[1] for row in rows), sum(row[2] for row in rows), ''))
    width = max(len(row[0]) for row in rows)
    lines = [f'{"node":{width}}  {"memory (MB)":>11}  {"CPU (% of a core)":>17}  exit code']
    lines += [
        f'{name:{width}}  {memory / 1e6:11.1f}  {100 * share:17.1f}  {code:>9}'.rstrip()
        for name, memory, share, code in rows
    ]
    return '\n'.join(lines)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run a deployment for long, and see whether anything grows or is left behind.

Episode follows episode. Every few seconds each node is looked at: its memory (its share of all
that is no file), threads and open files, and the slots of tensors in /dev/shm. The first quarter
after the warm-up is compared with the last one. The exit code is 1 where the memory of all nodes
together grew by more than --growth, where threads, files or slots have grown for good, where a
node was started again, or where a slot is left when all is over.
"""

import os
import re
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from statistics import median

from vla_ros.core.defaults import DEPLOYMENT
from vla_ros.core.errors import VlaError
from vla_ros.core.files import write_json
from vla_ros.deployment.domain import isolate
from vla_ros.runtime.shared_memory import PREFIX, SEGMENT, SHARED_MEMORY, remove_stale_slots
from vla_ros.runtime.usage import read_memory

WARM_UP = 0.1  # of the run, in which caches fill and nodes find one another
SHORT_WARM_UP, LONGEST_SHORT = 0.25, 60.0  # of a short run, and s
START_TIMEOUT = 120.0  # s until the first node is there
STOP_TIMEOUT = 30.0  # s
PROGRESS = 30.0  # s between two lines
NODE = '__node:='


@dataclass(frozen=True)
class Look:
    """One process, or all of them, at one time."""

    memory: int  # bytes
    threads: int
    files: int
    slots: int  # segments of tensors that it holds open, its own and those that it reads

    def __add__(self, other: 'Look') -> 'Look':
        """Return the sums."""
        mine, its = vars(self), vars(other)
        return Look(**{name: mine[name] + its[name] for name in mine})


@dataclass(frozen=True)
class Growth:
    """The medians of a figure in the first and in the last quarter."""

    first: float
    last: float
    for_good: bool  # every value of the last quarter is above every one of the first

    @property
    def share(self) -> float:
        """Return the growth as a fraction of the first quarter."""
        return self.last / self.first - 1.0 if self.first else 0.0


Looks = dict[str, Look]  # by node


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('--minutes', type=float, default=30.0, help='length of the run')
    parser.add_argument(
        '--deployment', default=DEPLOYMENT, help='name of a deployment, or its file'
    )
    parser.add_argument('--period', type=float, default=5.0, help='s between two looks')
    parser.add_argument('--growth', type=float, default=0.01, help='of the memory, allowed')
    parser.add_argument(
        'arguments', nargs='*', metavar='name:=value', help='arguments of the deployment'
    )


def run(args: Namespace) -> int:
    """Run, look, and judge."""
    remove_stale_slots()
    before = slots_there()
    with Deployment([args.deployment, 'episodes:=0', *args.arguments]) as deployment:
        looks, restarts = watch(deployment, 60.0 * args.minutes, args.period, partial(_keep, args))
        figures = deployment.figures()
    left = slots_there() - before
    print(table(looks))
    faults = judge(looks, args.growth)
    faults += [f'{name} was started again {count} times' for name, count in restarts.items()]
    faults += [f'{len(left)} slots are left in {SHARED_MEMORY}'] if left else []
    _keep(args, looks, restarts, faults)
    print(f'{len(looks)} looks; {figures}; ' + ('; '.join(faults) or 'nothing grew, nothing left'))
    return 1 if faults else 0


def _keep(
    args: Namespace, looks: list[Looks], restarts: dict[str, int], faults: Sequence[str] = ()
) -> None:
    """Write what was seen so far, where that is asked for."""
    if args.json:
        found = [{name: vars(each) for name, each in look.items()} for look in looks]
        write_json(args.json, {'looks': found, 'faults': faults, 'restarts': dict(restarts)})


class Deployment:
    """`vla_ros up`, in a ROS domain of its own, as long as the context lasts."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._ends: list[str] = []  # lines on how episodes ended
        self._last: list[str] = []

    def __enter__(self) -> 'Deployment':
        """Start it."""
        self._up = subprocess.Popen(
            [sys.executable, '-m', 'vla_ros.tools.main', 'up', *self._words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | isolate(),
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop it."""
        self._up.terminate()
        try:
            self._up.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
        self._reader.join(STOP_TIMEOUT)

    def pids(self) -> dict[str, int]:
        """Return the process of each node; raise VlaError where the run has ended."""
        if self._up.poll() is not None:
            raise VlaError('the run ended by itself; its last lines:\n' + '\n'.join(self._last))
        children = Path(f'/proc/{self._up.pid}/task/{self._up.pid}/children').read_text().split()
        return {name: int(pid) for pid in children if (name := node_name(int(pid)))}

    def figures(self) -> str:
        """Say how the episodes went."""
        succeeded = sum(': success' in line for line in self._ends)
        return f'{len(self._ends)} episodes, {succeeded} succeeded'

    def _read(self) -> None:
        assert self._up.stdout is not None
        for line in self._up.stdout:
            self._last = [*self._last[-20:], line.rstrip()]
            if re.search(r'\bepisode \d+.*: (success|timeout|failure)', line):
                self._ends.append(line)


def watch(
    deployment: Deployment,
    duration: float,
    period: float,
    keep: Callable[[list[Looks], dict[str, int]], None] = lambda looks, restarts: None,
) -> tuple[list[Looks], dict[str, int]]:
    """
    Look at the nodes for ``duration`` s; return the looks after the warm-up, and restarts.

    ``keep`` is told both now and then.
    """
    wait_until_stable(deployment)
    began = said = time.monotonic()
    seen = deployment.pids()
    looks: list[Looks] = []
    restarts: dict[str, int] = {}
    while (elapsed := time.monotonic() - began) < duration:
        pids = deployment.pids()
        for name in [name for name, pid in pids.items() if seen.get(name, pid) != pid]:
            restarts[name] = restarts.get(name, 0) + 1
        seen |= pids
        now = {name: look for name, pid in pids.items() if (look := look_at(pid))}
        if elapsed >= warm_up(duration):
            looks.append(now)
        if time.monotonic() - said >= PROGRESS:
            said = time.monotonic()
            print(progress(elapsed, duration, now, deployment.figures()), flush=True)
            keep(looks, restarts)
        time.sleep(period)
    if len(looks) < 4:
        raise VlaError(f'soak: got {len(looks)} looks, expected 4 and more; raise --minutes')
    return looks, restarts


def warm_up(duration: float) -> float:
    """Return the part of a run that does not count, s."""
    return max(WARM_UP * duration, min(SHORT_WARM_UP * duration, LONGEST_SHORT))


def wait_until_stable(deployment: Deployment) -> None:
    """Return when the number of nodes does not grow any more."""
    end, count, same = time.monotonic() + START_TIMEOUT, 0, 0
    while same < 5:
        if time.monotonic() > end:
            raise VlaError(f'soak: got no node within {START_TIMEOUT:.0f} s, expected some')
        time.sleep(1.0)
        before, count = count, len(deployment.pids())
        same = same + 1 if count == before > 0 else 0


def look_at(pid: int) -> Look | None:
    """Look at a process; None where it has ended."""
    try:
        files = sum(1 for _ in Path(f'/proc/{pid}/fd').iterdir())
        threads = sum(1 for _ in Path(f'/proc/{pid}/task').iterdir())
        slots = {path for path in mapped(pid) if SEGMENT.fullmatch(Path(path).name)}
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Look(read_memory(pid, files=False), threads, files, len(slots))


def mapped(pid: int) -> set[str]:
    """Return the shared memory that a process has mapped."""
    lines = Path(f'/proc/{pid}/maps').read_text().splitlines()
    marks = (line.partition(str(SHARED_MEMORY)) for line in lines)
    return {(mark + name).split()[0] for _, mark, name in marks if mark}


def slots_there() -> set[str]:
    """Return the segments of tensors in /dev/shm."""
    return {path.name for path in SHARED_MEMORY.glob(f'{PREFIX}*') if SEGMENT.fullmatch(path.name)}


def node_name(pid: int) -> str:
    """Return the name of the node that a process runs, '' where it runs none."""
    try:
        words = Path(f'/proc/{pid}/cmdline').read_text().split('\0')
    except (FileNotFoundError, ProcessLookupError):
        return ''
    return next((word.removeprefix(NODE) for word in words if word.startswith(NODE)), '')


def total(looks: Looks) -> Look:
    """Return the sum over the nodes."""
    return sum(looks.values(), Look(0, 0, 0, 0))


def growth(values: Sequence[float]) -> Growth:
    """Compare the first quarter of the values with the last one."""
    size = max(1, len(values) // 4)
    first, last = values[:size], values[-size:]
    return Growth(median(first), median(last), min(last) > max(first))


def judge(looks: Sequence[Looks], allowed: float) -> list[str]:
    """Return what has grown too much: memory in sum, anything else in any node."""
    memory = growth([total(look).memory for look in looks])
    faults = [f'memory grew by {memory.share:.1%}'] if memory.share > allowed else []
    for name in sorted(set.intersection(*(set(look) for look in looks))):
        for what in ('threads', 'files', 'slots'):
            grown = growth([getattr(look[name], what) for look in looks])
            if grown.for_good:
                faults.append(f'{what} of {name} grew from {grown.first:.0f} to {grown.last:.0f}')
    return faults


def table(looks: Sequence[Looks]) -> str:
    """Return the growth of each node, first quarter against last, and of all together."""
    names = list(looks[-1])
    series: dict[str, list[Look]] = {
        name: [look[name] for look in looks if name in look] for name in names
    }
    series['all'] = [total(look) for look in looks]
    width = max(map(len, series))
    lines = [f'{"node":{width}}  {"memory (MB)":>16}  {"growth":>7}  threads    files  slots']
    for name, values in series.items():
        memory, *rest = (growth(column) for column in columns(values))
        text = '  '.join(f'{g.first:.0f} -> {g.last:.0f}' for g in rest)
        sizes = f'{memory.first / 1e6:.1f} -> {memory.last / 1e6:.1f}'
        lines.append(f'{name:{width}}  {sizes:>16}  {memory.share:7.2%}  {text}')
    return '\n'.join(lines)


def columns(values: Iterable[Look]) -> list[list[float]]:
    """Return memory, threads, files and slots as a list each."""
    return [list(column) for column in zip(*(vars(v).values() for v in values), strict=True)]


def progress(elapsed: float, duration: float, looks: Looks, figures: str) -> str:
    """Return the line that says how far the run is and what is used now."""
    now = total(looks)
    counts = ', '.join(f'{getattr(now, f.name)} {f.name}' for f in fields(now)[1:])
    return (
        f'{elapsed / 60:5.1f} of {duration / 60:.0f} min: {now.memory / 1e6:.1f} MB, {counts}; '
        f'{figures}'
    )

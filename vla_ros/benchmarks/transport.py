# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Hand a tensor from one process to another: shared-memory slots against plain topics.

The time runs from the array in the sender until the receiver has read every byte of it and found
it whole. In the first way the array was made in its slot, as the nodes' sessions do; in the second
it has to be copied there. The ways alternate in one run. Plain topics, reliable and best effort,
are measured with the Fast DDS profile that ships and with one that has room for several such
messages.
"""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vla_ros.benchmarks.ratios import check_count
from vla_ros.core.errors import VlaError
from vla_ros.core.files import write_json
from vla_ros.deployment.domain import isolate
from vla_ros.deployment.fastdds import PROFILE, shipped_profile
from vla_ros.runtime.tether import tethered

ROOM = 4  # messages that the large profile has room for
WARM_UP = 3  # hand-overs of each way that do not count
MODULE = 'vla_ros.benchmarks.probes.transport'
PLAIN = ('reliable', 'best_effort')  # topics that carry the bytes
LOST = ('lost', 'torn')


@dataclass(frozen=True)
class Row:
    """What was measured of one way; times in s."""

    way: str
    profile: str
    size: int  # bytes
    hand_overs: int
    lost: int
    torn: int
    p50: float
    p95: float

    def __str__(self) -> str:
        """Return a line of the table."""
        return (
            f'{self.way:12} {self.profile:8} {1e3 * self.p50:8.2f} {1e3 * self.p95:8.2f} '
            f'{self.hand_overs:6} {self.lost:6} {self.torn:6}'
        )


class Pair:
    """A sender and a receiver that see only each other."""

    def __init__(self, size: int, environment: dict[str, str]) -> None:
        """Start both; raise VlaError where they do not find each other."""
        self._receiver = _start('receive()', environment)
        self._sender = _start(f'send({size})', environment)
        if self._say() != 'ready':
            self.close()
            raise VlaError(
                'transport: the sender and the receiver do not find each other; '
                'look at what they say above'
            )

    def hand_over(self, way: str) -> str:
        """Hand one tensor over; return the seconds, or what went wrong."""
        assert self._sender.stdin is not None
        self._sender.stdin.write(f'{way}\n')
        self._sender.stdin.flush()
        return self._say()

    def close(self) -> None:
        """End both processes."""
        assert self._sender.stdin is not None
        self._sender.stdin.close()
        self._receiver.terminate()
        for process in (self._sender, self._receiver):
            process.wait(timeout=10)

    def _say(self) -> str:
        assert self._sender.stdout is not None
        return self._sender.stdout.readline().strip()


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument('--megabytes', type=float, default=10.0, help='size of the tensor')
    parser.add_argument('--rounds', type=int, default=100, help='hand-overs of each way')


def run(args: Namespace) -> int:
    """Measure and print the table; return 0."""
    check_count('rounds', args.rounds)
    rows = measure(round(args.megabytes * 1e6) // 8 * 8, args.rounds)
    print(f'{args.megabytes:g} MB     profile   p50 ms   p95 ms  count   lost   torn')
    print(*rows, sep='\n')
    print(f'slots against the best plain topic, p50: {ratio(rows):.1f}x')
    if args.json:
        found = {'rows': [asdict(row) for row in rows], 'ratio': ratio(rows)}
        write_json(args.json, found)
    return 0


def measure(size: int, rounds: int) -> list[Row]:
    """Return a row for each way to hand ``size`` bytes over, measured ``rounds`` times."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='vla_ros_')))
        profiles = {'shipped': shipped_profile(), 'large': large_profile(folder, size)}
        pairs = {
            name: stack.enter_context(_pair(size, profile)) for name, profile in profiles.items()
        }
        ways = [('slots', 'shipped'), ('copied', 'shipped')]
        ways += [(way, name) for name in pairs for way in PLAIN]
        got: dict[tuple[str, str], list[str]] = {way: [] for way in ways}
        for _ in range(WARM_UP + rounds):
            for way, name in ways:
                got[way, name].append(pairs[name].hand_over(way))
    return [_row(way, name, size, got[way, name][WARM_UP:]) for way, name in ways]


def ratio(rows: Sequence[Row]) -> float:
    """Return how many times as long the best plain topic takes, of those that lose little."""
    slots = next(row.p50 for row in rows if row.way == 'slots')
    plain = [row for row in rows if row.way in PLAIN and row.lost * 20 <= row.hand_overs]
    return min((row.p50 for row in plain), default=float('nan')) / slots


def large_profile(folder: Path, size: int) -> Path:
    """Write the profile that ships, with room for several messages of ``size`` bytes."""
    shipped = shipped_profile()
    text = shipped.read_text(encoding='utf-8')
    for tag, value in (('segment_size', ROOM * size), ('maxMessageSize', 2 * size)):
        head, _, rest = text.partition(f'<{tag}>')
        text = f'{head}<{tag}>{max(value, 1 << 20)}</{tag}>{rest.partition(f"</{tag}>")[2]}'
    path = folder / shipped.name
    path.write_text(text)
    return path


@contextmanager
def _pair(size: int, profile: Path) -> Iterator[Pair]:
    environment = {**os.environ, **isolate(), PROFILE: str(profile)}
    pair = Pair(size, environment)
    try:
        yield pair
    finally:
        pair.close()


def _start(call: str, environment: dict[str, str]) -> 'subprocess.Popen[str]':
    program = f'from {MODULE} import *; {call}'
    argv = [sys.executable, '-c', program]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        argv, stdin=pipe, stdout=pipe, text=True, env=environment, preexec_fn=tethered()
    )


def _row(way: str, profile: str, size: int, got: Sequence[str]) -> Row:
    times = [float(text) for text in got if text not in LOST] or [float('nan')]
    p50, p95 = (float(np.percentile(times, share)) for share in (50, 95))
    lost, torn = (sum(text == word for text in got) for word in LOST)
    return Row(way, profile, size, len(got), lost, torn, p50, p95)

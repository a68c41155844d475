# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the recorder: how much it writes, what it loses and takes, and what killing it costs.

A node sends three cameras and an arm; the recorder, as it runs on a robot, writes whole episodes.
With --kills it is killed (SIGKILL) at random moments and started again, into the same folder:
each episode that it ever showed as whole has to stay readable, to the last message.
"""

import os
import random
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vla_ros.core.errors import VlaError
from vla_ros.core.files import write_json
from vla_ros.core.picture_size import NOTATION, parse_size

_PATIENCE = 60.0  # s for the nodes to find each other
_LIFE = (0.3, 2.0)  # s that a recorder lives once it writes, before it is killed
_PLAN = '{clusters: {1: [0.2, 0.0]}, cluster_size: 0.1, starts: 10000, recoveries: 0}'


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add('--episodes', type=int, default=3, help='to record in a row (default: 3)')
    add('--seconds', type=float, default=10.0, help='length of each (default: 10)')
    add('--cameras', type=int, default=3, help='(default: 3)')
    add('--size', default='640x480', metavar=NOTATION, help='of the pictures (default: 640x480)')
    add('--fps', type=float, default=30.0, help='of each camera (default: 30)')
    add('--kills', type=int, default=0, metavar='N', help='kill the recorder N times as well')
    add('--seed', type=int, default=0, help='of the moments of the kills (default: 0)')


def run(args: Namespace) -> int:
    """Print the figures; return 1 if a frame was lost, or a kill cost more than it may."""
    result = measure(args)
    print(describe(result))
    failed = result['dropped'] + result['missing'] > 0
    if args.kills:
        result['kills'] = kill(args)
        print(describe_kills(result['kills']))
        failed |= result['kills']['damaged'] > 0
    if args.json:
        write_json(args.json, result)
    return int(failed)


def measure(args: Namespace) -> dict[str, Any]:
    """Record whole episodes; return what was written, what was lost, and what it took."""
    from vla_ros.dataset.bag import list_episodes

    with _stage(args, args.seconds) as (root, environment):
        recorder = _start_recorder(root, environment, args, args.episodes)
        samples = list(_watch(recorder, root))
        if recorder.returncode:
            raise VlaError(f'recorder: ended with {recorder.returncode}; see what it says above')
        episodes = list_episodes(root)
        messages = sum(1 for episode in episodes for _ in episode.messages())
        size = sum(file.stat().st_size for file in root.glob('episode_*/*.mcap'))
    begin, end = samples[0], samples[-1]
    seconds = args.episodes * args.seconds
    return {
        'episodes': len(episodes),
        'seconds': seconds,
        'messages': messages,
        'megabytes': size / 1e6,
        'megabytes_per_second': size / 1e6 / seconds,
        'cpu': (end[1] - begin[1]) / max(end[0] - begin[0], 1e-9),  # cores, pauses included
        'memory_megabytes': end[2] / 1e6,
        'dropped': sum(episode.info.dropped for episode in episodes),
        'missing': sum(sum(episode.info.missing.values()) for episode in episodes),
    }


def kill(args: Namespace) -> dict[str, int]:
    """Kill a recorder again and again; return how many episodes were whole, torn and damaged."""
    from vla_ros.dataset.bag import list_episodes, list_unfinished, salvage

    moments = random.Random(args.seed)
    known: dict[str, int] = {}  # episode: messages, when it was first shown as whole
    damaged, torn = set(), 0
    with _stage(args, 0.4) as (root, environment):
        for _ in range(args.kills):
            recorder = _start_recorder(root, environment, args, 0)
            _wait_until_it_writes(recorder, root)
            time.sleep(moments.uniform(*_LIFE))
            recorder.send_signal(signal.SIGKILL)
            recorder.wait()
            shown = {episode.path.name: episode for episode in list_episodes(root)}
            for name, episode in shown.items():
                count = sum(1 for _ in episode.messages()) if name not in known else known[name]
                known.setdefault(name, count)
            damaged |= known.keys() - shown.keys()
        for episode in list_episodes(root):
            count = sum(1 for _ in episode.messages())
            if not count or count != known[episode.path.name]:
                damaged.add(episode.path.name)
        torn = sum(bool(salvage(folder)) for folder in list_unfinished(root))
    return {'kills': args.kills, 'whole': len(known), 'torn': torn, 'damaged': len(damaged)}


def describe(result: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    return (
        f'{result["episodes"]} episodes, {result["seconds"]:.0f} s: '
        f'{result["messages"]} messages, '
        f'{result["megabytes_per_second"]:.1f} MB/s, CPU {100 * result["cpu"]:.0f} % of a core, '
        f'{result["memory_megabytes"]:.0f} MB of memory, {result["dropped"]} dropped, '
        f'{result["missing"]} frames missing'
    )


def describe_kills(result: Mapping[str, int]) -> str:
    """Return what the kills cost as text."""
    return (
        f'killed {result["kills"]} times: {result["whole"]} whole episodes, '
        f'{result["damaged"]} of them damaged, {result["torn"]} unfinished ones that are readable'
    )


@contextmanager
def _stage(args: Namespace, seconds: float) -> Iterator[tuple[Path, dict[str, str]]]:
    """Have the traffic run; give a folder for recordings and the environment of its domain."""
    from vla_ros.deployment.domain import isolate

    environment = {**os.environ, **isolate()}
    settings = {
        'cameras': ','.join(_cameras(args)),
        **parse_size(args.size)._asdict(),
        'fps': float(args.fps),
        'seconds': float(seconds),
    }
    with TemporaryDirectory(prefix='vla_ros_recorder_') as folder:
        traffic = _start('benchmarks.probes.traffic', settings, environment)
        try:
            yield Path(folder) / 'set', environment
        finally:
            traffic.terminate()
            traffic.wait()


def _start_recorder(
    root: Path, environment: dict[str, str], args: Namespace, episodes: int
) -> subprocess.Popen:
    root.mkdir(exist_ok=True)
    plan = root.parent / 'plan.yaml'
    plan.write_text(_PLAN)
    settings = {
        'output': root,
        'plan': plan,
        'cameras': ','.join(_cameras(args)),
        'fps': float(args.fps),
        'episodes': episodes,
        'gate': 'none',
        'instruction': 'Record.',
    }
    return _start('nodes.recorder', settings, environment)


def _start(
    node: str, settings: Mapping[str, Any], environment: dict[str, str]
) -> subprocess.Popen:
    words = [word for key, value in settings.items() for word in ('-p', f'{key}:={value}')]
    argv = [sys.executable, '-m', f'vla_ros.{node}', '--ros-args', *words]
    return subprocess.Popen([*argv, '--log-level', 'warn'], env=environment)


def _cameras(args: Namespace) -> list[str]:
    return [f'camera_{number}' for number in range(args.cameras)]


def _watch(process: subprocess.Popen, root: Path) -> Iterator[tuple[float, float, int]]:
    """Yield time (s), CPU time (s) and memory (bytes) of a recorder from its first episode on."""
    from vla_ros.runtime.usage import read_cpu_time, read_memory

    _wait_until_it_writes(process, root)
    peak = 0
    while process.poll() is None:
        peak = max(peak, read_memory(process.pid))
        spent = read_cpu_time(process.pid)
        if spent is not None:
            yield time.monotonic(), spent, peak
        time.sleep(0.1)


def _wait_until_it_writes(process: subprocess.Popen, root: Path) -> None:
    """Wait for an episode that is being written; raise VlaError where none is begun."""
    before = set((root / '.partial').glob('episode_*'))
    deadline = time.monotonic() + _PATIENCE
    while not set((root / '.partial').glob('episode_*')) - before:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise VlaError(
                'recorder: began no episode; see what it says above, and free the computer'
            )
        time.sleep(0.02)

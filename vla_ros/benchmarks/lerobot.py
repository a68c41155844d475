# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's asynchronous client and server against this graph: one policy, one arm, in turns.

Both drive the same simulated arm (the nodes sim and camera), from the same starts, at the rate of
the policy, with the same threshold, blending and one thread for inference. LeRobot 0.6.1 runs as
it ships and with its defaults, its server and its client each in its process; its robot reads and
commands the ROS topics, in degrees (versus_lerobot/rosarm.py and degrees.py). What the arm
received is measured by one listener for both. Both start anew for each episode.
"""

import json
import math
import os
import shlex
import socket
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from vla_ros.benchmarks.commands import Play, summarize
from vla_ros.benchmarks.ratios import check_count
from vla_ros.core.config import find_config
from vla_ros.core.defaults import DEPLOYMENT, POLICY, TASK
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.files import check_folder, write_json
from vla_ros.dataset.plan import SETS, PlannedEpisode, find_plan
from vla_ros.deployment.domain import isolate
from vla_ros.deployment.fastdds import remove_stale_segments
from vla_ros.deployment.supervisor import Command, Supervisor

if TYPE_CHECKING:
    from vla_ros.benchmarks.probes.command_tap import CommandTap
    from vla_ros.policy.spec import PolicySpec

SIDES = ('lerobot', 'vla_ros')
PLACEMENT = 'description: One thread each, on any core.\ndefaults: {device: cpu, threads: 1}\n'
THREADS = {'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
ROBOT = ('sim', 'camera')  # executables of the nodes that both sides drive
START_TIMEOUT = 600.0  # s for torch to load and the arm to move
GRACE = 15.0  # s for all processes of an episode to end
INTERRUPTED = 128  # and a signal: how the exit code of an interrupted run begins
ROWS = {
    'episodes': ('episodes', '{:.0f}'),
    'success': ('success', '{:.2f}'),
    'seconds_per_episode': ('time per episode (s)', '{:.1f}'),
    'chunks_per_episode': ('chunks per episode', '{:.1f}'),
    'latency_p50_ms': ('observation to action, p50 (ms)', '{:.1f}'),
    'latency_p95_ms': ('observation to action, p95 (ms)', '{:.1f}'),
    'first_latency_ms': ('the same, first chunk (ms)', '{:.1f}'),
    'starved_share': ('periods without a new command', '{:.2%}'),
    'longest_gap_ms': ('longest time without one (ms)', '{:.0f}'),
    'period_p50_ms': ('command period, p50 (ms)', '{:.2f}'),
    'period_p99_ms': ('command period, p99 (ms)', '{:.2f}'),
    'seam_p95_mrad': ('step into a new chunk, p95 (mrad)', '{:.1f}'),
    'seam_max_mrad': ('step into a new chunk, max (mrad)', '{:.1f}'),
    'inside_p95_mrad': ('step inside a chunk, p95 (mrad)', '{:.1f}'),
    'inside_max_mrad': ('step inside a chunk, max (mrad)', '{:.1f}'),
    'seam_max_to_inside_max': ('largest seam / largest step inside', '{:.2f}'),
    'played_twice': ('actions played twice', '{:.0f}'),
    'skipped': ('actions skipped', '{:.0f}'),
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        '--checkpoint', type=Path, required=True, help='LeRobot checkpoint of the same policy'
    )
    parser.add_argument('--policy', default=POLICY, help='bundle exported from it')
    parser.add_argument('--episodes', type=int, default=5, help='of each side')
    parser.add_argument('--seed', type=int, default=0, help='other seeds, other episodes')
    parser.add_argument('--set', choices=SETS, default='test', help='where the bag starts')
    parser.add_argument('--timeout', type=float, default=30.0, help='s for an episode')
    parser.add_argument('--chunk-size-threshold', type=float, default=0.2)
    parser.add_argument('--aggregate-fn-name', default='weighted_average')
    parser.add_argument('--logs', type=Path, help="folder to keep every process's output in")


def run(args: Namespace) -> int:
    """Play in turns, print the table and write the figures."""
    from vla_ros.policy.bundle import load_bundle

    check_count('episodes', args.episodes)
    if args.logs:
        check_folder(args.logs)
    remove_stale_segments()  # this process listens before `vla_ros up` does the same
    os.environ.update(isolate() | THREADS)
    spec = load_bundle(find_config('policies', args.policy)).spec
    plays: dict[str, list[Play]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory(prefix='vla_ros_') as folder:
        match = Match(args, spec, Path(folder))
        match.prepare()
        for planned in find_plan(TASK).evaluation(args.set, args.episodes, args.seed):
            for side in SIDES:
                plays[side].append(match.play(side, planned))
                print(describe(side, planned, plays[side][-1]), flush=True)
            figures = {side: summarize(plays[side]) for side in SIDES}
            if args.json:
                write_json(args.json, {**figures, 'settings': settings(args, spec)})
    print(table(figures))
    return 0


@dataclass(frozen=True)
class Match:
    """Plays single episodes of either side."""

    args: Namespace
    spec: 'PolicySpec'
    folder: Path  # for what the processes are given, and leave

    def prepare(self) -> None:
        """Write what all episodes need; raise ConfigError where the policies differ."""
        from vla_ros.benchmarks.versus_lerobot.degrees import in_degrees, read_statistic

        import_module('grpc')  # LeRobot's processes need it: better to hear of it now

        mean = self.spec.statistics['action']['mean']
        if not np.allclose(read_statistic(self.args.checkpoint, 'action.mean'), mean, atol=1e-6):
            raise ConfigError(
                f'checkpoint: got {self.args.checkpoint}, which normalises otherwise than the '
                f'bundle {self.args.policy}; expected the one that it was exported from'
            )
        in_degrees(self.args.checkpoint, self.folder / 'checkpoint')
        (self.folder / 'placement.yaml').write_text(PLACEMENT)

    def play(self, side: str, planned: PlannedEpisode) -> Play:
        """Play one episode; raise VlaError with the last lines of the log where it failed."""
        from vla_ros.benchmarks.probes.command_tap import CommandTap

        path = self.folder / f'{side}.yaml'
        path.write_text(yaml.safe_dump(getattr(self, f'deploy_{side}')(), sort_keys=False))
        with CommandTap(self.spec.joint_names) as tap:
            log = self.run(path, planned)
        if not tap.endings:
            raise VlaError(f'{side}: the episode did not come to its end:\n{tail(log)}')
        play: Play = getattr(self, f'read_{side}')(tap)
        if not len(play.first):
            raise VlaError(f'{side}: no chunk was played:\n{tail(log)}')
        return play

    def run(self, path: Path, planned: PlannedEpisode) -> Path:
        """Run a deployment for one episode and return the file with its output."""
        logs = self.args.logs or self.folder
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f'{path.stem}_{planned.index}.log'
        chosen = {
            'placement': self.folder / 'placement.yaml',
            'policy': self.args.policy,
            'chunk_size_threshold': self.args.chunk_size_threshold,
            'seed': planned.seed % 2**31,
            'clusters': planned.cluster,
            'timeout': self.args.timeout,
            'width': self.spec.cameras[0].width,
            'height': self.spec.cameras[0].height,
        }
        words = [f'{name}:={value}' for name, value in chosen.items()]
        up = (sys.executable, '-m', 'vla_ros.tools.main', 'up', str(path), *words)
        with log.open('w') as out:
            code = Supervisor([Command('up', up, os.environ, ends_run=True)], out, GRACE).run()
        if code > INTERRUPTED:
            raise KeyboardInterrupt
        return log

    def deploy_vla_ros(self) -> dict[str, Any]:
        """Return the shipped deployment, commanding at the policy's rate."""
        content = shipped_deployment()
        for node in content['nodes']:
            if node['executable'] == 'action_queue':
                node['parameters'] |= {
                    'rate': self.spec.fps,
                    'aggregate_fn_name': self.args.aggregate_fn_name,
                }
        return content

    def deploy_lerobot(self) -> dict[str, Any]:
        """Return the robot's part of it, with LeRobot's server and client as they ship."""
        content = shipped_deployment()
        robot = [node for node in content['nodes'] if node['executable'] in ROBOT]
        server = f'127.0.0.1:{free_port()}'
        host, _, port = server.partition(':')
        fps = f'{self.spec.fps:.0f}'
        programs = {
            'policy_server': (
                *('lerobot.async_inference.policy_server', '--host', host, '--port', port),
                *('--fps', fps),
            ),
            'robot_client': (
                *('vla_ros.benchmarks.versus_lerobot.client', '--policy', self.args.policy),
                *('--checkpoint', self.folder / 'checkpoint', '--server', server),
                *('--chunk-size-threshold', self.args.chunk_size_threshold),
                *('--aggregate-fn-name', self.args.aggregate_fn_name),
                *('--output', self.folder / 'actions.json'),
            ),
        }
        content['nodes'] = robot + [self._program(name, *w) for name, w in programs.items()]
        return content

    def _program(self, name: str, *words: object) -> dict[str, Any]:
        """Return a node that is no node: a script that leaves ROS's arguments out."""
        script = self.folder / name
        line = shlex.join(map(str, ('env', '-C', self.folder, sys.executable, '-m', *words)))
        script.write_text(f'#!/bin/sh\nexec {line}\n')
        script.chmod(0o755)
        return {'name': name, 'executable': str(script), 'required': True}

    def read_vla_ros(self, tap: 'CommandTap') -> Play:
        """Return what the action queue sent."""
        ending = tap.endings[0]
        begin = min((chunk.stamp for chunk in tap.taken), default=math.inf)
        commands = [c for c in tap.commands if c.stamp >= begin and c.received <= ending.received]
        stamps = np.array([command.stamp for command in commands])
        taken = [chunk for chunk in tap.taken if len(stamps) and chunk.stamp <= stamps[-1]]
        return Play(
            rate=self.spec.fps,
            received=np.array([command.received for command in commands]),
            positions=np.array([command.positions for command in commands]),
            first=np.searchsorted(stamps, [chunk.stamp for chunk in taken]),
            observed=np.array([chunk.observed for chunk in taken]),
            strides=np.diff(stamps) * 1e-9 * self.spec.fps,
            success=ending.success,
            duration=ending.duration,
        )

    def read_lerobot(self, tap: 'CommandTap') -> Play:
        """Return what LeRobot's client sent, with what its log says of each command."""
        ending = tap.endings[0]
        actions = json.loads((self.folder / 'actions.json').read_text())
        known = {stamp: (step, observed) for stamp, step, observed in actions}
        commands = [
            command
            for command in tap.commands
            if command.stamp in known and command.received <= ending.received
        ]
        steps, observed = np.reshape([known[c.stamp] for c in commands], (-1, 2)).T
        first = np.flatnonzero(np.diff(observed, prepend=-1.0))
        return Play(
            rate=self.spec.fps,
            received=np.array([command.received for command in commands]),
            positions=np.array([command.positions for command in commands]),
            first=first,
            observed=observed[first],
            strides=np.diff(steps),
            success=ending.success,
            duration=ending.duration,
        )


def shipped_deployment() -> dict[str, Any]:
    """Return the default deployment with time for a slow start."""
    content: dict[str, Any] = yaml.safe_load(
        find_config('', DEPLOYMENT).read_text(encoding='utf-8')
    )
    for node in content['nodes']:
        if node['executable'] == 'sim':
            node['parameters']['start_timeout'] = START_TIMEOUT
    return content


def free_port() -> int:
    """Return a TCP port that nobody on this host listens at."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def tail(log: Path) -> str:
    """Return the last lines of a file."""
    return '\n'.join(log.read_text(errors='replace').splitlines()[-20:])


def describe(side: str, planned: PlannedEpisode, play: Play) -> str:
    """Return a line on one episode."""
    outcome = 'success' if play.success else 'FAILED '
    return (
        f'{side:8} cluster {planned.cluster:2}  {outcome} {play.duration:5.1f} s  '
        f'{len(play.received)} commands, {len(play.first)} chunks'
    )


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures side by side."""
    width = max(len(title) for title, _ in ROWS.values())
    lines = [' '.join([f'{"":{width}}', *(f'{side:>10}' for side in SIDES)])]
    for name, (title, form) in ROWS.items():
        cells = [f'{form.format(figures[side][name]):>10}' for side in SIDES]
        lines.append(' '.join([f'{title:{width}}', *cells]))
    return '\n'.join(lines)


def settings(args: Namespace, spec: 'PolicySpec') -> dict[str, Any]:
    """Return what both sides were given."""
    return {
        'policy': spec.name,
        'rate': spec.fps,
        'chunk_size': spec.chunk_size,
        'chunk_size_threshold': args.chunk_size_threshold,
        'aggregate_fn_name': args.aggregate_fn_name,
        'threads': 1,
        'lerobot': version('lerobot'),
        'unit_of_lerobot': 'degrees',
    }

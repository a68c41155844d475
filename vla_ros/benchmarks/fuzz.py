# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fuzz the executor: hostile chunks, clocks and operators; no command may leave the limits.

Every tick may bring chunks that are late, early, doubled, out of order, of any rate, broken,
jumping, out of range or absurd (see absurd_chunk); ticks come unevenly, clocks are set back and
forward, episodes begin, the joint state goes missing, operators stop, arm and enable the arm.
Counted are commands that are no numbers or beyond the limits in position, velocity and
acceleration, those that the guard would not send, emergency stops that do not brake with the next
command, and expired rows that were played: all have to be 0; and how far the plan steps where a
chunk is merged, against the largest step inside the chunks. The exit code is 1 where one of them
is violated. The longest tick is that of the control loop: all that arrived is looked at, one chunk
at most is merged, and the command is computed.
"""

import gc
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from vla_ros.benchmarks.absurd import RawChunk, absurd_chunk
from vla_ros.benchmarks.workspace import WorkspaceFindings, WorkspaceWatch
from vla_ros.core.blending import AGGREGATES, Aggregate
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.executor import Executor
from vla_ros.core.files import write_json
from vla_ros.core.guard import Guard
from vla_ros.core.queue import ActionQueue, PushResult
from vla_ros.core.robot import RobotSpec, load_robot
from vla_ros.core.settings import ExecutorConfig
from vla_ros.runtime.progress import OnProgress, progress

EPISODE = 2_000  # ticks with one executor and one setting
CLOCK_JOINT = 'row time'  # a joint whose position says for which time its row was made
TOLERANCE = 1e-6  # relative, of a limit
EVENTS = ('back', 'forward', 'disable', 'estop', 'hold', 'episode', 'silent', 'enable')
SIZES = (0.0, 0.001, 0.01, 0.05, 0.5, 50.0)  # rad, of the steps inside a chunk
OFFSETS = (0.0, 0.1, 2.0)  # rad, of a chunk from where the arm is
AGES = (0.0, 0.05, 0.5, -0.3, 30.0)  # s, of an observation when its chunk is asked for
FREE = 3.0  # rad; where a joint without ends begins, at most
LATE = 1e-5  # s by which the time of a row may seem too old, for rounding


@dataclass
class Findings:
    """What was tried and what was seen; the violations have to be 0."""

    ticks: int = 0
    commands: int = 0
    chunks: int = 0
    rows: int = 0
    not_finite: int = 0
    beyond_position: int = 0
    beyond_velocity: int = 0
    beyond_acceleration: int = 0
    refused: int = 0  # commands that the guard objects to
    late_stops: int = 0  # commands after an emergency stop that do not brake as hard as they may
    workspace: WorkspaceFindings = field(default_factory=WorkspaceFindings)
    expired_rows: int = 0
    seams: int = 0
    steps_at_ramps: int = 0  # seams of linear_ramp larger than any step inside the chunks
    largest_seam: dict[str, float] = field(default_factory=dict)  # rad, by strategy
    largest_share: dict[str, float] = field(default_factory=dict)  # of the largest step inside
    results: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    tick_time: float = 0.0  # s, all of them
    push_time: float = 0.0  # s
    longest_tick: float = 0.0  # s of this thread, with what had arrived
    longest_wall: float = 0.0  # s of the clock on the wall, whoever else ran

    @property
    def violations(self) -> int:
        """Return how often something happened that must not."""
        beyond = self.beyond_position + self.beyond_velocity + self.beyond_acceleration
        unsafe = self.not_finite + beyond + self.refused + self.late_stops
        unsafe += self.workspace.violations
        return unsafe + self.expired_rows + self.steps_at_ramps


class TracedQueue(ActionQueue):
    """A queue that writes into each chunk for which time its rows are, and reads it back."""

    def __init__(self, name: str, aggregate: Aggregate, findings: Findings) -> None:
        """Merge with ``aggregate``, called ``name``, and note in ``findings``."""
        super().__init__(aggregate)
        self._name, self._findings = name, findings
        self._steps = 0.0  # s, longest step of the chunks that may be queued
        self._held_until = float('-inf')  # s; until a chunk of later begins, the last row is held

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """Queue the chunk, and measure how far the plan steps at ``now``."""
        values = chunk.values.copy()
        values[:, -1] = chunk.start + chunk.step * np.arange(len(values))
        chunk = replace(chunk, values=values)
        before, inside = self.sample(now), chunk.largest_step[:-1]
        if self._timeline is not None and before is not None:
            inside = np.maximum(inside, self._timeline.largest_step[:-1])
        held = 0.0 if before is None else max(0.0, now - self.end)  # s, the last row so far
        self._steps = chunk.step if before is None else max(self._steps, chunk.step + held)
        # a ramp catches up no faster than the joints move in the chunks
        ramps = self._name == 'linear_ramp'
        if self.remaining(now) and chunk.start > self.end:
            self._held_until = chunk.end + chunk.step if ramps else chunk.start
        elif ramps and now < self._held_until and self._is_behind(now):
            self._held_until = max(self._held_until, chunk.end + chunk.step)
        result = super().push(chunk, now)
        after = self.sample(now)
        if result is PushResult.ACCEPTED and before is not None and after is not None:
            self._note_seam(np.abs(after - before)[:-1], inside)
        return result

    def sample(self, now: float) -> np.ndarray | None:
        """Return the positions for ``now``, and look for rows whose time has passed."""
        positions = super().sample(now)
        if positions is None or now < self._held_until:
            return positions
        if positions[-1] < now - self._steps - LATE:
            self._findings.expired_rows += 1
        return positions

    def _is_behind(self, now: float) -> bool:
        """Say whether what is planned from ``now`` on is still catching up."""
        line = self.rest(now)
        if line is None:
            return False
        times = line.start + line.step * np.arange(len(line.values))
        return bool((line.values[:, -1] < times - self._steps - LATE).any())

    def _note_seam(self, jump: np.ndarray, inside: np.ndarray) -> None:
        found, name = self._findings, self._name
        found.seams += 1
        found.largest_seam[name] = max(found.largest_seam.get(name, 0.0), float(jump.max()))
        share = float((jump / np.maximum(inside, 1e-12)).max()) if jump.max() > 1e-9 else 0.0
        found.largest_share[name] = max(found.largest_share.get(name, 0.0), share)
        found.steps_at_ramps += name == 'linear_ramp' and share > 1.0 + TOLERANCE


class Fuzz:
    """One arm that does what it is told, and a world that is against it."""

    def __init__(self, robot: RobotSpec, rng: np.random.Generator, findings: Findings) -> None:
        """Take an arm with one joint more than ``robot`` has, and a setting by chance."""
        self.robot = with_clock_joint(with_free_joint(robot) if rng.random() < 0.2 else robot)
        self.rng, self.found = rng, findings
        name = str(rng.choice(list(AGGREGATES)))
        config = ExecutorConfig(
            mode='sync' if rng.random() < 0.15 else 'async',
            chunk_size_threshold=float(rng.uniform(0, 1)),
            aggregate_fn_name=name,
            request_timeout=float(rng.choice([0.2, 5.0])),
            jump_time=float(rng.choice([0.5, np.inf])),
            observation_timeout=float(rng.choice([0.5, 10.0])),
            budget_chunks=int(rng.choice([0, 0, 2])),
            auto_budget=bool(rng.random() < 0.5),
        )
        self.executor = Executor(self.robot, config)
        self.executor.queue = TracedQueue(name, AGGREGATES[name], findings)
        self.executor.enable()
        self.guard = Guard(self.robot)
        self.stopping = False  # since an emergency stop
        self.now = float(rng.choice([0.0, 1.8e9]))
        self.period = 1.0 / float(rng.choice([30, 60, 100, 250]))
        limits = np.clip([self.robot.lower, self.robot.upper], -FREE, FREE)
        self.watch = WorkspaceWatch(self.robot, findings.workspace)
        self.position = self.watch.start(rng, limits)
        self.velocity = np.zeros(len(self.position))
        self.unsent = 0.0  # s since the last command
        self.pending: list[tuple[float, RawChunk]] = []
        self.sequence = 0

    def step(self) -> None:
        """Let one tick pass."""
        elapsed = self.period
        if self.rng.random() < 0.1:
            elapsed *= float(self.rng.choice([0.01, 0.3, 1.7, 5.0, 40.0]))
        self.now += elapsed
        silent = self._interfere() if self.rng.random() < 0.02 else False
        began, spent = time.perf_counter(), time.thread_time()
        self._deliver()
        pushed = time.perf_counter()
        if silent:
            tick = self.executor.stop(self.now, elapsed)
        else:
            tick = self.executor.tick(self.now, self.position, elapsed)
        self._note_times(began, pushed, spent)
        self.unsent += elapsed
        if tick is not None and tick.send:
            self.watch.add(self.position, tick.positions, self.unsent)
            self._check(tick.positions, tick.elapsed)
        if tick is not None and tick.request is not None:
            self._answer(tick.request)

    def _note_times(self, began: float, pushed: float, spent: float) -> None:
        """Take note of a tick that ends now (s)."""
        found, ended = self.found, time.perf_counter()
        found.ticks += 1
        found.push_time += pushed - began
        found.tick_time += ended - pushed
        found.longest_tick = max(found.longest_tick, time.thread_time() - spent)
        found.longest_wall = max(found.longest_wall, ended - began)

    def _check(self, command: np.ndarray, elapsed: float) -> None:
        """Compare a command with the limits; an arm that is told nothing stands."""
        robot, found = self.robot, self.found
        found.refused += bool(self.guard.objection(command, self.position, elapsed))
        self.guard.note(command, elapsed)
        velocity = (command - self.position) / self.unsent
        change = np.abs(velocity - self.velocity) / self.unsent
        slack = 1.0 + TOLERANCE
        found.commands += 1
        found.not_finite += not np.isfinite(command).all()
        found.beyond_position += bool(
            (command > robot.upper + TOLERANCE).any() or (command < robot.lower - TOLERANCE).any()
        )
        found.beyond_velocity += bool((np.abs(velocity) > robot.velocity * slack).any())
        found.beyond_acceleration += bool((change > robot.acceleration * slack).any())
        if self.stopping:
            left = self._braked(self.unsent)
            faster = np.abs(velocity) > left * slack + TOLERANCE
            found.late_stops += bool(faster[:-1].any())  # the clock joint is rounded too coarsely
        self.position, self.velocity, self.unsent = command, velocity, 0.0

    def _braked(self, elapsed: float) -> np.ndarray:
        """Return how fast each joint may still be after braking for ``elapsed`` s."""
        speed, acceleration = np.abs(self.velocity), self.robot.acceleration
        if self.robot.safety is None:
            return np.maximum(speed - acceleration * elapsed, 0.0)
        longest = float((speed / acceleration).max())  # all joints come to rest at once
        return speed * (1.0 - min(elapsed / longest, 1.0)) if longest else speed

    def _answer(self, request: int) -> None:
        """Have a chunk on its way for a request, and maybe some more that nobody asked for."""
        rng = self.rng
        latency = float(rng.choice([0.02, 0.1, 0.3, 1.0]) * rng.uniform(0.5, 1.5))
        self.pending.append((self.now + latency, self._chunk(request)))
        if rng.random() < 0.15:
            odd = absurd_chunk(rng, len(self.robot.lower), self.now, request)
            self.pending.append((self.now + latency * rng.uniform(0, 2), odd))
        if rng.random() < 0.2:
            self.pending.append((self.now + latency * rng.uniform(0, 3), self.pending[-1][1]))
        if rng.random() < 0.2:
            other = request + int(rng.choice([-3, -1, 2, 50, 2**40, 2**64 - request - 1]))
            self.pending.append((self.now + latency, self._chunk(max(0, other))))
        if rng.random() < 0.05:
            self.pending.clear()  # they were lost

    def _chunk(self, sequence: int) -> RawChunk:
        """Return a chunk of some kind: smooth, jittery, jumping, out of range."""
        rng, robot = self.rng, self.robot
        rows, joints = int(rng.integers(1, 100)), len(robot.lower)
        step = float(rng.choice([1 / 60, 1 / 30, 1 / 15, rng.uniform(0.002, 0.2)]))
        size = float(rng.choice(SIZES, p=(0.1, 0.2, 0.3, 0.3, 0.05, 0.05)))
        drift = np.cumsum(rng.normal(0.0, size, (rows, joints)), axis=0)
        offset = rng.normal(0.0, float(rng.choice(OFFSETS, p=(0.4, 0.5, 0.1))), joints)
        start = self.now - float(rng.choice(AGES, p=(0.4, 0.3, 0.2, 0.05, 0.05)))
        self.found.rows += rows
        return RawChunk(self.position + offset + drift, start, step, sequence)

    def _deliver(self) -> None:
        """Push what has arrived until a chunk is merged, as the node does within one tick."""
        self.pending.sort(key=lambda item: item[0])
        while self.pending and self.pending[0][0] <= self.now:
            raw = self.pending.pop(0)[1]
            if self.rng.random() < 0.03:
                raw = raw.broken(self.rng)
            if self._push(raw) is PushResult.ACCEPTED:
                return

    def _push(self, raw: RawChunk) -> PushResult | None:
        """Push a chunk; None where it is refused as soon as it is made."""
        self.found.chunks += 1
        try:
            result = self.executor.push(ActionChunk(*raw, self.robot.joint_names), self.now)
        except VlaError:
            self.executor.reject(raw.sequence)
            self.found.results['BROKEN'] += 1
            return None
        self.found.results[result.name] += 1
        return result

    def _interfere(self) -> bool:
        """Let something happen beside the chunks; return whether the joint state is missing."""
        stopped = not self.executor.enabled and self.rng.random() < 0.7
        event = 'enable' if stopped else str(self.rng.choice(EVENTS))
        self.found.events[event] += 1
        if event == 'back':
            self.now -= float(self.rng.choice([0.05, 3600.0]))
        elif event == 'forward':
            self.now += float(self.rng.choice([0.05, 1.0, 3600.0]))
        elif event in ('disable', 'estop', 'hold'):
            getattr(self.executor, event)()
            self.stopping = self.stopping or event == 'estop'
        elif event == 'episode':
            self.executor.begin_episode(self.now)
        elif event == 'enable':
            self.stopping = False
            self.executor.rearm()
            self.executor.enable()
        return event == 'silent'


def with_free_joint(robot: RobotSpec) -> RobotSpec:
    """Return the robot with a first joint that turns without end."""
    lower, upper = robot.lower.copy(), robot.upper.copy()
    lower[0], upper[0] = -np.inf, np.inf
    return replace(robot, lower=lower, upper=upper)


def with_clock_joint(robot: RobotSpec) -> RobotSpec:
    """Return the robot with one joint more, which may do whatever it likes."""
    free = 1e15
    return replace(
        robot,
        joint_names=(*robot.joint_names, CLOCK_JOINT),
        lower=np.append(robot.lower, -free),
        upper=np.append(robot.upper, free),
        velocity=np.append(robot.velocity, free),
        acceleration=np.append(robot.acceleration, free),
        home=np.append(robot.home, 0.0) if len(robot.home) else robot.home,
    )


def fuzz(
    robot: RobotSpec, ticks: int, seed: int, on_progress: OnProgress = lambda done, total: None
) -> Findings:
    """Return what came of that many ticks, the same for the same seed but for the times."""
    findings, rng = Findings(), np.random.default_rng(seed)
    while findings.ticks < ticks:
        world = Fuzz(robot, rng, findings)
        for _ in range(min(EPISODE, ticks - findings.ticks)):
            world.step()
        world.watch.look()
        on_progress(findings.ticks, ticks)
    return findings


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the benchmark's arguments."""
    parser.add_argument('--ticks', type=int, default=1_000_000, help='control ticks')
    parser.add_argument('--seed', type=int, default=0, help='another seed, another world')
    parser.add_argument('--robot', default=ROBOT, help='limits: a name or a file')
    parser.add_argument(
        '--speed', type=float, default=1.0, help='share of the velocities, as of a first run'
    )


def run(args: Namespace) -> int:
    """Fuzz, print what was found, and return 1 where something was violated."""
    if not 0.0 < args.speed <= 1.0:
        raise ConfigError(f'--speed: got {args.speed:g}, expected above 0, and at most 1')
    robot = load_robot(find_config('robots', args.robot)).slowed(args.speed)
    gc.freeze()  # as a node does
    with progress('tick') as on_progress:
        found = fuzz(robot, args.ticks, args.seed, on_progress)
    print(_text(found))
    if args.json:
        write_json(
            args.json, {**vars(found), 'workspace': vars(found.workspace), 'seed': args.seed}
        )
    return 1 if found.violations else 0


def _text(found: Findings) -> str:
    """Return the findings for a person."""
    chunks = max(1, found.chunks)
    lines = [
        f'{found.ticks} ticks, {found.commands} commands, {found.chunks} chunks of '
        f'{found.rows} actions',
        f'a tick took {found.tick_time / max(1, found.ticks) * 1e6:.0f} us, a chunk '
        f'{found.push_time / chunks * 1e6:.0f} us (mean); the longest tick '
        f'{found.longest_tick * 1e3:.1f} ms of this thread, {found.longest_wall * 1e3:.1f} ms by '
        'the wall',
        f'chunks: {dict(found.results.most_common())}',
        f'events: {dict(found.events.most_common())}',
        f'commands that are no numbers: {found.not_finite}, beyond position: '
        f'{found.beyond_position}, velocity: {found.beyond_velocity}, acceleration: '
        f'{found.beyond_acceleration}; refused by the guard: {found.refused}',
        str(found.workspace),
        f'commands after an emergency stop that do not brake: {found.late_stops}',
        f'expired rows played: {found.expired_rows}',
        f'{found.seams} seams; largest step of the plan there, and as a share of the largest '
        'step inside the chunks:',
    ]
    lines += [
        f'  {name:18} {jump:8.4f} rad  {found.largest_share[name]:10.3f}'
        for name, jump in sorted(found.largest_seam.items())
    ]
    return '\n'.join([*lines, 'violated' if found.violations else 'nothing violated'])

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Compare the ways to blend chunks: a policy plays the same episodes in simulation with each of them.

guide and hold are not blended: a flow policy continues what is being played (real-time chunking).

For each strategy and latency: by how much the plan steps where a chunk is merged (seam), how
rough the commands are (jerk), how long the arm waited, and how many episodes succeeded.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vla_ros.core.blending import AGGREGATES
from vla_ros.core.chunk import ActionChunk
from vla_ros.core.config import find_config
from vla_ros.core.defaults import POLICY, ROBOT, TASK
from vla_ros.core.executor import Executor
from vla_ros.core.extras import require
from vla_ros.core.files import check_writable, replacing, write_json
from vla_ros.core.queue import PushResult
from vla_ros.core.robot import RobotSpec, load_robot
from vla_ros.core.settings import ExecutorConfig
from vla_ros.core.status import Tick
from vla_ros.evaluation.statistics import Rate, success_rate
from vla_ros.policy.family import CONTINUATIONS

if TYPE_CHECKING:  # MuJoCo is loaded when the command runs
    from vla_ros.dataset.plan import PlannedEpisode
    from vla_ros.sim.rollout import Predicts

AROUND = 0.5  # s of commands on either side of a seam in the picture


class Seam(NamedTuple):
    """A merge: the plan before, the chunk that came, and the step of the plan there."""

    time: float  # s
    old: ActionChunk
    new: ActionChunk
    jump: np.ndarray  # (joints,) rad

    @property
    def apart(self) -> np.ndarray:
        """Return how far the plan and the chunk are apart at the seam, (joints,) rad."""
        return np.abs(self.new.at(self.time) - self.old.at(self.time))


class MeasuredExecutor(Executor):
    """An executor that keeps its commands and the seams of its plan."""

    def __init__(self, robot: RobotSpec, config: ExecutorConfig) -> None:
        """Start disabled, with an empty queue and nothing kept."""
        super().__init__(robot, config)
        self.times: list[float] = []
        self.commands: list[np.ndarray] = []
        self.seams: list[Seam] = []

    def push(self, chunk: ActionChunk, now: float) -> PushResult:
        """Queue a chunk, and keep by how much the plan for ``now`` (s) changes."""
        old, before = self.queue.rest(now, AROUND), self.queue.sample(now)
        result = super().push(chunk, now)
        after = self.queue.sample(now)
        accepted = result is PushResult.ACCEPTED
        if accepted and old is not None and before is not None and after is not None:
            self.seams.append(Seam(now, old, chunk, np.abs(after - before)))
        return result

    def tick(self, now: float, measured: np.ndarray, elapsed: float | None = None) -> Tick:
        """Do one tick and keep the command."""
        tick = super().tick(now, measured, elapsed)
        self.times.append(now)
        self.commands.append(tick.positions)
        return tick


@dataclass
class Outcome:
    """What one strategy came to at one latency."""

    strategy: str
    latency: float  # s
    succeeded: list[bool] = field(default_factory=list)  # by episode, in the order of the plan
    seams: list[float] = field(default_factory=list)  # rad, the joint that steps most
    jerks: list[float] = field(default_factory=list)  # rad/s^3, RMS over joints, by episode
    idle: float = 0.0  # s
    moving: float = 0.0  # s, of all episodes
    widest: tuple[Seam, list[float], list[np.ndarray]] | None = None  # with the commands

    def add(self, executor: MeasuredExecutor, success: bool, idle: float, duration: float) -> None:
        """Take note of one episode."""
        self.succeeded.append(success)
        self.idle += idle
        self.moving += duration
        self.jerks.append(jerk(executor.times, executor.commands))
        self.seams += [float(seam.jump.max()) for seam in executor.seams]
        widest = max(executor.seams, key=lambda seam: float(seam.apart.max()), default=None)
        known = self.widest[0].apart.max() if self.widest else -1.0
        if widest is not None and widest.apart.max() > known:
            self.widest = (widest, executor.times, executor.commands)

    @property
    def rate(self) -> Rate:
        """Return how many of the episodes succeeded."""
        return success_rate(sum(self.succeeded), len(self.succeeded))

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        seams = self.seams or [0.0]
        return {
            'strategy': self.strategy,
            'latency': self.latency,
            'success': {**self.rate._asdict(), 'rate': self.rate.value},
            'succeeded': self.succeeded,
            'seams': len(self.seams),
            'seam_p95': float(np.percentile(seams, 95)),
            'seam_max': max(seams),
            'jerk': float(np.mean(self.jerks)),
            'idle_ratio': self.idle / max(self.moving, 1e-9),
        }


def jerk(times: list[float], commands: list[np.ndarray]) -> float:
    """Return the root of the mean square of the commands' third derivative, rad/s^3."""
    if len(times) < 4:
        return 0.0
    period = float(np.median(np.diff(times)))
    third = np.diff(np.array(commands), 3, axis=0) / period**3
    return float(np.sqrt(np.mean(third**2)))


def chosen(strategy: str) -> tuple[str, str]:
    """Return how the queue blends, and how the policy continues, for a strategy of the table."""
    return ('latest_only', strategy) if strategy in CONTINUATIONS else (strategy, 'none')


def compare(
    policies: 'Mapping[str, Predicts]',
    robot: RobotSpec,
    plan: 'list[PlannedEpisode]',
    strategies: list[str],
    latencies: list[float],
    threshold: float = 0.2,
    timeout: float = 30.0,
    keep: Callable[[list[Outcome]], None] = lambda outcomes: None,
) -> list[Outcome]:
    """
    Return the outcomes for each strategy and latency; the strategies take turns.

    ``policies`` are by the way in which they continue what is being played; ``keep`` is told the
    outcomes so far after each.
    """
    from vla_ros.sim.rollout import Rollout, RolloutConfig

    outcomes = []
    for latency in latencies:
        for strategy in strategies:
            blending, continuation = chosen(strategy)
            config = ExecutorConfig(chunk_size_threshold=threshold, aggregate_fn_name=blending)
            told = continuation != 'none'
            played = RolloutConfig(
                config, timeout=timeout, latency=latency, real_time_chunking=told
            )
            rollout = Rollout(policies[continuation], robot, played)
            outcome = Outcome(strategy, latency)
            for planned in plan:
                made: list[MeasuredExecutor] = []

                def make(robot: RobotSpec, config: ExecutorConfig, made: list = made) -> Executor:
                    made.append(MeasuredExecutor(robot, config))
                    return made[-1]

                rollout.make_executor = make
                result = rollout.play(planned)
                outcome.add(made[0], result.success, result.idle, result.duration)
            rollout.close()
            print(_row(outcome), flush=True)
            outcomes.append(outcome)
            keep(outcomes)
    return outcomes


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the benchmark's arguments."""
    parser.add_argument('--policy', default=POLICY, help='bundle: a name or a folder')
    parser.add_argument('--robot', default=ROBOT, help='limits: a name or a file')
    parser.add_argument('--episodes', type=int, default=10, help='for each strategy and latency')
    parser.add_argument('--set', default='test', help='where the bag starts')
    parser.add_argument('--seed', type=int, default=0, help='other seeds, other episodes')
    parser.add_argument(
        '--strategies',
        nargs='+',
        choices=(*AGGREGATES, *CONTINUATIONS[1:]),
        default=list(AGGREGATES),
        metavar='NAME',
        help=f'of {", ".join(AGGREGATES)}; of a flow policy also guide and hold',
    )
    parser.add_argument(
        '--latencies', nargs='+', type=float, default=[0.05, 0.2, 0.5], metavar='S'
    )
    parser.add_argument(
        '--chunk-size-threshold', type=float, default=0.2, help='fill at which to ask (0 to 1)'
    )
    parser.add_argument('--timeout', type=float, default=30.0, help='s for an episode')
    parser.add_argument('--plot', type=Path, help='draw the widest seam of each strategy')


def run(args: Namespace) -> int:
    """Play, print, write and draw."""
    from vla_ros.dataset.plan import find_plan
    from vla_ros.evaluation.protocol import plan_set
    from vla_ros.policy.bundle import load_bundle
    from vla_ros.policy.family import ExpertSettings
    from vla_ros.policy.pipeline import Policy
    from vla_ros.runtime.placement import NodePlacement, Placement
    from vla_ros.sim.rollout import RolloutConfig

    for latency in args.latencies:  # all of them, before the first is played for hours
        RolloutConfig(timeout=args.timeout, latency=latency)
    if args.plot:
        check_writable(args.plot)
        require('matplotlib')
    bundle = load_bundle(find_config('policies', args.policy))
    placement = Placement(default=NodePlacement(threads=1))
    needed = dict.fromkeys(chosen(strategy)[1] for strategy in args.strategies)
    policies = {
        how: Policy(bundle, placement, settings=ExpertSettings(continuation=how)) for how in needed
    }
    robot = load_robot(find_config('robots', args.robot))
    plan = plan_set(find_plan(TASK), args.set, args.episodes, args.seed)

    def keep(outcomes: list[Outcome]) -> None:
        content = {'policy': args.policy, 'set': args.set, 'seed': args.seed}
        content['chunk_size_threshold'] = args.chunk_size_threshold
        content['outcomes'] = [outcome.as_dict() for outcome in outcomes]
        if args.json:
            write_json(args.json, content)

    print(_HEAD)
    outcomes = compare(
        policies,
        robot,
        plan,
        args.strategies,
        args.latencies,
        args.chunk_size_threshold,
        args.timeout,
        keep,
    )
    if args.plot:
        plot(outcomes, robot, args.plot)
    return 0


def plot(outcomes: list[Outcome], robot: RobotSpec, path: Path) -> None:
    """Draw the widest seam of each strategy: the plan before, the new chunk, the commands."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    shown: dict[str, tuple[Seam, list[float], list[np.ndarray]]] = {}
    for outcome in outcomes:
        known = shown.get(outcome.strategy)
        if outcome.widest and (
            known is None or outcome.widest[0].apart.max() > known[0].apart.max()
        ):
            shown[outcome.strategy] = outcome.widest
    rows = max(1, (len(shown) + 1) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(10, 2.6 * rows), squeeze=False)
    for axis in axes.flat[len(shown) :]:
        axis.set_axis_off()
    for axis, (strategy, (seam, times, commands)) in zip(axes.flat, shown.items(), strict=False):
        joint = int(seam.apart.argmax())
        for chunk, colour, label in (
            (seam.old, '#888888', 'queued'),
            (seam.new, '#d1495b', 'new'),
        ):
            moments = chunk.start + chunk.step * np.arange(len(chunk.values)) - seam.time
            near = np.abs(moments) <= AROUND
            axis.plot(moments[near], chunk.values[near, joint], '.-', color=colour, label=label)
        moments = np.array(times) - seam.time
        near = np.abs(moments) <= AROUND
        played = np.array(commands)[near, joint]
        axis.plot(moments[near], played, color='#00798c', linewidth=2, label='commands')
        axis.axvline(0.0, color='black', linewidth=0.5)
        axis.set_title(f'{strategy}: the plan steps by {seam.jump[joint]:.3f} rad', fontsize=9)
        axis.set_ylabel(f'{robot.joint_names[joint]} (rad)', fontsize=8)
    axes.flat[0].legend(fontsize=8)
    figure.supxlabel('seconds from the arrival of the new chunk', fontsize=9)
    figure.tight_layout()
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110)
    plt.close(figure)


_HEAD = (
    f'{"strategy":18}{"latency":>9}{"seam p95":>10}{"seam max":>10}{"jerk":>12}{"idle":>7}  '
    'success [95 % interval]\n'
    f'{"":18}{"s":>9}{"rad":>10}{"rad":>10}{"rad/s^3":>12}{"%":>7}'
)


def _row(outcome: Outcome) -> str:
    figures = outcome.as_dict()
    return (
        f'{outcome.strategy:18}{outcome.latency:9.2f}{figures["seam_p95"]:10.4f}'
        f'{figures["seam_max"]:10.4f}{figures["jerk"]:12.0f}'
        f'{figures["idle_ratio"] * 100:7.2f}  '  # type: ignore[operator]
        f'{outcome.rate}'
    )

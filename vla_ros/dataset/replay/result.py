# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A whole replay: the scores of every episode, and apart from them what it took."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vla_ros.core.budget import Budget
from vla_ros.core.robot import RobotSpec
from vla_ros.dataset.replay.bag_samples import Track
from vla_ros.dataset.replay.drive import Ask, Drive, drive
from vla_ros.dataset.replay.fast import Answered
from vla_ros.dataset.replay.scores import Score, by_cluster, score, summarise
from vla_ros.dataset.replay.settings import Settings
from vla_ros.policy.spec import PolicySpec

EXAMPLES = 3  # worst episodes that are kept to be drawn


class Example(NamedTuple):
    """An episode that is drawn."""

    mae: float  # rad
    track: Track
    drive: Drive
    score: Score


@dataclass
class Replay:
    """Grows bag by bag."""

    policy: Path
    spec: PolicySpec
    robot: RobotSpec
    settings: Settings
    pace: str  # 'fast' or 'wall'
    scores: list[Score] = field(default_factory=list)
    times: list[dict[str, float]] = field(default_factory=list)  # s per stage, of each chunk
    repeated: int = 0  # asks that nodes answered late or about something else
    examples: list[Example] = field(default_factory=list)  # the worst ones, worst first
    recorded: float = 0.0  # s of recordings
    spent: float = 0.0  # s that the replay took

    def add(self, track: Track, answers: Sequence[Answered]) -> None:
        """Score a bag, given the answers to what was planned to be asked."""

        def answer(ask: Ask) -> np.ndarray:
            return answers[ask.number].chunk

        for done in drive(track, self.spec, self.robot, self.settings, answer):
            scored = score(track, done, self.spec)
            self.scores.append(scored)
            self._keep(Example(summarise([scored], self.spec)['mae'] or 0.0, track, done, scored))
        self.times += [dict(one.times) for one in answers]
        self.recorded += sum(span.end - span.begin for span in track.spans)

    def _keep(self, example: Example) -> None:
        worst = sorted([*self.examples, example], key=attrgetter('mae'), reverse=True)
        self.examples = worst[:EXAMPLES]

    @property
    def mae(self) -> float:
        """Return the mean absolute error of all chunks, rad; infinite where none was scored."""
        value = summarise(self.scores, self.spec)['mae']
        return float('inf') if value is None else value

    def latencies(self) -> dict[str, dict[str, float]]:
        """Return median, 95th percentile and maximum (s) of what each stage took."""
        found = {}
        for stage in dict.fromkeys(name for times in self.times for name in times):
            values = np.array([times[stage] for times in self.times if stage in times])
            p50, p95 = np.percentile(values, (50, 95))
            found[stage] = {'p50': float(p50), 'p95': float(p95), 'max': float(values.max())}
        return found

    def budget(self) -> Budget | None:
        """Return whether the queue would not run dry at the measured latency (p95)."""
        total = self.latencies().get('total')
        if total is None:
            return None
        threshold = self.settings.executor().threshold
        return Budget(total['p95'], self.spec.fps, self.spec.chunk_size, threshold)

    def as_json(self) -> dict[str, Any]:
        """Return everything for programs; only ``timing`` differs between two replays."""
        parts = by_cluster(self.scores)
        return {
            'policy': str(self.policy),
            'blocks': {name: block.sha256 for name, block in self.spec.blocks.items()},
            'robot': self.robot.name,
            'settings': asdict(self.settings),
            'scores': {
                'all': summarise(self.scores, self.spec),
                'clusters': {name: summarise(parts[name], self.spec) for name in parts},
                'bags': [
                    {'bag': one.name, 'cluster': one.cluster, **summarise([one], self.spec)}
                    for one in self.scores
                ],
            },
            'timing': {
                'pace': self.pace,
                'stages': self.latencies(),
                'recorded': self.recorded,
                'spent': self.spent,
                'times_real_time': self.recorded / self.spent if self.spent else None,
                'repeated': self.repeated,
            },
        }

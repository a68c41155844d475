# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which episodes to record and to evaluate: clusters of the workspace, plain starts and recoveries.

What a task's clusters are, which of them is held out and what may go wrong stands in its plan file
(config/plans). The study's: 10 clusters x (10 starts + 2 recoveries), and cluster 6 held out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from vla_ros.core.config import find_config, load_yaml
from vla_ros.core.errors import ConfigError

SETS = ('test', 'validation', 'global')  # of clusters: all but the held-out one, that one, both

MOST_EPISODES = 100_000  # of a cluster
NEAR = 'near'  # mishap of an arm that starts with its hand near the object

_EVALUATION = 2**31  # seeds of evaluations lie above, those of recordings below


class PlannedEpisode(NamedTuple):
    """One episode; ``recovery`` is empty, or the kind of mishap that is to be mended."""

    index: int  # type: ignore[assignment]  # a tuple has a method of that name
    cluster: int
    recovery: str
    seed: int
    goal: str = ''  # of those that the task knows; empty: its usual one
    instruction: str = ''  # empty: one that asks for the goal
    then: str = ''  # goal that is asked for once the arm is under way; empty: nothing changes


@dataclass(frozen=True)
class Plan:
    """
    Where an object lies at the start of an episode, and how many episodes to record.

    Every start is done once for each of ``goals``, if there are any.
    """

    # number: centre (x, y) in m; x forward, y to the left, the origin on the robot's first axis
    clusters: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    cluster_size: float = 0.1  # m, edge of the square
    held_out: int = 0  # cluster that is never recorded: the policy is validated there; 0: none
    starts: int = 10  # plain episodes per cluster
    recoveries: int = 2  # episodes per cluster in which a mishap is mended
    recovery_kinds: tuple[str, ...] = ()  # mishaps, which take turns
    nears: int = 0  # further episodes per cluster, that start with the hand near the object
    goals: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check that there is something to record, and that what is held out can be."""
        if not self.training:
            raise ConfigError('clusters: got none to record, expected a number and a centre each')
        if self.held_out:
            self.check_cluster(self.held_out)
        counts = (self.starts, self.recoveries, self.nears)
        if min(counts) < 0 or sum(counts) == 0:
            raise ConfigError(
                f'episodes per cluster: got {self.starts} starts, {self.recoveries} recoveries '
                f'and {self.nears} near the object, expected at least one'
            )
        if sum(counts) > MOST_EPISODES:
            raise ConfigError(
                f'episodes per cluster: got {sum(counts)}, expected at most {MOST_EPISODES}'
            )
        if self.recoveries and not self.recovery_kinds:
            raise ConfigError(
                f'recoveries: got {self.recoveries} per cluster, but recovery_kinds names no '
                'mishap; name some, or set recoveries to 0'
            )

    @property
    def training(self) -> tuple[int, ...]:
        """Return the clusters that are recorded."""
        return tuple(number for number in self.clusters if number != self.held_out)

    def only(self, clusters: Iterable[int]) -> 'Plan':
        """Return the plan for some of its clusters, and the held-out one."""
        for cluster in (chosen := tuple(clusters)):
            self.check_cluster(cluster)
        if self.held_out in chosen:
            raise ConfigError(
                f'clusters: got {list(chosen)} with the held-out cluster {self.held_out}, '
                'expected all but that one'
            )
        kept = {*chosen, self.held_out}
        return replace(self, clusters={k: v for k, v in self.clusters.items() if k in kept})

    def set(self, name: str) -> tuple[int, ...]:
        """Return the clusters of one of SETS, or of one number; raise ConfigError for others."""
        held_out = (self.held_out,) if self.held_out else ()
        sets = {'test': self.training, 'validation': held_out, 'global': tuple(self.clusters)}
        if name.isdecimal() and int(name) in self.clusters:
            return (int(name),)
        if not sets.get(name):
            raise ConfigError(
                f'clusters: got {name!r}, expected {", ".join(filter(sets.get, sets))} or a '
                f'number of {self._numbers}'
            )
        return sets[name]

    def episodes(self) -> list[PlannedEpisode]:
        """
        Return the episodes to record, cluster after cluster in turn.

        The kinds of recovery take turns, so that the quota is exact for every kind.
        """
        plan: list[PlannedEpisode] = []
        for round_ in range(self.starts + self.recoveries + self.nears):
            for place, cluster in enumerate(self.training):
                turn = round_ * len(self.training) + place
                kind, seed = self._kind(turn), recording_seed(self.seed, turn)
                for goal in self.goals or ('',):
                    plan.append(PlannedEpisode(len(plan), cluster, kind, seed, goal))
        return plan

    def _kind(self, turn: int) -> str:
        """Return the mishap of a start: none at first, then all in turn, then the hand near."""
        mended = turn - self.starts * len(self.training)
        if mended < 0:
            return ''
        if mended < self.recoveries * len(self.training):
            return self.recovery_kinds[mended % len(self.recovery_kinds)]
        return NEAR

    def evaluation(
        self, clusters: str | Iterable[int], episodes: int, seed: int = 0
    ) -> list[PlannedEpisode]:
        """
        Return ``episodes`` starts spread over the clusters, with seeds no recording uses.

        ``clusters`` are numbers, or what ``set`` knows. The ``seed`` of such a start itself, in
        place of one of an evaluation, begins with that start.
        """
        chosen = self.set(clusters) if isinstance(clusters, str) else tuple(clusters)
        for cluster in chosen:
            self.check_cluster(cluster)
        first = seed - _EVALUATION if seed >= _EVALUATION else seed * 1_000_003
        return [
            PlannedEpisode(i, chosen[i % len(chosen)], '', _EVALUATION + (first + i) % _EVALUATION)
            for i in range(episodes)
        ]

    def check_cluster(self, cluster: int) -> None:
        """Raise ConfigError unless ``cluster`` is one of the plan's."""
        if cluster not in self.clusters:
            raise ConfigError(f'cluster: got {cluster}, expected one of {self._numbers}')

    def check_recovery(self, kind: str) -> None:
        """Raise ConfigError unless ``kind`` is one of the plan's mishaps, or none."""
        if kind not in ('', NEAR, *self.recovery_kinds):
            raise ConfigError(
                f'recovery: got {kind!r}, expected one of {", ".join(self.recovery_kinds)}, or '
                'nothing'
            )

    def cluster_of(self, place: Sequence[float]) -> int | None:
        """Return the cluster that holds a place (x, y), m; None where it is in no one's."""
        for number, centre in self.clusters.items():
            if max(abs(place[axis] - centre[axis]) for axis in (0, 1)) < self.cluster_size / 2:
                return number
        return None

    @property
    def _numbers(self) -> str:
        return ', '.join(map(str, sorted(self.clusters)))


def recording_seed(seed: int, index: int) -> int:
    """Return the seed of episode ``index`` of the recording ``seed``, below 2**31."""
    return (seed * 1_000_003 + index * 101) % _EVALUATION


def find_plan(name: str) -> Plan:
    """Return a plan of config/plans, or that of a file; raise ConfigError naming what is wrong."""
    return load_plan(find_config('plans', name))


def load_plan(path: Path) -> Plan:
    """Read a plan file; raise ConfigError naming the file and the key."""
    content = load_yaml(path, {item.name for item in fields(Plan)})
    try:
        return Plan(**{key: _read(key, value) for key, value in content.items()})
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from None


def _read(key: str, value: Any) -> Any:
    """Return the value of a key as Plan holds it; raise ConfigError for one of another kind."""
    if key == 'clusters':
        return _read_clusters(value)
    if key in ('recovery_kinds', 'goals'):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f'{key}: got {value!r}, expected a list of names')
        return tuple(value)
    if key == 'cluster_size':
        if not _is_number(value) or value <= 0:
            raise ConfigError(f'{key}: got {value!r}, expected a length in m')
        return float(value)
    if type(value) is not int:
        raise ConfigError(f'{key}: got {value!r}, expected a whole number')
    return value


def _read_clusters(value: Any) -> dict[int, tuple[float, float]]:
    expected = 'expected the number of each cluster and its centre, such as 3: [0.15, -0.25]'
    if not isinstance(value, dict):
        raise ConfigError(f'clusters: got {value!r}, {expected}')
    for number, centre in value.items():
        right = isinstance(centre, list) and len(centre) == 2 and all(map(_is_number, centre))
        if type(number) is not int or number < 1 or not right:
            raise ConfigError(f'clusters: got {number!r}: {centre!r}, {expected}')
    return {number: (float(x), float(y)) for number, (x, y) in value.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_held_out(cluster: int, held_out: int) -> bool:
    """Say whether a recording's cluster is the one that is held out; 0: none is, or not known."""
    return held_out != 0 and cluster == held_out

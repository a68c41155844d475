# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a recording plan is done, what comes next and what is missing."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vla_ros.dataset.bag import EpisodeInfo, count_gaps
from vla_ros.dataset.plan import Plan, PlannedEpisode, is_held_out
from vla_ros.dataset.recording import GAP_MEND


@dataclass(frozen=True)
class Coverage:
    """A plan against what was recorded."""

    plan: Plan
    missing: tuple[PlannedEpisode, ...]
    extra: int  # recorded episodes that the plan doesn't ask for
    leaked: int  # those of them that start in the held-out cluster
    # camera: how many frames never came, in each episode that misses any
    gaps: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def next(self) -> PlannedEpisode | None:
        """Return the episode to record next, or None where nothing is missing."""
        return self.missing[0] if self.missing else None

    def by_cluster(self) -> dict[int, tuple[str, str]]:
        """Return done/planned starts and done/planned recoveries of each cluster of the plan."""
        planned, missing = _count(self.plan.episodes()), _count(self.missing)

        def cell(cluster: int, recovery: bool) -> str:
            count = planned[cluster, recovery]
            return f'{count - missing[cluster, recovery]}/{count}'

        return {item: (cell(item, False), cell(item, True)) for item in self.plan.training}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: counts are done/planned."""
        clusters = {
            str(cluster): {'starts': starts, 'recoveries': recoveries}
            for cluster, (starts, recoveries) in self.by_cluster().items()
        }
        return {
            'planned': len(self.plan.episodes()),
            'missing': len(self.missing),
            'extra': self.extra,
            'leaked': self.leaked,
            'clusters': clusters,
            'frames_missing': {camera: list(counts) for camera, counts in self.gaps.items()},
            'next': self.next._asdict() if self.next else None,
        }

    def describe(self) -> str:
        """Return a table of done/planned per cluster, and what comes next."""
        lines = ['cluster  starts  recoveries']
        for cluster, (starts, recoveries) in self.by_cluster().items():
            lines.append(f'{cluster:7}  {starts:>6}  {recoveries:>10}')
        total = len(self.plan.episodes())
        lines.append(
            f'{total - len(self.missing)} of {total} episodes recorded'
            + (f', {self.extra} more than planned' if self.extra else '')
        )
        if self.leaked:
            lines.append(
                f'held-out cluster {self.plan.held_out}: got {self.leaked} episodes, '
                'expected none; remove them before training'
            )
        if self.gaps:
            counts = sorted(self.gaps.items())
            named = ', '.join(f'{camera} {sum(c)} in {len(c)}' for camera, c in counts)
            lines.append(
                f'frames missing: {named} of the episodes; {GAP_MEND}, and record those again '
                'that vla_ros check names'
            )
        lines.append(f'next: {describe_start(self.next)}' if self.next else 'nothing is missing')
        return '\n'.join(lines)


def measure(plan: Plan, recorded: Sequence[EpisodeInfo]) -> Coverage:
    """
    Return which planned episodes ``recorded`` leaves open.

    An episode counts for the planned one with its seed, else for any of its cluster, kind and
    goal.
    """
    left = Counter((info.cluster, info.recovery, info.goal, info.seed) for info in recorded)
    unmatched = []
    for episode in plan.episodes():
        key = (episode.cluster, episode.recovery, episode.goal, episode.seed)
        if left[key]:
            left[key] -= 1
        else:
            unmatched.append(episode)
    pool = Counter[tuple[int, str, str]]()
    for (cluster, recovery, goal, _), count in left.items():
        pool[cluster, recovery, goal] += count
    missing = []
    for episode in unmatched:
        kind = (episode.cluster, episode.recovery, episode.goal)
        if pool[kind]:
            pool[kind] -= 1
        else:
            missing.append(episode)
    leaked = sum(n for (cluster, *_), n in pool.items() if is_held_out(cluster, plan.held_out))
    gaps = defaultdict[str, list[int]](list)
    for info in recorded:
        for camera, frames in count_gaps(info.missing).items():
            gaps[camera].append(frames)
    return Coverage(plan, tuple(missing), sum(pool.values()), leaked, dict(gaps))


def describe_start(episode: PlannedEpisode) -> str:
    """Return what to set up for an episode."""
    kind = f'recovery ({episode.recovery})' if episode.recovery else 'plain start'
    goal = f', goal {episode.goal}' if episode.goal else ''
    return f'cluster {episode.cluster}, {kind}{goal}, seed {episode.seed}'


def _count(episodes: Sequence[PlannedEpisode]) -> Counter[tuple[int, bool]]:
    return Counter((episode.cluster, bool(episode.recovery)) for episode in episodes)

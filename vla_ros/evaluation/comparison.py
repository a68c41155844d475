# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One run of an evaluation against the figures that another run left of the same episodes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.evaluation.paired import paired_difference

if TYPE_CHECKING:  # MuJoCo is not needed to compare
    from vla_ros.sim.rollout import EpisodeResult

Episodes = dict[tuple[int, int, str], dict[str, Any]]  # by cluster, seed and what was asked for


def read_episodes(path: Path, plan: Sequence[PlannedEpisode]) -> Episodes:
    """Return another run's episodes; raise ConfigError where it has not all that are planned."""
    try:
        episodes = json.loads(path.read_text(encoding='utf-8'))['episodes']
        known = {
            (item['cluster'], item['seed'], item.get('asked', item.get('goal', ''))): {
                'success': bool(item['success']),
                'latencies': [float(seconds) for seconds in item['latencies']],
            }
            for item in episodes
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f'{path}: got no figures ({error}), expected those that vla_ros evaluate --json wrote'
        ) from None
    missing = [p for p in plan if (p.cluster, p.seed, p.goal) not in known]
    if missing:
        goal = f' and goal {missing[0].goal}' if missing[0].goal else ''
        raise ConfigError(
            f'{path}: got no episode of cluster {missing[0].cluster} with seed '
            f'{missing[0].seed}{goal}, expected all of this run; play both with the same --set, '
            '--episodes, --seed and --goal'
        )
    return known


def compare(path: Path, before: Episodes, results: 'Sequence[EpisodeResult]') -> str:
    """Return how success and latency differ from another run's on the same episodes."""
    old = [before[result.cluster, result.seed, result.asked] for result in results]
    difference = paired_difference(
        [item['success'] for item in old], [result.success for result in results]
    )
    medians = [
        1e3 * float(np.median(np.concatenate(parts)))
        for parts in ([item['latencies'] for item in old], [r.latencies for r in results])
    ]
    return (
        f'against {path}, same {difference.episodes} episodes: success {difference} points '
        f'(lost {difference.lost}, gained {difference.gained}), latency p50 '
        f'{medians[0]:.1f} -> {medians[1]:.1f} ms'
    )

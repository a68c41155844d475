# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two runs are compared on the same episodes, or not at all."""

import json

import pytest

pytest.importorskip('mujoco')

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.evaluation.comparison import compare, read_episodes
from vla_ros.sim.rollout import EpisodeResult


def figures(*episodes):
    """Return the figures of a run in which episodes (seed, asked, goal, success) were played."""
    keys = ('seed', 'asked', 'goal', 'success')
    played = [dict(zip(keys, item, strict=True), cluster=3, latencies=[0.1]) for item in episodes]
    return json.dumps({'episodes': played})


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        (figures(), 'no episode of cluster 3 with seed 7 and goal mug, expected all of this run'),
        (figures((7, 'saucer', 'saucer', True)), 'no episode of cluster 3 with seed 7 and goal'),
        ('{}', 'got no figures'),
        ('{"episodes": [{"cluster": 3, "seed": 7}]}', "got no figures .'success'"),
    ],
)
def test_other_episodes_are_not_compared(tmp_path, text, complaint):
    file = tmp_path / 'figures.json'
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        read_episodes(file, [PlannedEpisode(0, 3, '', 7, 'mug')])


def test_episodes_are_compared_with_those_that_asked_for_the_same_at_first(tmp_path):
    """Whatever was asked for later, which depends on how far the arm came."""
    file = tmp_path / 'figures.json'
    file.write_text(figures((7, 'mug', 'saucer', True), (7, 'saucer', 'saucer', False)))
    plan = [PlannedEpisode(0, 3, '', 7, goal) for goal in ('mug', 'saucer')]
    results = [
        EpisodeResult(7, 3, asked=goal, goal=goal, latencies=[0.1]) for goal in ('mug', 'saucer')
    ]
    told = compare(file, read_episodes(file, plan), results)
    assert 'same 2 episodes' in told and '(lost 1, gained 0)' in told

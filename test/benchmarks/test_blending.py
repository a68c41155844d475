# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The comparison of the ways to blend, with a policy that plays back the expert."""

import json

import numpy as np
import pytest

pytest.importorskip('mujoco')

from demonstrator import FPS, Demonstrator

from vla_ros.benchmarks import blending
from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.sim.rollout import Rollout
from vla_ros.tools.main import main

ROBOT = load_robot(find_config('robots', 'so101'))


def test_ramp_has_no_seam_where_constant_weights_step(tmp_path, monkeypatch):
    policy, rollouts = Demonstrator(9, 4), []
    play, rng = Rollout.play, np.random.default_rng(1)
    predict = policy.predict
    monkeypatch.setattr(
        Rollout, 'play', lambda self, planned: rollouts.append(self) or play(self, planned)
    )
    policy.row = lambda: round(rollouts[-1].task.time * FPS)

    def uncertain(images, state, *ask):  # each chunk is off by a little, as those of a policy are
        actions, seconds = predict(images, state)
        return actions + rng.normal(0.0, 0.01, 6), seconds

    policy.predict = uncertain
    names = ['weighted_average', 'linear_ramp']
    played = {'none': policy}
    outcomes = blending.compare(played, ROBOT, [policy.planned], names, [0.1], timeout=3.0)
    average, ramp = (outcome.as_dict() for outcome in outcomes)
    assert ramp['seam_max'] < 1e-6 < 1e-3 < average['seam_max']
    assert [len(row['succeeded']) for row in (average, ramp)] == [1, 1]
    assert average['seams'] >= 1 and average['jerk'] > 0 and average['idle_ratio'] == 0.0
    blending.plot(outcomes, ROBOT, tmp_path / 'seams.png')
    assert (tmp_path / 'seams.png').stat().st_size > 10_000


def test_jerk_of_a_cubic_is_its_third_derivative():
    times = list(np.arange(20) / 100)
    commands = [np.full(2, time**3) for time in times]
    assert blending.jerk(times, commands) == pytest.approx(6.0)
    assert blending.jerk(times[:3], commands[:3]) == 0.0


def test_policy_that_continues_is_told_what_is_queued_and_switches_without_blending():
    policy, told = Demonstrator(9, 4), []

    def continuing(images, state, instruction, sequence, queued):
        told.append(queued)
        return Demonstrator.predict(policy, images, state)

    policy.predict = continuing
    played = {'guide': policy}
    blending.compare(played, ROBOT, [policy.planned], ['guide'], [0.25], 0.9, timeout=4.0)
    assert told[0] is None and told[1] is not None
    for known in told[1:]:
        assert known.delay == pytest.approx(0.25 * FPS, abs=1.1)  # as measured
    assert known.chunk.start <= known.start <= known.chunk.end
    assert known.chunk.joint_names == policy.spec.joint_names
    assert blending.chosen('guide') == ('latest_only', 'guide')
    assert blending.chosen('linear_ramp') == ('linear_ramp', 'none')


def test_outcomes_are_kept_one_by_one_and_what_would_end_the_rest_is_found_first(
    tiny_bundle, tmp_path, monkeypatch, capsys
):
    file = tmp_path / 'blending.json'
    words = ['benchmark', 'blending', '--policy', str(tiny_bundle), '--json', str(file)]
    words += ['--episodes', '1', '--timeout', '0.2', '--strategies', 'average']
    assert main([*words, '--latencies', '0.05', '-1']) == 2
    assert 'latency: got -1.0 s' in capsys.readouterr().err and not file.exists()
    play, played = Rollout.play, []

    def stopping(self, planned):
        if played:
            raise KeyboardInterrupt
        played.append(planned)
        return play(self, planned)

    monkeypatch.setattr(Rollout, 'play', stopping)
    assert main([*words, '--latencies', '0.05', '0.1']) == 130
    assert [row['latency'] for row in json.loads(file.read_text())['outcomes']] == [0.05]

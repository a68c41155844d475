# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rollouts: the queue, the latency and the physics on one simulated clock."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('mujoco')

from demonstrator import CHUNK, FPS, Demonstrator

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError
from vla_ros.core.executor import ExecutorConfig
from vla_ros.core.robot import load_robot
from vla_ros.sim.rollout import Rollout, RolloutConfig, check_playable
from vla_ros.sim.task import TaskChoice

ROBOT = load_robot(find_config('robots', 'so101'))


def test_policy_or_robot_of_another_task_is_refused_with_what_differs():
    known, spec = vars(Demonstrator.spec), Demonstrator.spec
    for other, message in (
        ({'cameras': [SimpleNamespace(name='wrist')]}, 'its cameras are wrist, those of the sim'),
        ({'joint_names': ('a', 'b')}, 'its joints are a, b, those of the simulated arm'),
    ):
        with pytest.raises(ConfigError, match=f'cannot be played .* of tea_bag, for {message}'):
            check_playable(SimpleNamespace(**known | other), ROBOT, TaskChoice())
    turned = replace(ROBOT, joint_names=ROBOT.joint_names[::-1])
    with pytest.raises(ConfigError, match='robot so101: got joints gripper, .* leave --robot out'):
        check_playable(spec, turned, TaskChoice())
    check_playable(spec, ROBOT, TaskChoice())


def play(mode='async', latency=0.3, cluster=9, seed=4, **config):
    policy = Demonstrator(cluster, seed)
    rollout = Rollout(
        policy, ROBOT, RolloutConfig(ExecutorConfig(mode=mode, **config), latency=latency)
    )
    if mode == 'async':
        policy.row = lambda: round(rollout.task.time * FPS)
    else:  # each chunk begins where the last one ended: the arm waits between them
        calls = iter(range(1000))
        policy.row = lambda: next(calls) * CHUNK
    result = rollout.play(policy.planned, keep_states=True)
    rollout.close()
    return result


def test_late_rows_are_skipped_so_that_latency_costs_no_success():
    for latency in (0.0, 0.3, 0.6):
        result = play(latency=latency)
        assert result.success and result.starved == 0 and result.idle == 0.0


def test_queue_starves_where_the_latency_exceeds_the_threshold():
    result = play(latency=1.0, chunk_size_threshold=0.2)  # 0.2 * 100 / 30 = 0.67 s
    assert result.starved >= 1 and result.idle > 0.2


def test_larger_threshold_covers_a_larger_latency():
    assert play(latency=1.0, chunk_size_threshold=0.35).starved == 0


def test_synchronous_mode_waits_for_every_chunk_and_takes_longer():
    waiting, asynchronous = play('sync'), play('async')
    assert waiting.success and waiting.starved == 0
    assert waiting.idle == pytest.approx(0.3 * (len(waiting.latencies) - 1), abs=0.05)
    assert waiting.duration > asynchronous.duration + 0.4


def test_frequent_chunks_agree_with_each_other():
    result = play(latency=0.1, chunk_size_threshold=0.9)
    assert result.success and len(result.latencies) > 15


def test_same_seed_and_latency_give_identical_trajectories():
    first, second = play(), play()
    assert len(first.states) == len(second.states)
    assert all(
        np.array_equal(a.qpos, b.qpos) for a, b in zip(first.states, second.states, strict=True)
    )

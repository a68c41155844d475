# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``vla_ros record`` from the plan to the bag, with the simulation's expert."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rosbags')
pytest.importorskip('rclpy')
pytest.importorskip('mujoco')

from recordings import write_episode

from vla_ros.dataset.align import align
from vla_ros.dataset.bag import EpisodeInfo, decode, list_episodes
from vla_ros.dataset.from_bags import describe, make_frames
from vla_ros.dataset.streams import find_streams

PLAN = """
starts: 1
recoveries: 0
clusters: {2: [0.05, -0.15], 4: [0.15, -0.15]}
seed: 5
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / 'plan.yaml'
    path.write_text(PLAN)
    return path


def record(folder, plan, *words):
    """Run the command; return its exit code and output."""
    argv = [sys.executable, '-m', 'vla_ros.tools.main', 'record', *words]
    argv += ['--output', str(folder / 'set'), '--plan', str(plan)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_coverage_is_shown_without_recording(tmp_path, plan):
    write_episode(tmp_path / 'set', EpisodeInfo(cluster=2))
    code, text = record(tmp_path, plan, '--show')
    assert code == 0
    assert '1 of 2 episodes recorded' in text and 'next: cluster 4, plain start' in text


def test_what_the_command_decides_is_no_argument_of_the_deployment(tmp_path, plan):
    code, text = record(tmp_path, plan, 'episodes:=3')
    assert code == 2 and 'argument: got episodes:=3, expected --episodes' in text


@pytest.mark.slow
def test_the_missing_episode_is_recorded_and_makes_a_dataset(tmp_path, plan):
    os.environ.setdefault('MUJOCO_GL', 'egl')
    write_episode(tmp_path / 'set', EpisodeInfo(cluster=2))
    code, text = record(tmp_path, plan, '--isolate', 'width:=64', 'height:=48', 'notes:=rehearsal')
    assert code == 0, text
    assert 'nothing is missing' in text.splitlines()[-2]
    episode = list_episodes(tmp_path / 'set')[-1]
    assert (episode.info.cluster, episode.info.notes, episode.info.dropped) == (4, 'rehearsal', 0)
    (instruction,) = episode.messages(['/instruction'])
    assert 'tea bag' in decode(instruction).data
    check_frames(episode)


def check_frames(episode):
    """Check that the episode makes frames in which commands lead the measured state."""
    streams = find_streams(episode)
    alignment = align(episode, streams, fps=30, max_skew=1.0)  # of a loaded machine
    frames = list(make_frames(episode, streams, alignment, describe(episode, 30)))
    assert len(frames) > 150 and set(frames[0].images) == {'top', 'gripper', 'left'}
    assert frames[0].images['top'].shape == (48, 64, 3)
    state = np.stack([frame.state for frame in frames])
    action = np.stack([frame.action for frame in frames])
    ahead = np.abs(state[1:] - action[:-1])[:, :5].mean()
    assert ahead < np.abs(state[:-1] - action[1:])[:, :5].mean()

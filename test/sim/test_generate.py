# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Datasets of demonstrations: whole or not there, and readable by LeRobot."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('lerobot')

from vla_ros.core.errors import ConfigError
from vla_ros.core.picture_size import PictureSize
from vla_ros.dataset.plan import find_plan
from vla_ros.sim import generate as module
from vla_ros.sim.generate import generate
from vla_ros.sim.robots.so101 import JOINT_NAMES
from vla_ros.sim.tea_bag.expert import PHASES

PICTURE = PictureSize(32, 24)
PLAN = replace(find_plan('tea_bag').only((4, 9)), starts=1, recoveries=1, seed=3).episodes()


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Return a dataset whose generation was interrupted after the first of two shards."""
    root = tmp_path_factory.mktemp('data') / 'demonstrations'
    module.SHARD, whole = 2, module.SHARD
    work = root.with_name(root.name + '.partial')

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(root, PLAN, PICTURE, 1, interrupt)
    assert not root.exists() and (work / 'shard_0000').is_dir()
    finished = (work / 'shard_0000').stat().st_mtime_ns
    progress = []
    generate(root, PLAN, PICTURE, 1, lambda done, total: progress.append((done, total)))
    module.SHARD = whole
    assert progress == [(2, 4), (4, 4)] and not work.exists()
    return root, finished


def test_interrupted_run_goes_on_and_lerobot_reads_the_result(dataset):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    data = LeRobotDataset('local/test', root=dataset[0])
    assert data.num_episodes == 4 and data.fps == 30
    assert data.features['action']['names'] == list(JOINT_NAMES)
    frame = data[10]
    assert frame['observation.images.top'].shape == (3, 24, 32)
    assert PHASES[int(frame['phase'])] == 'raise'
    assert frame['task'] == 'Grab the tea bag and place it in the mug.'


def test_every_episode_says_where_it_comes_from(dataset):
    infos = json.loads((dataset[0] / 'meta' / 'vla_ros_episodes.json').read_text())
    assert [info['cluster'] for info in infos] == [4, 9, 4, 9]
    assert [info['recovery'] for info in infos] == ['', '', 'miss', 'drop']


def test_recorded_actions_lead_the_measured_state(dataset):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    data = LeRobotDataset('local/test', root=dataset[0]).hf_dataset.with_format('numpy')
    state, action = np.stack(data['observation.state']), np.stack(data['action'])
    inside = np.asarray(data['episode_index'])[1:] == np.asarray(data['episode_index'])[:-1]
    ahead = np.abs(state[1:] - action[:-1])[inside, :5].mean()
    behind = np.abs(state[:-1] - action[1:])[inside, :5].mean()
    assert ahead < behind


def test_dataset_folder_that_exists_is_not_touched(dataset):
    with pytest.raises(ConfigError, match='already exists'):
        generate(dataset[0], PLAN, PICTURE, 1)


def test_another_plan_does_not_go_on_with_a_started_one(tmp_path):
    work = tmp_path / 'data.partial'
    work.mkdir()
    (work / 'plan.json').write_text('[]')
    with pytest.raises(ConfigError, match='belongs to another plan'):
        generate(tmp_path / 'data', PLAN, PICTURE, 1)


def test_two_runs_do_not_work_in_one_folder(tmp_path):
    def start_another(done, total):
        with pytest.raises(ConfigError, match='another vla_ros generate works in it; wait'):
            generate(tmp_path / 'data', PLAN, PICTURE, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / 'data', PLAN, PICTURE, 1, start_another)
    (tmp_path / 'other.partial').mkdir()  # of a run that ended before it had begun
    with pytest.raises(ZeroDivisionError):
        generate(tmp_path / 'other', PLAN, PICTURE, 1, lambda done, total: 1 / done)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What would make a trained policy useless is said before the first step, with the mend."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('torch')
pytest.importorskip('transformers', reason="needs pip install 'vla_ros[train]'")

import pandas
from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
from lerobot.processor.normalize_processor import hotswap_stats

from vla_ros.core.errors import ConfigError
from vla_ros.train.checkpoint import Checkpoint, dataset_facts, new_checkpoint
from vla_ros.train.families.smolvla import SmolVlaSize
from vla_ros.train.loop import train
from vla_ros.train.preflight import check_flow, check_start
from vla_ros.train.training_plan import TrainingPlan

from .conftest import SIZE, write_dataset
from .vlm import write_vlm


@pytest.fixture(scope='module')
def vlm(tmp_path_factory):
    return write_vlm(tmp_path_factory.mktemp('vlm') / 'tiny')


@pytest.fixture
def smolvla(dataset, vlm):
    return new_checkpoint([dataset.meta], SmolVlaSize(chunk_size=5, vlm=str(vlm)))


@pytest.fixture
def data(dataset_root, tmp_path):
    """Return a copy of the dataset, to be spoilt."""
    return Path(shutil.copytree(dataset_root, tmp_path / 'data'))


def metadata(root):
    return LeRobotDatasetMetadata(f'local/{root.name}', root=root)


def with_stats(checkpoint, change):
    """Return the checkpoint with other statistics of the state."""
    stats = next(step.stats for step in checkpoint.preprocess.steps if hasattr(step, 'norm_map'))
    changed = {key: dict(values) for key, values in stats.items()}
    change(changed)
    return Checkpoint(
        checkpoint.policy, hotswap_stats(checkpoint.preprocess, changed), checkpoint.postprocess
    )


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_fits_passes_for_both_kinds(checkpoint, smolvla, dataset):
    for policy in (checkpoint, smolvla):
        check_start(policy, [dataset.meta], dataset_facts([dataset.meta]))


def test_camera_that_the_data_lack_is_named(checkpoint, data):
    def rename(info):
        features = info['features']
        features['observation.images.wrist'] = features.pop('observation.images.gripper')

    edit(data / 'meta' / 'info.json', rename)
    with pytest.raises(ConfigError, match=r'images\.wrist, expected also .*images\.gripper'):
        check_start(checkpoint, [metadata(data)])


@pytest.mark.parametrize('name', ['mean', 'std'])
def test_missing_statistics_are_named(checkpoint, dataset, name):
    spoilt = with_stats(checkpoint, lambda stats: stats['observation.state'].pop(name))
    with pytest.raises(ConfigError, match=f'observation.state: got no {name}, expected'):
        check_start(spoilt, [dataset.meta])


def test_statistics_of_another_number_of_joints_are_refused(checkpoint, tmp_path):
    other = write_dataset(tmp_path / 'other', ('pan', 'lift', 'roll', 'gripper'))
    with pytest.raises(ConfigError, match='of 3 joints, expected 4 as in .*other'):
        check_start(checkpoint, [metadata(other)])


def test_names_in_another_order_are_refused(checkpoint, dataset):
    before = replace(dataset_facts([dataset.meta]), joint_names=('lift', 'pan', 'gripper'))
    with pytest.raises(ConfigError, match='got pan, lift, gripper .* expected lift, pan, gripper'):
        check_start(checkpoint, [dataset.meta], before)


def test_another_rate_is_refused(checkpoint, dataset):
    before = replace(dataset_facts([dataset.meta]), fps=30.0)
    with pytest.raises(ConfigError, match='fps: got 10 Hz in the datasets, expected 30 Hz'):
        check_start(checkpoint, [dataset.meta], before)


def test_degrees_on_a_checkpoint_in_rad_are_refused(checkpoint, data):
    def to_degrees(stats):
        for key in ('observation.state', 'action'):
            for name in ('mean', 'std', 'min', 'max'):
                stats[key][name] = [57.2958 * value for value in stats[key][name]]

    edit(data / 'meta' / 'stats.json', to_degrees)
    with pytest.raises(ConfigError, match=r'move 5\d.* times as far .* degrees and rad\?'):
        check_start(checkpoint, [metadata(data)])


def test_one_joint_with_another_zero_is_named(checkpoint, data):
    def shift(stats):
        stats['observation.state']['mean'][1] += 40.0

    edit(data / 'meta' / 'stats.json', shift)
    with pytest.raises(ConfigError, match='observation.state: got lift around 39.7'):
        check_start(checkpoint, [metadata(data)])


def test_joint_that_never_moves_is_named(data):
    def hold(stats):
        stats['action']['std'][2] = 0.0

    edit(data / 'meta' / 'stats.json', hold)
    meta = metadata(data)
    with pytest.raises(ConfigError, match=r'action: got gripper with no spread \(std\)'):
        check_start(new_checkpoint([meta], SIZE), [meta])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('Put it there, ' * 30, r'of \d+ tokens, expected at most 48 \(tokenizer_max_length\)'),
        (' ', 'got no instruction'),
    ],
)
def test_instruction_that_would_not_be_read_is_refused(smolvla, checkpoint, data, text, message):
    tasks = pandas.DataFrame({'task_index': [0]}, index=pandas.Index([text], name='task'))
    tasks.to_parquet(data / 'meta' / 'tasks.parquet')
    with pytest.raises(ConfigError, match=message):
        check_start(smolvla, [metadata(data)])
    check_start(checkpoint, [metadata(data)])  # ACT reads none


def test_training_refuses_before_anything_is_learned(checkpoint, dataset, dataset_root, tmp_path):
    start = tmp_path / 'start'
    checkpoint.save(start, replace(dataset_facts([dataset.meta]), fps=30.0))
    with pytest.raises(ConfigError, match='expected 30 Hz'):
        train([dataset_root], tmp_path / 'run', TrainingPlan(steps=1), SIZE, start=start)


@pytest.mark.parametrize('plan', [{'flow_samples': 2}, {'held_rows': 1}])
def test_samples_of_noise_are_refused_for_a_policy_that_draws_none(checkpoint, plan):
    (name,) = plan
    with pytest.raises(ConfigError, match=f'{name}: got .* of type act, which does not denoise'):
        check_flow(checkpoint.policy.config, TrainingPlan(steps=1, **plan))

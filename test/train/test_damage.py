# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a download or another version makes of files is told in one line, with the mend."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.dataset.lerobot import open_dataset, read_statistics, read_tasks  # noqa: E402
from vla_ros.dataset.pictures import PictureReader  # noqa: E402
from vla_ros.dataset.stored import StoredDataset  # noqa: E402
from vla_ros.train.checkpoint import dataset_facts, load_checkpoint, policy_type  # noqa: E402
from vla_ros.train.frames import load_frames  # noqa: E402
from vla_ros.train.success import find_obstacle  # noqa: E402

LFS = b'version https://git-lfs.github.com/spec/v1\noid sha256:5d5d\nsize 206699736\n'


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite(content):
    return lambda path: path.write_bytes(content)


def edit(**changes):
    def change(path):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, **changes}))

    return change


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Fail where the hub is asked for what a folder lacks."""
    import huggingface_hub

    def refuse(*args, **kwargs):
        raise AssertionError('the network was asked')

    for name in ('snapshot_download', 'hf_hub_download'):
        monkeypatch.setattr(huggingface_hub, name, refuse)
    monkeypatch.setattr('lerobot.datasets.lerobot_dataset.get_safe_version', refuse)
    monkeypatch.setattr('lerobot.datasets.dataset_metadata.get_safe_version', refuse)


DAMAGED_DATASETS = {
    'an LFS pointer for a table': ('data/*/*.parquet', overwrite(LFS), 'git lfs pull'),
    'a cut table': ('data/*/*.parquet', cut, 'damaged .*copy the dataset again'),
    'an empty table': ('meta/tasks.parquet', overwrite(b''), r'empty \(0 bytes\)'),
    'no table of episodes': ('meta/episodes/*/*.parquet', lambda p: p.unlink(), 'copy it again'),
    'an LFS pointer for a video': ('videos/*top/*/*.mp4', overwrite(LFS), 'git lfs pull'),
    'an empty video': ('videos/*top/*/*.mp4', overwrite(b''), r'empty \(0 bytes\)'),
    'no video': ('videos/*gripper/*/*.mp4', lambda p: p.unlink(), 'not there; copy'),
    'an older version': ('meta/info.json', edit(codebase_version='v2.1'), 'convert_dataset_v21'),
    'a newer version': ('meta/info.json', edit(codebase_version='v4.0'), 'update vla_ros'),
    'a far newer version': ('meta/info.json', edit(codebase_version='v10.0'), 'update vla_ros'),
    'no version': ('meta/info.json', edit(codebase_version=None), 'got version None'),
    'another rate': ('meta/info.json', edit(fps=15), 'expected 10 fps; correct fps there'),
    'missing frames': ('meta/info.json', edit(total_frames=99), 'got 18 frames .*expected 99'),
    'missing episodes': ('meta/info.json', edit(total_episodes=5), 'got 2 episodes .*expected 5'),
    'no JSON': ('meta/info.json', overwrite(b'{'), 'expected valid JSON'),
    'a list for the facts': ('meta/info.json', overwrite(b'[]'), 'expected valid JSON'),
    'features that are none': ('meta/info.json', edit(features=[1]), 'expected valid JSON'),
}


@pytest.mark.parametrize('damage', DAMAGED_DATASETS)
def test_a_damaged_dataset_is_told_in_one_line(dataset_root, tmp_path, damage):
    pattern, spoil, message = DAMAGED_DATASETS[damage]
    root = shutil.copytree(dataset_root, tmp_path / 'copy')
    for path in root.glob(pattern):
        spoil(path)
    with pytest.raises(ConfigError, match=message) as error:
        open_dataset(root)
    assert '\n' not in str(error.value)


def test_a_video_that_is_damaged_within_is_named(dataset_root, tmp_path):
    root = shutil.copytree(dataset_root, tmp_path / 'copy')
    for path in root.glob('videos/*top/*/*.mp4'):
        cut(path)
    with pytest.raises(ConfigError, match='video .*copy the dataset again'):
        load_frames(open_dataset(root))


DAMAGED_CHECKPOINTS = {
    'an LFS pointer': ('model.safetensors', overwrite(LFS), 'git lfs pull'),
    'cut weights': ('model.safetensors', cut, 'SafetensorError: .*copy it again'),
    'no weights': ('model.safetensors', overwrite(b''), r'empty \(0 bytes\)'),
    'a field of tomorrow': ('config.json', edit(of_tomorrow=False), 'of_tomorrow.* take out'),
    'weights of another size': ('config.json', edit(dim_model=32), 'size mismatch'),
    'no JSON': ('config.json', overwrite(b'{'), 'cannot read it: JSONDecodeError'),
    'another type': ('config.json', edit(type='dreamer'), "type 'dreamer', expected one of"),
    'steps of nobody': (
        'policy_preprocessor.json',
        edit(steps=[{'registry_name': 'of_nobody', 'config': {}}]),
        'of_nobody',
    ),
}


@pytest.mark.parametrize('damage', DAMAGED_CHECKPOINTS)
def test_a_damaged_checkpoint_is_told_in_one_line(checkpoint, dataset, tmp_path, damage):
    name, spoil, message = DAMAGED_CHECKPOINTS[damage]
    path = tmp_path / 'checkpoint'
    checkpoint.save(path, dataset_facts([dataset.meta]))
    assert policy_type(path) == 'act'
    spoil(path / name)
    with pytest.raises(ConfigError, match=message) as error:
        load_checkpoint(path)
    assert '\n' not in str(error.value)


def test_reading_a_checkpoint_leaves_nothing_in_the_folder_for_temporary_files(
    checkpoint, dataset, tmp_path, monkeypatch
):
    path, folder = tmp_path / 'checkpoint', tmp_path / 'temporary'
    checkpoint.save(path, dataset_facts([dataset.meta]))
    folder.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(folder))
    load_checkpoint(path)
    assert not list(folder.iterdir())


def test_a_whole_dataset_is_read(dataset):
    pictures = list(PictureReader(dataset).read('observation.images.top', 1, range(11, 18)))
    assert [picture.shape for picture in pictures] == [(32, 64, 3)] * 7
    assert set(read_tasks(dataset)) == {'Wave.'}


def test_states_of_more_numbers_than_actions_are_refused(dataset):
    meta = SimpleNamespace(root='data', fps=10, tasks=dataset.meta.tasks)
    meta.features = {**dataset.meta.features, 'observation.state': {'shape': (10,), 'names': None}}
    with pytest.raises(ConfigError, match='got 10 numbers in observation.state and 3 in action'):
        dataset_facts([meta])


def test_several_instructions_leave_a_policy_without_one(dataset, tmp_path):
    other = dataset.meta.tasks.rename(index={'Wave.': 'Bow.'})
    meta = type('Meta', (), {**vars(dataset.meta), 'features': dataset.meta.features})()
    meta.fps, meta.tasks = dataset.meta.fps, other
    assert dataset_facts([dataset.meta]).instruction == 'Wave.'
    assert dataset_facts([dataset.meta, meta]).instruction == ''
    assert dataset_facts([dataset.meta, meta]).instructions == ('Bow.', 'Wave.')


def test_only_data_of_the_simulated_arm_and_its_cameras_are_played_in_simulation():
    joints = ['shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll', 'gripper']
    top = {'observation.images.top': {'dtype': 'video'}}

    def features(names, cameras):
        return {'action': {'dtype': 'float32', 'names': names}, **cameras}

    assert find_obstacle(features([f'{name}.pos' for name in joints], top)) == ''
    front = {'observation.images.front': {'dtype': 'image'}}
    assert 'its cameras are front' in find_obstacle(features(joints, top | front).copy())
    assert 'its joints are a, b' in find_obstacle(features(['a', 'b'], top))
    assert 'not named' in find_obstacle(features(None, top))
    stats = {'action': {'min': np.full(6, -20.0), 'max': np.full(6, 90.0)}}
    told = find_obstacle(features(joints, top), stats=stats)
    assert 'its joints are not in rad: shoulder_pan goes to 90' in told
    stats['action']['max'][:], stats['action']['min'][:] = 1.5, -1.0
    assert find_obstacle(features(joints, top), stats=stats) == ''


def test_statistics_of_a_dataset_that_are_damaged_are_named(dataset_root, tmp_path):
    root = shutil.copytree(dataset_root, tmp_path / 'spoilt')
    assert {'action', 'observation.state'} <= read_statistics(root).keys()
    file = root / 'meta' / 'stats.json'
    file.write_text('[1]')
    with pytest.raises(ConfigError, match='stats.json: invalid JSON, or no statistics'):
        read_statistics(root)
    file.unlink()
    assert read_statistics(root) == {}


def spoil_info(dataset_root, path, change):
    root = shutil.copytree(dataset_root, path)
    file = root / 'meta' / 'info.json'
    info = json.loads(file.read_text())
    change(info['features'])
    file.write_text(json.dumps(info))
    return root


def reverse_states(features):
    features['observation.state']['names'] = features['observation.state']['names'][::-1]


def rename_states(features):
    features['observation.state']['names'] = ['x', 'y', 'z']


@pytest.mark.parametrize('change', [reverse_states, rename_states])
def test_states_of_other_joints_than_the_actions_train_and_export_nothing(
    dataset_root, tmp_path, change
):
    changed = open_dataset(spoil_info(dataset_root, tmp_path / 'copy', change))
    with pytest.raises(ConfigError, match='got states of .*in this order, as its actions'):
        dataset_facts([changed.meta])


def test_pictures_of_depth_are_no_colours(dataset_root, tmp_path):
    def deepen(features):
        features['observation.images.top'].setdefault('info', {})['is_depth_map'] = True

    dataset = open_dataset(spoil_info(dataset_root, tmp_path / 'copy', deepen))
    with pytest.raises(ConfigError, match='images.top: got pictures of depth, expected colours'):
        next(PictureReader(dataset).read('observation.images.top', 0, [0]))


def test_a_video_that_is_told_to_be_pictures_is_named(dataset_root, tmp_path):
    def mistake(features):
        features['observation.images.top']['dtype'] = 'image'

    dataset = open_dataset(spoil_info(dataset_root, tmp_path / 'copy', mistake))
    with pytest.raises(
        ConfigError, match='images.top: got no picture in row 0.*correct its dtype'
    ):
        next(PictureReader(dataset).read('observation.images.top', 0, [0]))


def test_numbers_that_are_none_reach_no_recording(dataset_root, tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    root = shutil.copytree(dataset_root, tmp_path / 'copy')
    path = next(root.glob('data/*/*.parquet'))
    table = parquet.read_table(path)
    place = table.column_names.index('action')
    rows = table['action'].to_pylist()
    rows[3][1] = float('nan')
    field = table.field(place)
    parquet.write_table(table.set_column(place, field, pa.array(rows, field.type)), path)
    with pytest.raises(ConfigError, match='action: got NaN or infinity in episode 0'):
        list(StoredDataset(root).frames(0))


def test_the_rate_is_checked_where_the_first_episode_is_a_single_frame(tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    vector = {'dtype': 'float32', 'shape': (1,), 'names': ['a']}
    features = {'observation.state': vector, 'action': vector}
    written = LeRobotDataset.create('local/data', 30, features, root=tmp_path / 'data')
    for count in (1, 5):
        for _ in range(count):
            zero = np.zeros(1, np.float32)
            written.add_frame({'observation.state': zero, 'action': zero, 'task': 'Wait.'})
        written.save_episode()
    written.finalize()
    assert open_dataset(tmp_path / 'data').fps == 30
    edit(fps=15)(tmp_path / 'data' / 'meta' / 'info.json')
    with pytest.raises(ConfigError, match='got 15 fps .*expected 30 fps'):
        open_dataset(tmp_path / 'data')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings to a dataset and back: what a policy sees, and what is known, stay what they were."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip('rosbags')
pytest.importorskip('lerobot')

from recordings import FPS, JOINTS, START, instruction, make_messages, phase, write_episode
from rosbags.rosbag2 import Reader

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.align import align
from vla_ros.dataset.bag import EpisodeInfo, decode, list_episodes, list_unfinished
from vla_ros.dataset.bags import open_bags
from vla_ros.dataset.from_bags import convert, describe, make_frames, set_apart
from vla_ros.dataset.stored import StoredDataset
from vla_ros.dataset.streams import find_streams
from vla_ros.dataset.to_bags import convert_to_bags
from vla_ros.tools.main import main

INFO = EpisodeInfo(
    4,
    seed=7,
    recovery='drop',
    robot='so101',
    notes='slippery',
    outcome='success',
    dropped=1,
    missing={'/camera/top/image_raw': 2},
    rotation=0.25,
)


def frames_of(episode):
    streams = find_streams(episode)
    alignment = align(episode, streams, FPS, 0.05)
    return list(make_frames(episode, streams, alignment, describe(episode, FPS)))


@pytest.fixture(scope='module')
def there_and_back(tmp_path_factory):
    """Return the folder with recordings (in), the dataset (set) and recordings again (out)."""
    folder = tmp_path_factory.mktemp('round')
    old, new = folder / 'old.json', folder / 'new' / 'old.json'
    new.parent.mkdir()
    old.write_text('{"offset": 1}')
    new.write_text('{"offset": 2}')
    write_episode(folder / 'in', INFO, calibration=[old])
    write_episode(folder / 'in', EpisodeInfo(9, robot='so101'), calibration=[new])
    convert(open_bags(folder / 'in'), folder / 'set')
    convert_to_bags(folder / 'set', folder / 'out')
    return folder


def test_every_fact_of_an_episode_survives(there_and_back):
    before, after = (list_episodes(there_and_back / name) for name in ('in', 'out'))
    assert [episode.info for episode in before] == [episode.info for episode in after]
    assert before[0].info.rotation == 0.25 and before[0].info.calibration


def test_the_calibration_files_survive_even_where_they_changed(there_and_back):
    texts = [
        (episode.path / 'calibration' / 'old.json').read_text()
        for episode in list_episodes(there_and_back / 'out')
    ]
    assert texts == ['{"offset": 1}', '{"offset": 2}']
    assert (there_and_back / 'set/meta/calibration/old.json').read_text() == '{"offset": 1}'


def forget_calibration(root):
    """Take away what the second episode needs."""
    for path in (root / 'meta' / 'calibration').glob('*/old.json'):
        path.unlink()


def cut_videos(root):
    for path in root.glob('videos/*top/*/*.mp4'):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def forget_statistics(root):
    (root / 'meta' / 'stats.json').unlink()


@pytest.mark.parametrize(
    ('damage', 'complaint'),
    [
        (forget_calibration, 'copy .* again'),
        (cut_videos, 'copy .* again'),
        (forget_statistics, 'got the statistics none, expected min and max'),
    ],
)
def test_a_dataset_that_is_not_whole_leaves_no_part_among_the_recordings(
    there_and_back, tmp_path, damage, complaint
):
    root = shutil.copytree(there_and_back / 'set', tmp_path / 'set')
    kept = write_episode(tmp_path / 'out', EpisodeInfo(4)).path
    damage(root)
    with pytest.raises(ConfigError, match=complaint):
        convert_to_bags(root, tmp_path / 'out')
    assert [episode.path for episode in list_episodes(tmp_path / 'out')] == [kept]
    assert not list_unfinished(tmp_path / 'out')


def test_every_frame_survives(there_and_back):
    before, after = (list_episodes(there_and_back / name) for name in ('in', 'out'))
    for one, other in zip(before, after, strict=True):
        old, new = frames_of(one), frames_of(other)
        assert len(old) == len(new)
        for a, b in zip(old, new, strict=True):
            np.testing.assert_array_equal(np.float32(a.state), np.float32(b.state))
            np.testing.assert_array_equal(np.float32(a.action), np.float32(b.action))
            for camera, picture in a.images.items():
                assert np.abs(picture.astype(int) - b.images[camera]).max() <= 3  # of the video


def test_the_bags_hold_the_very_pictures_of_the_dataset(there_and_back):
    dataset = StoredDataset(there_and_back / 'set')
    episode = list_episodes(there_and_back / 'out')[1]
    for stored, frame in zip(dataset.frames(1), frames_of(episode), strict=True):
        for camera, picture in stored.images.items():
            np.testing.assert_array_equal(picture, frame.images[camera])


def test_rosbags_reads_what_the_recorder_would_have_written(there_and_back):
    folders = [list_episodes(there_and_back / name)[0].path for name in ('in', 'out')]
    topics = []
    for folder in folders:
        with Reader(folder) as reader:
            topics.append({c.topic: c.msgtype for c in reader.connections})
    assert topics[0] == topics[1]
    events = [decode(m) for m in list_episodes(there_and_back / 'out')[0].messages(['/episode'])]
    assert [(e.event, e.cluster, e.seed, e.detail) for e in events] == [
        (1, '4', 7, 'drop'),
        (2, '4', 7, 'drop'),
    ]


def test_mcap_reads_a_converted_episode(there_and_back):
    reader = pytest.importorskip('mcap.reader')
    decoder = pytest.importorskip('mcap_ros2.decoder')
    with (there_and_back / 'out/episode_0000/episode_0000.mcap').open('rb') as file:
        mcap = reader.make_reader(file, decoder_factories=[decoder.DecoderFactory()])
        messages = [item[-1] for item in mcap.iter_decoded_messages(['/joint_commands'])]
    assert list(messages[0].joint_names) == list(JOINTS)


def label(messages, phases):
    """Return the messages, and with each frame the number of its phase."""
    labels = [phase(START + 0.001 + n / FPS, number) for n, number in enumerate(phases)]
    return sorted([*messages, *labels], key=lambda message: message.time)


def test_the_phase_of_every_frame_survives_there_and_back(tmp_path):
    lerobot = pytest.importorskip('lerobot.datasets.lerobot_dataset')
    phases = [[9, 9, 9, 0, 0, 1, 2, 2, 3, 3, 4, 4], [9, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]]
    for numbers in phases:
        write_episode(tmp_path / 'in', messages=label(make_messages(), numbers))
    convert(open_bags(tmp_path / 'in'), tmp_path / 'set')
    convert_to_bags(tmp_path / 'set', tmp_path / 'out')
    convert(open_bags(tmp_path / 'out'), tmp_path / 'again')
    expected = [number for numbers in phases for number in numbers[:11]]
    for name in ('set', 'again'):
        data = lerobot.LeRobotDataset('local/test', root=tmp_path / name)
        assert data.features['phase'] == {'dtype': 'int64', 'shape': (1,), 'names': ['phase']}
        assert [int(number) for number in data.hf_dataset['phase']] == expected
    episode = list_episodes(tmp_path / 'out')[0]
    assert [decode(m).data for m in episode.messages(['/phase'])] == phases[0][:11]
    assert [frame.labels['phase'] for frame in frames_of(episode)] == phases[0][:11]


def test_a_dataset_without_phases_gets_none(there_and_back):
    assert 'phase' not in StoredDataset(there_and_back / 'set')._dataset.features
    assert '/phase' not in list_episodes(there_and_back / 'out')[0].topics()


def test_the_held_out_cluster_becomes_a_dataset_of_its_own(tmp_path):
    for cluster in (6, 4, 6, 9):
        write_episode(tmp_path / 'in', EpisodeInfo(cluster), messages=make_messages(4))
    training, validation = set_apart(open_bags(tmp_path / 'in'), held_out=6)
    assert [[e.info.cluster for e in part] for part in (training, validation)] == [[4, 9], [6, 6]]
    assert main(['convert', str(tmp_path / 'in'), '--output', str(tmp_path / 'set')]) == 0
    for name, split in (('set', 'train'), ('set_validation', 'validation')):
        info = json.loads((tmp_path / name / 'meta/info.json').read_text())
        assert (info['total_episodes'], info['splits']) == (2, {split: '0:2'})


def test_recordings_of_nobody_knows_which_cluster_are_trained_on_where_none_is_held_out(tmp_path):
    for cluster in (0, 4):
        write_episode(tmp_path, EpisodeInfo(cluster))
    episodes = open_bags(tmp_path)
    assert set_apart(episodes, held_out=0) == (episodes, [])
    assert set_apart(episodes, held_out=4) == (episodes[:1], episodes[1:])


def test_nothing_is_written_where_a_part_that_comes_later_cannot_be(tmp_path, capsys):
    mute = [message for message in make_messages(4) if message.topic != '/instruction']
    write_episode(tmp_path / 'in', EpisodeInfo(4), messages=make_messages(4))
    write_episode(tmp_path / 'in', EpisodeInfo(6), messages=mute)
    words = ['convert', str(tmp_path / 'in'), '--output', str(tmp_path / 'set')]
    assert main(words) == 2
    assert '1 of 1 episodes cannot be converted, and nothing was' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['in']
    assert main([*words, '--instruction', 'Grab it.']) == 0


def test_a_folder_that_is_no_dataset_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r'got no meta/info\.json'):
        StoredDataset(tmp_path)


def test_an_instruction_that_changes_survives_there_and_back(tmp_path):
    later = instruction(START + 6.5 / FPS, 'Put it down.')
    write_episode(
        tmp_path / 'in', messages=sorted([*make_messages(), later], key=lambda m: m.time)
    )
    convert(open_bags(tmp_path / 'in'), tmp_path / 'set')
    convert_to_bags(tmp_path / 'set', tmp_path / 'out')
    (before,), (after,) = (list_episodes(tmp_path / name) for name in ('in', 'out'))
    said = [decode(message).data for message in after.messages(['/instruction'])]
    assert said == ['Grab it.', 'Put it down.']
    assert [f.task for f in frames_of(before)] == [f.task for f in frames_of(after)]

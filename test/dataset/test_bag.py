# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags of episodes: whole or not listed, readable by everyone, whenever the writer dies."""

import hashlib
import os
import random
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import START, episode_event, make_messages, picture, shade, write_episode
from rosbags.rosbag2 import Reader

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset import bag
from vla_ros.dataset.bag import (
    EpisodeInfo,
    EpisodeWriter,
    claim,
    decode,
    header_time,
    list_episodes,
    list_unfinished,
    remove,
    salvage,
)

KILLS = 10


def test_what_was_written_is_read_back_byte_for_byte(tmp_path):
    written = list(make_messages())
    kept = write_episode(tmp_path, messages=written)
    (episode,) = list_episodes(tmp_path)
    assert episode == kept and episode.path == tmp_path / 'episode_0000'
    assert sorted(episode.messages()) == sorted(written)
    assert [m.topic for m in episode.messages(['/instruction'])] == ['/instruction']
    assert list(episode.messages(['/sim_state'])) == []


def test_messages_of_this_package_and_of_ros_are_decoded(tmp_path):
    write_episode(tmp_path)
    (episode,) = list_episodes(tmp_path)
    event = decode(next(episode.messages(['/episode'])))
    assert (event.event, event.cluster) == (1, '4')
    raw = next(episode.messages(['/camera/left/image_raw']))
    image = decode(raw)
    np.testing.assert_array_equal(image.data.reshape(24, 32, 3), shade(0, 1))
    assert header_time(raw.data) == pytest.approx(START + 0.005, abs=1e-6)


def test_mcap_reads_a_whole_episode(tmp_path):
    reader = pytest.importorskip('mcap.reader')
    decoder = pytest.importorskip('mcap_ros2.decoder')
    folder = write_episode(tmp_path).path
    with (folder / 'episode_0000.mcap').open('rb') as file:
        mcap = reader.make_reader(file, decoder_factories=[decoder.DecoderFactory()])
        messages = [item[-1] for item in mcap.iter_decoded_messages(['/episode', '/joint_states'])]
    assert messages[0].cluster == '4'
    assert list(messages[1].name) == ['shoulder', 'elbow']
    assert len(messages) == 25


def test_an_episode_tells_where_it_comes_from(tmp_path):
    calibration = tmp_path / 'follower.json'
    calibration.write_text('{"offset": 3}')
    info = EpisodeInfo(
        cluster=7,
        seed=11,
        recovery='drop',
        robot='so101',
        notes='slippery',
        outcome='success',
        dropped=1,
        missing={'/camera/top/image_raw': 2},
    )
    folder = write_episode(tmp_path / 'set', info, calibration=[calibration]).path
    (episode,) = list_episodes(tmp_path / 'set')
    digest = hashlib.sha256(b'{"offset": 3}').hexdigest()
    assert episode.info == EpisodeInfo(**{**vars(info), 'calibration': {'follower.json': digest}})
    assert (folder / 'calibration' / 'follower.json').read_text() == '{"offset": 3}'


def test_a_replay_offers_the_instruction_to_late_joiners(tmp_path):
    with Reader(write_episode(tmp_path).path) as reader:
        durability = {
            c.topic: [qos.durability.name for qos in c.ext.offered_qos_profiles]
            for c in reader.connections
        }
    assert durability['/instruction'] == durability['/episode'] == ['TRANSIENT_LOCAL']
    assert durability['/joint_states'] == []


def test_a_discarded_and_an_open_episode_are_not_listed(tmp_path):
    EpisodeWriter(tmp_path).discard()
    EpisodeWriter(tmp_path)
    assert list_episodes(tmp_path) == []
    assert [path.name for path in list_unfinished(tmp_path)] == ['episode_0000']


def test_a_number_is_not_given_twice(tmp_path):
    EpisodeWriter(tmp_path)
    assert write_episode(tmp_path).path.name == 'episode_0001'
    assert EpisodeWriter(tmp_path).name == 'episode_0002'


def test_a_removed_episode_is_gone(tmp_path):
    claim(tmp_path).close()
    remove(write_episode(tmp_path).path)
    assert list_episodes(tmp_path) == list_unfinished(tmp_path) == []


def test_a_folder_takes_one_recorder_at_a_time(tmp_path):
    lock = claim(tmp_path / 'new')
    with pytest.raises(ConfigError, match='another recorder'):
        claim(tmp_path / 'new')
    lock.close()
    claim(tmp_path / 'new').close()


def test_a_bag_of_another_program_is_named(tmp_path):
    folder = write_episode(tmp_path).path
    (folder / 'metadata.yaml').write_text('rosbag2_bagfile_information: {custom_data: null}')
    with pytest.raises(VlaError, match=r'episode_0000.metadata\.yaml: got no facts'):
        list_episodes(tmp_path)


def test_an_unfinished_file_is_mended_for_every_reader(tmp_path):
    writer = EpisodeWriter(tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    for frame in range(5):
        writer.write(picture('top', START + frame, noise))
    writer._writer.abort()
    (folder,) = list_unfinished(tmp_path)
    path = folder / 'episode_0000.mcap'
    torn = path.read_bytes()[:-1000]  # killed within a write
    path.write_bytes(torn)
    assert salvage(folder) > 1e6
    with Reader(path) as reader:
        stamps = [header_time(data) for _, _, data in reader.messages()]
    assert stamps == [START, START + 1.0]
    assert salvage(folder) == salvage(folder)


def test_a_file_that_never_got_a_record_is_left_alone(tmp_path):
    writer = EpisodeWriter(tmp_path)
    writer._writer.storage.bio.close()
    (folder,) = list_unfinished(tmp_path)
    (folder / 'episode_0000.mcap').write_bytes(b'')
    assert salvage(folder) == 0


def record_for_ever(root, kept):
    """Record short episodes with 0.3 MB pictures, and tell of each that was kept."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    while True:
        writer = EpisodeWriter(root)
        for frame in range(random.randrange(5, 60)):
            writer.write(picture('top', START + frame / 30, pixels))
        os.write(kept, writer.keep(EpisodeInfo(cluster=1)).path.name.encode() + b'\n')


def test_killing_the_writer_costs_the_current_episode_and_no_other(tmp_path):
    random.seed(1)
    for attempt in range(KILLS):
        root = tmp_path / str(attempt)
        reading, writing = os.pipe()
        process = get_context('fork').Process(target=record_for_ever, args=(root, writing))
        process.start()
        os.close(writing)
        time.sleep(random.uniform(0.05, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with os.fdopen(reading) as pipe:
            told = pipe.read().split()
        whole = list_episodes(root)
        names = [episode.path.name for episode in whole]
        assert names[: len(told)] == told and len(names) - len(told) in (0, 1)
        assert all(len(list(episode.messages())) >= 5 for episode in whole)
        for folder in list_unfinished(root):
            assert folder.name not in names
            if salvage(folder):
                with Reader(next(folder.glob('*.mcap'))) as reader:
                    assert sum(1 for _ in reader.messages()) == reader.message_count


def test_an_event_of_a_bag_from_before_goals_is_read_without_one():
    event = episode_event(5.0, 1, detail='drop')
    older = event._replace(data=event.data[:-5])  # the empty text: its length, and a zero
    assert bag.decode(older).goal == '' and bag.decode(older).detail == 'drop'
    assert bag.decode(episode_event(5.0, 1, goal='saucer')).goal == 'saucer'


@pytest.mark.parametrize('name', ['.', 'data', 'recordings/monday'])
def test_recordings_are_not_put_into_a_dataset(tmp_path, name):
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta' / 'info.json').write_text('{}')
    with pytest.raises(ConfigError, match='is a LeRobotDataset; choose another'):
        bag.claim(tmp_path / name)


def test_a_folder_beside_a_dataset_that_one_stands_in_is_no_part_of_it(tmp_path, monkeypatch):
    (tmp_path / 'data' / 'meta').mkdir(parents=True)
    (tmp_path / 'data' / 'meta' / 'info.json').write_text('{}')
    monkeypatch.chdir(tmp_path / 'data')
    claim(Path('../recordings')).close()
    with pytest.raises(ConfigError, match='is a LeRobotDataset; choose another'):
        claim(Path('../data/recordings'))

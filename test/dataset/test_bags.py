# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags of any recorder are opened, and those that cannot be are named with the mend."""

import pytest

pytest.importorskip('rosbags')

from recordings import START, joint_states, make_messages, shade, write_episode
from replays import write_bag
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.bag import EpisodeInfo, EpisodeWriter, decode, typestore
from vla_ros.dataset.bags import UNKNOWN, open_bags

PLUGINS = [StoragePlugin.MCAP, StoragePlugin.SQLITE3]
COMPRESSIONS = [None, CompressionMode.FILE, CompressionMode.MESSAGE]


def storage(folder):
    """Return the file of a bag."""
    (file,) = [path for path in folder.iterdir() if path.suffix in ('.mcap', '.db3')]
    return file


@pytest.mark.parametrize('plugin', PLUGINS)
@pytest.mark.parametrize('compression', COMPRESSIONS)
def test_bags_of_rosbag2_are_read_whatever_their_storage(tmp_path, plugin, compression):
    written = list(make_messages(6))
    folder = write_bag(tmp_path / 'bag', written, plugin, compression)
    (episode,) = open_bags(folder)
    assert sorted(episode.messages()) == sorted(written)
    assert episode.info == EpisodeInfo(UNKNOWN)
    if compression is None:
        (from_file,) = open_bags(storage(folder))
        assert sorted(from_file.messages()) == sorted(written)


@pytest.mark.parametrize('compression', ['NONE', 'LZ4', 'ZSTD'])
def test_files_of_other_mcap_writers_are_read(tmp_path, compression):
    mcap = pytest.importorskip('mcap.writer')
    written = list(make_messages(6))
    path = tmp_path / 'other.mcap'
    with path.open('wb') as file:
        writer = mcap.Writer(file, compression=mcap.CompressionType[compression])
        writer.start(profile='ros2', library='test')
        channels = {}
        for item in written:
            if item.topic not in channels:
                text, _ = typestore().generate_msgdef(item.msgtype, ros_version=2)
                schema = writer.register_schema(item.msgtype, 'ros2msg', text.encode())
                channels[item.topic] = writer.register_channel(item.topic, 'cdr', schema)
            writer.add_message(channels[item.topic], item.time, item.data, item.time)
        writer.finish()
    (episode,) = open_bags(path)
    assert sorted(episode.messages()) == sorted(written)


def test_a_folder_gives_its_bags_in_order_and_one_episode_itself(tmp_path):
    for cluster in (4, 9):
        write_episode(tmp_path, EpisodeInfo(cluster), make_messages(3))
    write_bag(tmp_path / 'another', make_messages(3))
    assert [e.info.cluster for e in open_bags(tmp_path)] == [UNKNOWN, 4, 9]
    assert [e.info.cluster for e in open_bags(tmp_path / 'episode_0001')] == [9]


def test_an_unfinished_bag_is_named_with_the_mend(tmp_path):
    writer = EpisodeWriter(tmp_path / 'set')
    for message in make_messages(3):
        writer.write(message)
    with pytest.raises(ConfigError, match='got only unfinished episodes in it'):
        open_bags(tmp_path / 'set')
    folder = next((tmp_path / 'set' / '.partial').glob('episode_*'))
    with pytest.raises(VlaError, match='no metadata.yaml in it.*ros2 bag reindex'):
        open_bags(folder)
    writer.discard()


@pytest.mark.parametrize('plugin', PLUGINS)
def test_a_torn_file_is_named(tmp_path, plugin):
    folder = write_bag(tmp_path / 'bag', make_messages(9), plugin)
    file = storage(folder)
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(VlaError, match=f'bag {folder}: cannot be read'):
        open_bags(folder)


def test_what_is_no_bag_is_named(tmp_path):
    with pytest.raises(ConfigError, match='not there, expected a bag'):
        open_bags(tmp_path / 'nothing')
    with pytest.raises(ConfigError, match=r'got no bag in it.*meta/info.json'):
        open_bags(tmp_path)


def test_a_byte_that_turned_is_found_by_the_checksum_of_its_chunk(tmp_path):
    episode = write_episode(tmp_path)
    (file,) = episode.path.glob('*.mcap')
    content = bytearray(file.read_bytes())
    place = content.index(shade(5).tobytes())
    content[place + 700] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(VlaError, match='cannot be read .*checksum mismatch.*copy it again'):
        list(open_bags(episode.path)[0].messages())


def test_the_checksums_are_those_that_other_readers_verify(tmp_path):
    reader = pytest.importorskip('mcap.stream_reader')
    (file,) = write_episode(tmp_path).path.glob('*.mcap')
    with file.open('rb') as content:
        records = list(reader.StreamReader(content, emit_chunks=True, validate_crcs=True).records)
    chunks = [record for record in records if type(record).__name__ == 'Chunk']
    assert chunks and all(chunk.uncompressed_crc for chunk in chunks)


def test_a_message_that_is_cut_is_named(tmp_path):
    with pytest.raises(VlaError, match='/joint_states: got a damaged sensor_msgs/msg/JointState'):
        decode(joint_states(START, [0.0, 1.0])._replace(data=b'\x00\x01\x00\x00\x01'))


@pytest.mark.parametrize(
    ('spoil', 'by'),
    [('nanoseconds: ', 'long #'), ('  files:', '  files: true\n  others:')],
)
def test_metadata_of_another_kind_are_named(tmp_path, spoil, by):
    folder = write_bag(tmp_path / 'bag', make_messages(3))
    file = folder / 'metadata.yaml'
    text = file.read_text()
    assert spoil in text
    file.write_text(text.replace(spoil, spoil + by if by.endswith('#') else by, 1))
    with pytest.raises(VlaError, match='cannot be read'):
        for episode in open_bags(folder):
            episode.topics()

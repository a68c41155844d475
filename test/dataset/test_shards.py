# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A conversion is written in shards: what was written is not written again."""

import json
import os

import pytest

pytest.importorskip('rosbags')
pytest.importorskip('lerobot')

from recordings import write_episode

from vla_ros.core.errors import ConfigError
from vla_ros.dataset import from_bags
from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.dataset.from_bags import convert

FRAMES = 11  # of an episode


def many(folder, count):
    return [write_episode(folder, EpisodeInfo(4, seed=7 + number)) for number in range(count)]


def stop_after(count):
    def stop(done, total):
        if done == count:
            raise KeyboardInterrupt

    return stop


def test_a_conversion_that_was_cut_off_goes_on_and_is_the_same(tmp_path, monkeypatch):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    monkeypatch.setattr(from_bags, 'SHARD', 2)
    episodes = many(tmp_path / 'bags', 5)
    convert(episodes, tmp_path / 'whole')
    with pytest.raises(KeyboardInterrupt):
        convert(episodes, tmp_path / 'set', on_progress=stop_after(3))
    assert not (tmp_path / 'set').exists()
    written = []
    write = from_bags.make_frames
    monkeypatch.setattr(
        from_bags, 'make_frames', lambda *a: written.append(a[0].path.name) or write(*a)
    )
    progress = []
    convert(episodes, tmp_path / 'set', on_progress=lambda *numbers: progress.append(numbers))
    assert written == [episode.path.name for episode in episodes[2:]]
    assert progress == [(2, 5), (3, 5), (4, 5), (5, 5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['bags', 'set', 'whole']
    one, other = (
        LeRobotDataset(f'local/{name}', root=tmp_path / name) for name in ('whole', 'set')
    )
    assert one.num_frames == other.num_frames == 5 * FRAMES and other.num_episodes == 5
    assert all((one[row]['action'] == other[row]['action']).all() for row in range(0, 50, 7))
    assert one.meta.info.splits == other.meta.info.splits == {'train': '0:5'}
    for name in ('whole', 'set'):
        infos = json.loads((tmp_path / name / 'meta' / 'vla_ros_episodes.json').read_text())
        assert [info['seed'] for info in infos] == [7, 8, 9, 10, 11]


def test_episodes_that_were_mended_meanwhile_are_converted_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(from_bags, 'SHARD', 2)
    episodes = many(tmp_path / 'bags', 4)
    with pytest.raises(KeyboardInterrupt):
        convert(episodes, tmp_path / 'set', on_progress=stop_after(4))
    before = {path.name for path in (tmp_path / 'set.partial').glob('shard_*')}
    assert len(before) == 1  # the one that was being written is not there
    for file in episodes[0].path.iterdir():
        os.utime(file, (1, 1))
    with pytest.raises(KeyboardInterrupt):
        convert(episodes, tmp_path / 'set', on_progress=stop_after(3))
    after = {path.name for path in (tmp_path / 'set.partial').glob('shard_*')}
    assert len(after) == 1 and not after & before


def test_two_conversions_into_one_folder_are_refused(tmp_path, monkeypatch):
    episodes = many(tmp_path / 'bags', 1)

    def start_another(done, total):
        with pytest.raises(ConfigError, match='another vla_ros convert works in it; wait'):
            convert(episodes, tmp_path / 'set')

    convert(episodes, tmp_path / 'set', on_progress=start_another)
    assert (tmp_path / 'set').is_dir() and not (tmp_path / 'set.partial').exists()

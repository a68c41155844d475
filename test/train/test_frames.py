# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decoding a dataset once gives what LeRobot gives frame by frame."""

import json
import shutil

import numpy as np
import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.lerobot import open_dataset
from vla_ros.train.frames import fingerprint, load_frames

from .conftest import LENGTHS


def count(calls):
    return lambda done, total: calls.append((done, total))


@pytest.fixture
def dataset(dataset_root, tmp_path):
    return open_dataset(shutil.copytree(dataset_root, tmp_path / 'tiny'))


def test_pictures_states_and_actions_are_those_of_lerobots_own_loader(dataset):
    frames = load_frames(dataset)
    assert len(frames) == len(dataset) == sum(LENGTHS)
    for row in range(len(dataset)):
        item = dataset[row]
        for key in dataset.meta.camera_keys:
            expected = (item[key] * 255).round().byte().permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(frames.images[key][row], expected)
        np.testing.assert_array_equal(frames.state[row], item['observation.state'])
        np.testing.assert_array_equal(frames.action[row], item['action'])


def test_episodes_end_where_lerobots_do(dataset):
    frames = load_frames(dataset)
    ends = [LENGTHS[0]] * LENGTHS[0] + [sum(LENGTHS)] * LENGTHS[1]
    np.testing.assert_array_equal(frames.end, ends)


def test_second_call_decodes_nothing(dataset):
    load_frames(dataset)
    calls = []
    load_frames(dataset, progress=count(calls))
    assert calls == []


def test_interrupted_decoding_goes_on_where_it_stopped(dataset):
    whole = {key: np.array(images) for key, images in load_frames(dataset).images.items()}
    folder = next((dataset.root.parent / 'tiny.frames').iterdir())
    (folder / 'decoded.json').write_text(json.dumps({'episodes': 1}))
    for path in folder.glob('*.uint8'):
        np.memmap(path, np.uint8, 'r+')[-1000:] = 0
    calls = []
    resumed = load_frames(dataset, progress=count(calls))
    assert calls == [(2, 2)]
    for key, images in whole.items():
        np.testing.assert_array_equal(resumed.images[key], images)


def test_altered_file_on_disk_is_decoded_anew(dataset):
    load_frames(dataset)
    folder = next((dataset.root.parent / 'tiny.frames').iterdir())
    next(folder.glob('*.uint8')).write_bytes(b'cut')
    calls = []
    load_frames(dataset, progress=count(calls))
    assert calls == [(1, 2), (2, 2)]


def test_stride_keeps_every_second_picture_and_all_actions(dataset):
    every, second = load_frames(dataset), load_frames(dataset, stride=2)
    np.testing.assert_array_equal(second.rows, [0, 2, 4, 6, 8, 10, 11, 13, 15, 17])
    assert len(second.action) == len(dataset)
    for key, images in second.images.items():
        np.testing.assert_array_equal(images, every.images[key][second.rows])


def test_another_content_has_another_fingerprint(dataset):
    before = fingerprint(dataset.root)
    path = dataset.root / 'meta' / 'stats.json'
    path.write_text(path.read_text() + ' ')
    assert fingerprint(dataset.root) != before


def test_folder_without_a_dataset_is_named(tmp_path):
    with pytest.raises(ConfigError, match='nothing: got no meta/info.json'):
        open_dataset(tmp_path / 'nothing')


def test_stride_of_zero_is_refused(dataset):
    with pytest.raises(ConfigError, match='stride: got 0'):
        load_frames(dataset, stride=0)

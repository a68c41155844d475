# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command on a whole dataset: what it prints and writes, its exit codes, what it refuses."""

import json
import re
import shutil

import numpy as np
import pytest

pytest.importorskip('mujoco')
pytest.importorskip('lerobot')

from report_page import read_page

from vla_ros.core.errors import ConfigError
from vla_ros.dataset import lerobot
from vla_ros.dataset.checks.cameras import check_drift, check_frozen, check_repeated
from vla_ros.dataset.checks.episodes import set_reference
from vla_ros.dataset.checks.reader import hash_files, read_dataset
from vla_ros.dataset.checks.skew import STRETCH
from vla_ros.dataset.checks.thresholds import Thresholds
from vla_ros.dataset.from_bags import INFO
from vla_ros.dataset.pictures import decode
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.tea_bag.scene import TeaBagScene
from vla_ros.sim.tea_bag.task import TeaBag
from vla_ros.tools.main import main

CLUSTERS = (2, 5, 8, 11)
FPS = 10  # every third step: fast to draw and to encode


@pytest.fixture(scope='module')
def dataset(tmp_path_factory, demonstrations):
    """
    Return a dataset of three good episodes and a last one with two cameras that failed.

    There the top camera hangs from the first quarter on, and every second picture of the left one
    is the one before.
    """
    root = tmp_path_factory.mktemp('data') / 'set'
    lerobot.quiet()
    names = tuple('abcdef')
    writer = lerobot.DatasetWriter(
        root,
        lerobot.DatasetSpec(FPS, names, dict.fromkeys(TeaBag.cameras, (96, 128)), 'so101_sim'),
    )
    scene = TeaBagScene()
    renderer = Renderer(scene, 128, 96)
    for index, demonstration in enumerate(demonstrations):
        steps, frames = demonstration.steps[::3], []
        for number, step in enumerate(steps):
            scene.apply(step.scene)
            images = {camera: renderer.render(camera) for camera in TeaBag.cameras}
            if index == 3 and number > len(steps) // 4:
                images['top'] = frames[-1].images['top']
            if index == 3 and number % 2:
                images['left'] = frames[-1].images['left']
            frames.append(lerobot.Frame(step.scene.qpos[:6], step.action, images))
        writer.write(frames, 'Grab the tea bag.')
    writer.close()
    renderer.close()
    (root / 'meta' / INFO).write_text(
        json.dumps(
            [
                {'cluster': cluster, 'recovery': '', 'calibration': {'arm.json': '0' * 64}}
                for cluster in CLUSTERS
            ]
        )
    )
    return root


@pytest.fixture(scope='module')
def episodes(dataset):
    return read_dataset(dataset)


def test_reader_gives_what_was_written(episodes, demonstrations):
    assert len(episodes.episodes) == 4 and episodes.fps == FPS
    assert episodes.state_names == tuple('abcdef')
    first, steps = episodes.episodes[0], demonstrations[0].steps[::3]
    assert np.allclose(first.state, [s.scene.qpos[:6] for s in steps], atol=1e-6)
    assert np.allclose(np.diff(first.time), 1 / FPS, atol=1e-5)
    assert [e.facts.cluster for e in episodes.episodes] == list(CLUSTERS)


def test_joints_are_checked_in_the_unit_that_is_said(dataset, episodes):
    said = read_dataset(dataset, most=1, units='degrees').episodes[0]
    first = episodes.episodes[0]
    for got, stored in ((said.state, first.state), (said.action, first.action)):
        np.testing.assert_allclose(got, np.radians(stored), atol=1e-9)


def test_unit_of_bags_is_rad_and_no_other_is_taken(capsys, tmp_path):
    for words in (['check', str(tmp_path)], ['convert', str(tmp_path), '--output', 'data/new']):
        assert main([*words, '--units', 'degrees']) == 2
        assert '--units: got degrees for the bags in' in capsys.readouterr().err


def test_every_video_is_as_long_as_its_episode(episodes):
    assert all(e.facts.strays == {'top': 0, 'gripper': 0, 'left': 0} for e in episodes.episodes)


def test_stretch_of_each_episode_is_read_picture_by_picture(episodes):
    for episode in episodes.episodes:
        seen = episode.changes['gripper']
        assert len(seen.levels) == len(seen.time) == min(len(episode.time), STRETCH) - 1
        assert seen.levels.max() > 1


def test_compression_hides_neither_a_frozen_camera_nor_repeated_pictures(episodes):
    frozen = {f.scope: f.passed for f in check_frozen(episodes, Thresholds())}
    assert frozen['top: episode 3'] is False and frozen['gripper'] is True
    repeated = {f.scope: f.passed for f in check_repeated(episodes, Thresholds())}
    assert repeated == {'top': False, 'left': False, 'gripper': True}


def test_compression_moves_no_camera(episodes):
    assert all(f.passed for f in check_drift(episodes, Thresholds()))


def test_command_prints_and_writes_what_it_found(dataset, tmp_path, capsys):
    (dataset / 'meta' / 'calibration').mkdir(exist_ok=True)
    (dataset / 'meta' / 'calibration' / 'arm.json').write_text('{}')
    page, file = tmp_path / 'report.html', tmp_path / 'report.json'
    assert (
        main(
            [
                'check',
                str(dataset),
                '--clusters',
                *map(str, CLUSTERS),
                '--json',
                str(file),
                '--html',
                str(page),
            ]
        )
        == 1
    )
    printed = capsys.readouterr().out
    assert re.search(r'BAD +frozen camera +top: episode 3', printed)
    assert re.search(r'ok +cluster coverage', printed) and 'checks, 6 did not pass' in printed
    found = json.loads(file.read_text())
    bad = {finding['name'] for finding in found['findings'] if not finding['passed']}
    assert bad >= {'frozen camera', 'repeated frames', 'calibration changed', 'recovery share'}
    shown = read_page(page.read_text())
    assert shown.good is False and shown.pictures == 8


def test_dataset_is_compared_with_a_reference(dataset):
    episodes = set_reference(read_dataset(dataset), read_dataset(dataset, most=1))
    assert set(episodes.reference) == set(TeaBag.cameras)
    assert all(f.passed and f.value < 0.4 for f in check_drift(episodes, Thresholds()))


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda root: (root / 'meta/info.json').unlink(), 'got no meta/info.json'),
        (lambda root: (root / 'meta/info.json').write_text('{'), 'invalid JSON'),
        (
            lambda root: (root / 'meta/info.json').write_text('{"codebase_version": "v2.1"}'),
            'version v2.1, expected v3.0',
        ),
        (lambda root: shutil.rmtree(root / 'data'), 'no data/'),
        (
            lambda root: (root / 'meta' / INFO).write_text('[]'),
            'got 0 entries, expected one for each',
        ),
        (lambda root: (root / 'meta' / INFO).write_text('[1]'), 'got no list of facts'),
        (lambda root: next(root.glob('videos/*top/*/*.mp4')).write_bytes(b'x'), 'cannot be read'),
    ],
)
def test_unusable_dataset_is_refused_with_the_reason(dataset, tmp_path, capsys, spoil, message):
    copy = tmp_path / 'copy'
    shutil.copytree(dataset, copy)
    spoil(copy)
    assert main(['check', str(copy)]) == 2
    assert message in capsys.readouterr().err


def test_report_that_could_not_be_written_is_refused_before_the_work(dataset, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    report = tmp_path / 'file' / 'report.html'
    assert main(['check', str(dataset), '--html', str(report)]) == 2
    assert f'{report}: cannot be written' in capsys.readouterr().err


def test_time_after_the_end_of_a_video_is_an_error(dataset):
    video = next(dataset.glob('videos/*top/*/*.mp4'))
    with pytest.raises(ConfigError, match=r'no picture at 9999\.000 s'):
        list(decode(video, [9999.0], FPS))


def test_calibration_files_are_told_apart_by_their_content(tmp_path):
    assert hash_files(tmp_path / 'none') == {}
    (tmp_path / 'arm.json').write_text('{"offset": 1}')
    before = hash_files(tmp_path)
    (tmp_path / 'arm.json').write_text('{"offset": 2}')
    assert before.keys() == {'arm.json'} and hash_files(tmp_path) != before

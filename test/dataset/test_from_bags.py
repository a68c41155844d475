# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings become datasets: each frame of the nearest samples, as the live nodes choose them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rosbags')

from recordings import (
    CAMERAS,
    FPS,
    JOINTS,
    START,
    header,
    instruction,
    joint_commands,
    make_messages,
    message,
    phase,
    picture,
    shade,
    write_episode,
)

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.observation import Observations
from vla_ros.dataset.align import align, nearest
from vla_ros.dataset.bag import EpisodeInfo, Message, decode, header_time, typestore
from vla_ros.dataset.from_bags import convert, describe, make_frames
from vla_ros.dataset.streams import find_streams

FRAMES = 11  # of an episode: of the twelfth, the slower camera's picture comes too late
LATER = START + 0.001 + 6 / FPS  # s, of samples in the middle


def frames_of(episode, fps=FPS, max_skew=0.05):
    streams = find_streams(episode)
    alignment = align(episode, streams, fps, max_skew)
    frames = list(make_frames(episode, streams, alignment, describe(episode, fps)))
    assert len(frames) == len(alignment.times)
    return frames


def without(messages, *unwanted):
    """Return the messages but for those of a topic (a text) or at a number of theirs."""
    return [
        m
        for number, m in enumerate(messages)
        if m.topic not in unwanted and number not in unwanted
    ]


def test_each_frame_holds_the_nearest_sample_of_every_source(tmp_path):
    frames = frames_of(write_episode(tmp_path))
    assert len(frames) == FRAMES
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.images['top'], shade(number, 0))
        np.testing.assert_array_equal(frame.images['left'], shade(number, 1))
        np.testing.assert_allclose(frame.state, [number / FPS, 1.0])
        np.testing.assert_allclose(frame.action, [number / FPS + 0.1, 2.0])


def test_a_dataset_may_have_another_rate_than_the_cameras(tmp_path):
    frames = frames_of(write_episode(tmp_path), fps=10)
    assert [frame.images['top'][0, 0, 0] for frame in frames] == [10, 19, 28, 37]


def test_frames_begin_when_every_source_is_there(tmp_path):
    late = [
        m
        for m in make_messages()
        if m.topic != '/camera/left/image_raw' or header_time(m.data) > START + 0.1
    ]
    frames = frames_of(write_episode(tmp_path, messages=late))
    assert [frame.images['left'][0, 0, 0] for frame in frames] == [
        shade(number, 1)[0, 0, 0] for number in range(3, FRAMES)
    ]


def test_the_live_nodes_choose_the_same_samples(tmp_path):
    rng = np.random.default_rng(5)
    times = {
        'top': np.cumsum(rng.uniform(0.025, 0.04, 60)),
        'left': np.arange(60) / 30 + 0.011,
        'joints': np.cumsum(rng.uniform(0.008, 0.012, 200)),
    }
    events = sorted((t, source, i) for source in times for i, t in enumerate(times[source]))
    observations = Observations(tuple(times), max_skew=0.05, max_age=10.0)
    latest, compared = {}, 0
    for now, source, index in events:
        observations.add(source, now, index)
        latest[source] = now
        if source != 'joints' or index % 10 or (taken := observations.take(now)) is None:
            continue
        reached = np.array([min(latest.values())])
        for name, chosen in taken.values.items():
            assert nearest(times[name], reached)[0] == chosen
        compared += 1
    assert compared > 15


def test_of_two_samples_equally_near_the_older_one_is_taken():
    assert nearest(np.array([0.0, 1.0]), np.array([0.5])) == [0]
    assert list(nearest(np.array([3.0, 1.0, 2.0]), np.array([0.0, 1.1, 2.6, 9.0]))) == [1, 1, 0, 0]
    assert nearest(np.array([7.0]), np.array([9.0])) == [0]


def test_one_missing_picture_is_bridged_and_two_are_not(tmp_path):
    messages = list(make_messages())
    top = [n for n, m in enumerate(messages) if m.topic == '/camera/top/image_raw']
    bridged = frames_of(write_episode(tmp_path, messages=without(messages, top[5])))
    assert bridged[5].images['top'][0, 0, 0] in (shade(4)[0, 0, 0], shade(6)[0, 0, 0])
    torn = write_episode(tmp_path, messages=without(messages, top[5], top[6], top[7]))
    with pytest.raises(VlaError, match=r'top/image_raw: got no sample within 0\.050 s of 0\.2'):
        frames_of(torn)
    assert len(frames_of(torn, max_skew=0.07)) == FRAMES


@pytest.mark.parametrize(
    ('topics', 'message'),
    [
        (['/joint_commands'], 'expected also joint_commands'),
        ([f'/camera/{camera}/image_raw' for camera in CAMERAS], 'expected also camera/<name>'),
    ],
)
def test_an_episode_that_misses_a_source_is_named(tmp_path, topics, message):
    episode = write_episode(tmp_path, messages=without(make_messages(), *topics))
    with pytest.raises(VlaError, match=f'episode_0000: .*{message}'):
        find_streams(episode)


def test_an_episode_without_instruction_is_named(tmp_path):
    pytest.importorskip('av')
    silent = without(make_messages(), '/instruction')
    episodes = [write_episode(tmp_path, messages=m) for m in (make_messages(), silent, silent)]
    with pytest.raises(VlaError, match='0001: got no instruction, .*--instruction') as error:
        convert(episodes, tmp_path / 'set', fps=FPS)
    assert '2 of 3 episodes' in str(error.value) and 'episode_0002' in str(error.value)
    assert not list(tmp_path.glob('set*'))


def test_every_episode_that_cannot_be_converted_is_named_before_any_is_written(tmp_path):
    pytest.importorskip('av')
    messages = list(make_messages())
    top = [n for n, m in enumerate(messages) if m.topic == '/camera/top/image_raw']
    torn = without(messages, *top[5:9])
    episodes = [write_episode(tmp_path, messages=m) for m in (messages, torn, messages, torn)]
    with pytest.raises(VlaError) as error:
        convert(episodes, tmp_path / 'set', fps=FPS)
    first, second, rest = str(error.value).splitlines()
    assert first.startswith('episode_0001') and second.startswith('episode_0003')
    assert rest.startswith('2 of 4 episodes cannot be converted, and nothing was written')
    assert not list(tmp_path.glob('set*'))


def test_a_label_is_taken_at_another_rate_as_every_sample_is(tmp_path):
    labels = [phase(START + 0.001 + n / FPS, n) for n in range(FRAMES)]
    messages = sorted([*make_messages(), *labels], key=lambda item: item.time)
    frames = frames_of(write_episode(tmp_path, messages=messages), fps=10)
    assert [frame.labels for frame in frames] == [{'phase': n} for n in (0, 3, 6, 9)]


def test_a_topic_of_another_type_is_no_label(tmp_path):
    other = message('/phase', 'std_msgs/msg/String', START, 'reach')
    assert not frames_of(write_episode(tmp_path, messages=[other, *make_messages()]))[0].labels


def test_episodes_with_and_without_the_label_are_not_mixed(tmp_path):
    labels = [phase(START + n / FPS, n) for n in range(FRAMES + 1)]
    labelled = write_episode(tmp_path, messages=[*labels, *make_messages()])
    plain = write_episode(tmp_path)
    for first, second, problem in ((labelled, plain, 'no'), (plain, labelled, 'the')):
        streams = find_streams(second)
        alignment = align(second, streams, FPS, 0.05)
        with pytest.raises(VlaError, match=f'got {problem} label phase, expected .*apart'):
            next(make_frames(second, streams, alignment, describe(first, FPS)))


def test_topics_may_lie_in_a_namespace(tmp_path):
    messages = [m._replace(topic=f'/arm{m.topic}') for m in make_messages()]
    assert len(frames_of(write_episode(tmp_path, messages=messages))) == FRAMES


@pytest.mark.parametrize(
    ('bad', 'message'),
    [
        (picture('top', LATER, np.zeros((12, 16, 3), np.uint8)), '16 x 12 pixels, expected 32'),
        (picture('top', LATER, shade(0), '32FC1'), "got encoding '32FC1'"),
        (joint_commands(LATER, [np.nan, 0.0]), 'expected finite positions of shoulder, elbow'),
    ],
)
def test_a_message_of_another_form_is_named(tmp_path, bad, message):
    messages = [
        bad if item.topic == bad.topic and header_time(item.data) == LATER else item
        for item in make_messages()
    ]
    assert bad in messages
    episode = write_episode(tmp_path, messages=messages)
    with pytest.raises(VlaError, match=message):
        frames_of(episode)


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Return a dataset of two converted episodes."""
    pytest.importorskip('lerobot')
    folder = tmp_path_factory.mktemp('convert')
    episodes = [
        write_episode(folder, info)
        for info in (
            EpisodeInfo(4, seed=7, robot='so101'),
            EpisodeInfo(9, recovery='drop', robot='so101'),
        )
    ]
    progress = []
    convert(episodes, folder / 'set', on_progress=lambda *numbers: progress.append(numbers))
    assert progress == [(1, 2), (2, 2)]
    return folder / 'set', episodes


def test_lerobot_reads_the_dataset(dataset):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    data = LeRobotDataset('local/test', root=dataset[0])
    assert (data.num_episodes, data.num_frames, data.fps) == (2, 2 * FRAMES, FPS)
    assert data.features['action']['names'] == list(JOINTS)
    assert data.meta.robot_type == 'so101'
    frame = data[FRAMES + 5]
    assert frame['task'] == 'Grab it.'
    np.testing.assert_allclose(frame['action'], [5 / FPS + 0.1, 2.0], atol=1e-6)
    assert abs(float(frame['observation.images.top'].mean()) * 255 - shade(5)[0, 0, 0]) < 3


def test_a_folder_in_which_lerobot_cannot_work_is_not_taken_for_a_damaged_dataset(dataset):
    code = 'import sys; from vla_ros.tools.main import main; sys.exit(main(sys.argv[1:]))'
    done = subprocess.run(
        [sys.executable, '-c', code, 'check', str(dataset[0])],
        env={**os.environ, 'HF_HOME': '/proc/nowhere'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith('vla_ros: /proc/nowhere/datasets: cannot be written')
    assert done.stderr.endswith('set HF_HOME to a folder that can be\n')


def test_the_dataset_remembers_where_its_episodes_come_from(dataset):
    infos = json.loads((dataset[0] / 'meta' / 'vla_ros_episodes.json').read_text())
    assert [(info['cluster'], info['recovery']) for info in infos] == [(4, ''), (9, 'drop')]
    assert [info['recording'] for info in infos] == ['episode_0000', 'episode_0001']
    assert all(info['frames'] == FRAMES and info['skew'] < 0.01 for info in infos)


def test_a_dataset_that_exists_is_not_touched(dataset):
    with pytest.raises(ConfigError, match='already exists'):
        convert(dataset[1], dataset[0])


@pytest.mark.parametrize('name', ["John's sets", 'two\nlines'])
def test_a_path_in_which_lerobot_could_not_end_is_refused_at_the_start(dataset, tmp_path, name):
    with pytest.raises(ConfigError, match='LeRobot cannot join videos there; name another'):
        convert(dataset[1], tmp_path / name / 'set')
    assert not (tmp_path / name).exists()


def test_nothing_appears_where_an_episode_cannot_be_converted(dataset, tmp_path):
    other = write_episode(tmp_path, messages=without(make_messages(), '/camera/left/image_raw'))
    with pytest.raises(VlaError, match='got cameras top, expected left, top as in the first'):
        convert([dataset[1][0], other], tmp_path / 'set')
    assert not list(tmp_path.glob('set*'))


def test_an_instruction_that_changes_holds_from_when_it_came(tmp_path):
    later = instruction(START + 6.5 / FPS, 'Put it down.')
    messages = sorted([*make_messages(), later], key=lambda item: item.time)
    tasks = [frame.task for frame in frames_of(write_episode(tmp_path, messages=messages))]
    assert tasks == ['Grab it.'] * 6 + ['Put it down.'] * 5


def test_an_instruction_that_came_after_the_first_pictures_holds_for_these_too(tmp_path):
    late = [instruction(START + 3 / FPS, 'Lift it.'), instruction(START + 3 / FPS, ' ')]
    messages = sorted(
        [*without(make_messages(), '/instruction'), *late], key=lambda item: item.time
    )
    frames = frames_of(write_episode(tmp_path, messages=messages))
    assert {frame.task for frame in frames} == {'Lift it.'}


def test_cameras_may_have_pictures_of_several_sizes(tmp_path):
    messages = [
        picture('left', header_time(item.data), np.full((12, 16, 3), 99, np.uint8))
        if item.topic == '/camera/left/image_raw'
        else item
        for item in make_messages()
    ]
    episode = write_episode(tmp_path, messages=messages)
    assert describe(episode, FPS).cameras == {'left': (12, 16), 'top': (24, 32)}
    frames = frames_of(episode)
    assert frames[3].images['left'].shape == (12, 16, 3)
    assert frames[3].images['top'].shape == (24, 32, 3)


def test_an_instruction_may_be_given_afterwards(dataset, tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    silent = without(make_messages(), '/instruction')
    episodes = [dataset[1][0], write_episode(tmp_path, messages=silent)]
    convert(episodes, tmp_path / 'set', instruction='Fold it.')
    data = LeRobotDataset('local/test', root=tmp_path / 'set')
    assert [data[row]['task'] for row in (0, FRAMES)] == ['Grab it.', 'Fold it.']


def test_a_picture_that_is_damaged_within_an_episode_leaves_nothing_behind(dataset, tmp_path):
    messages = [
        picture('top', LATER, shade(0), '32FC1')
        if item.topic == '/camera/top/image_raw' and header_time(item.data) == LATER
        else item
        for item in make_messages()
    ]
    with pytest.raises(VlaError, match="got encoding '32FC1'"):
        convert([dataset[1][0], write_episode(tmp_path, messages=messages)], tmp_path / 'set')
    assert not list(tmp_path.glob('set*'))


def states_of(time, joints):
    none = np.zeros(0)
    values = np.array(list(joints.values()))
    fields = (header(time), list(joints), values, none, none)
    return message('/joint_states', 'sensor_msgs/msg/JointState', time, *fields)


def test_joints_that_nobody_commands_are_left_out(tmp_path):
    messages = [
        states_of(header_time(m.data), {'finger': 9.0, 'elbow': 1.0, 'shoulder': 0.5})
        if m.topic == '/joint_states'
        else m
        for m in make_messages()
    ]
    frames = frames_of(write_episode(tmp_path, messages=messages))
    assert {tuple(frame.state) for frame in frames} == {(0.5, 1.0)}


def test_states_in_parts_are_put_together(tmp_path):
    def split(m):
        time = header_time(m.data)
        shoulder, elbow = decode(m).position
        yield states_of(time, {'elbow': elbow})
        yield states_of(time + 1e-4, {'shoulder': shoulder})

    messages = [
        part
        for m in make_messages()
        for part in (split(m) if m.topic == '/joint_states' else (m,))
    ]
    for number, frame in enumerate(frames_of(write_episode(tmp_path, messages=messages))):
        np.testing.assert_allclose(frame.state, [number / FPS, 1.0], atol=1 / 60 + 1e-6)


def test_a_commanded_joint_without_a_state_is_named(tmp_path):
    messages = [
        states_of(header_time(m.data), {'elbow': 1.0}) if m.topic == '/joint_states' else m
        for m in make_messages()
    ]
    with pytest.raises(VlaError, match='got joints elbow, expected also shoulder'):
        frames_of(write_episode(tmp_path, messages=messages))


def test_a_first_command_of_no_joints_makes_no_dataset_without_joints(tmp_path):
    types, first = typestore().types, START + 0.0005
    none = types['trajectory_msgs/msg/JointTrajectory'](header(first), [], [])
    kind = 'trajectory_msgs/msg/JointTrajectory'
    empty = bytes(typestore().serialize_cdr(none, kind))
    messages = [*make_messages(), Message('/joint_commands', kind, round(first * 1e9), empty)]
    episode = write_episode(tmp_path, messages=sorted(messages, key=lambda m: m.time))
    with pytest.raises(VlaError, match='/joint_commands: got no joints in the first message'):
        frames_of(episode)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        *(('fps', value) for value in (0, -5, 1001, 10**30)),
        *(('max_skew', value) for value in (0.0, -1.0, float('nan'))),
    ],
)
def test_a_number_that_makes_no_frames_is_refused(tmp_path, name, value):
    with pytest.raises(ConfigError, match=f'{name}: got {value}'):
        convert([write_episode(tmp_path)], tmp_path / 'data', **{name: value})

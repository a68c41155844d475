# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Replays: the observations that the live nodes would have had, and scores that repeat."""

import json

import numpy as np
import pytest

pytest.importorskip('rosbags')
pytest.importorskip('onnx')

from bundles import CAMERAS, CHUNK, JOINTS
from bundles import FPS as ROWS_PER_SECOND
from recordings import START, picture, write_episode
from replays import (
    FRAMES,
    joint_commands,
    joint_states,
    make_messages,
    photo,
    positions,
    write_bag,
)
from report_page import read_page

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.bag import EpisodeInfo, header_time
from vla_ros.dataset.bags import open_bags
from vla_ros.dataset.replay.bag_samples import read_track
from vla_ros.dataset.replay.drive import drive, plan
from vla_ros.dataset.replay.fast import answer_all
from vla_ros.dataset.replay.result import Replay
from vla_ros.dataset.replay.scores import roughness, score, summarise
from vla_ros.dataset.replay.settings import Settings
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.pipeline import Policy
from vla_ros.tools.main import main

SETTINGS = Settings(every=0.2, latency=0.05, chunk_size_threshold=0.5)


@pytest.fixture(scope='module')
def robot():
    return load_robot(find_config('robots', 'so101'))


@pytest.fixture(scope='module')
def spec(tiny_bundle):
    return load_bundle(tiny_bundle).spec


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    """Return a folder with two episodes of different clusters."""
    folder = tmp_path_factory.mktemp('bags')
    for cluster in (4, 9):
        write_episode(folder, EpisodeInfo(cluster), make_messages(cluster=cluster))
    return folder


@pytest.fixture(scope='module')
def track(bags, spec):
    return read_track(open_bags(bags)[0], spec)


def replay(capsys, *words):
    """Run the command; return its exit code and output."""
    code = main(['replay', *map(str, words), '--every', '0.2'])
    return code, ''.join(capsys.readouterr())


def summary(track, spec, robot, settings, answer):
    scores = [score(track, one, spec) for one in drive(track, spec, robot, settings, answer)]
    return summarise(scores, spec)


def recorded_future(track, error=0.0):
    """Return answers that are what was recorded, but for an error (rad)."""
    rows = np.arange(CHUNK) / ROWS_PER_SECOND
    return lambda ask: track.commanded.at(ask.start + rows) + error


def test_the_queue_asks_when_it_is_low_and_others_are_asked_besides(track, spec, robot):
    asks = plan(track, spec, robot, SETTINGS)
    assert [ask.number for ask in asks] == list(range(len(asks)))
    gaps = np.diff([ask.time for ask in asks])
    assert gaps.min() > 0.09 and gaps.max() < 0.35
    queued = [ask.time for ask in asks if ask.queued]
    duration = CHUNK / ROWS_PER_SECOND
    np.testing.assert_allclose(np.diff(queued), duration / 2, atol=0.06)


def test_the_observations_are_the_newest_that_had_come(track, spec, robot):
    stamps = {topic: [] for topic in {event.topic for event in track.events}}
    for message in track.episode.messages(list(stamps)):
        stamps[message.topic].append(header_time(message.data))
    for ask in plan(track, spec, robot, SETTINGS):
        times = {topic: stamps[topic][number] for topic, number in ask.samples.items()}
        assert ask.start == min(times.values())
        assert max(times.values()) <= ask.time < ask.start + 0.06
        assert max(times.values()) - min(times.values()) <= SETTINGS.max_skew


def test_the_policy_is_shown_the_pictures_and_joints_of_its_observations(
    track, spec, robot, tiny_bundle
):
    asks = plan(track, spec, robot, SETTINGS)
    policy = Policy(load_bundle(tiny_bundle))
    answers = answer_all(track, asks, policy)
    for ask, answer in zip(asks, answers, strict=True):
        images = {
            camera: photo(ask.samples[f'/camera/{camera}/image_raw'], number)
            for number, camera in enumerate(CAMERAS)
        }
        state = positions(ask.samples['/joint_states'] / 2)
        expected, _ = policy.predict(images, state, 'Grab it.')
        np.testing.assert_array_equal(answer.chunk, expected)


def test_a_policy_that_does_what_was_recorded_has_no_error(track, spec, robot):
    values = summary(track, spec, robot, SETTINGS, recorded_future(track))
    assert values['mae'] < 1e-9 and max(values['mae_per_joint'].values()) < 1e-9
    assert values['mae_played'] < 0.01  # the arm starts as late as its first chunk comes
    assert values['starved'] == 0 and values['idle'] == 0
    assert values['seam_jump']['max'] < 0.02
    assert values['jerk'] == pytest.approx(values['jerk_recorded'])


def test_errors_are_compared_with_those_of_an_arm_that_stands_still(track, spec, robot):
    def stand_still(ask):
        return np.tile(track.measured.before(ask.start), (CHUNK, 1))

    still = summary(track, spec, robot, SETTINGS, stand_still)
    good = summary(track, spec, robot, SETTINGS, recorded_future(track))
    assert still['mae'] == pytest.approx(still['mae_still'], abs=1e-6)
    assert good['mae_still'] == pytest.approx(still['mae_still']) and still['mae_still'] > 0.01


def test_the_interval_of_the_error_is_over_episodes_and_holds_it(track, spec, robot):
    scores = [
        score(track, one, spec)
        for error in (0.01, 0.03, 0.02)
        for one in drive(track, spec, robot, SETTINGS, recorded_future(track, error))
    ]
    values = summarise(scores, spec)
    low, high = values['mae_interval']
    assert 0.009 < low < values['mae'] < high < 0.031
    assert summarise(scores[:1], spec)['mae_interval'] is None


def test_an_error_is_found_where_it_is(track, spec, robot):
    error = np.zeros((CHUNK, len(JOINTS)))
    error[CHUNK // 2 :, 2] = 0.3
    values = summary(track, spec, robot, SETTINGS, recorded_future(track, error))
    per_step = np.array(values['mae_per_step'])
    np.testing.assert_allclose(per_step[: CHUNK // 2], 0, atol=1e-9)
    np.testing.assert_allclose(per_step[CHUNK // 2 :], 0.3 / len(JOINTS), atol=1e-9)
    joints = values['mae_per_joint']
    assert joints['elbow_flex'] > 0.1 and joints['gripper'] < 1e-9


def test_only_what_was_recorded_counts(track, spec, robot):
    values = summary(track, spec, robot, SETTINGS, recorded_future(track, 0.1))
    assert values['rows'] < values['chunks'] * CHUNK
    assert values['mae'] == pytest.approx(0.1)


def test_chunks_that_disagree_show_at_the_seams(track, spec, robot):
    def answer(ask):
        return recorded_future(track)(ask) + (0.05 if ask.number % 2 else -0.05)

    settings = Settings(every=10.0, latency=0.05, chunk_size_threshold=0.5)
    smooth = summary(track, spec, robot, settings, recorded_future(track))
    rough = summary(track, spec, robot, settings, answer)
    assert rough['seams'] == smooth['seams'] > 2
    assert rough['seam_jump']['p50'] > 5 * smooth['seam_jump']['max']


def test_a_latency_that_is_too_long_starves_the_queue(track, spec, robot):
    slow = Settings(every=10.0, latency=0.4, chunk_size_threshold=0.2)
    values = summary(track, spec, robot, slow, recorded_future(track))
    assert values['starved'] > 0 and values['idle'] > 0.2
    quick = summary(track, spec, robot, SETTINGS, recorded_future(track))
    assert values['staleness']['max'] > quick['staleness']['max']


def test_roughness_is_the_jerk():
    times = np.arange(50)[:, None] * 0.1
    assert roughness(times**3, 0.1) == pytest.approx(6.0)
    assert roughness(times[:3], 0.1) == 0.0


def test_two_replays_give_identical_scores(bags, tiny_bundle, tmp_path, capsys):
    scores = []
    for name in ('a', 'b'):
        file, page = tmp_path / f'{name}.json', tmp_path / f'{name}.html'
        code, text = replay(capsys, bags, '--policy', tiny_bundle, '--json', file, '--html', page)
        assert code == 0 and 'x real time' in text
        content = json.loads(file.read_text())
        assert content.pop('timing')['pace'] == 'fast'
        scores.append(content)
        seen = read_page(page.read_text())
        # of each of both episodes the cameras where it is worst; commands and queue of each
        assert seen.pictures == 2 * len(CAMERAS) and seen.plots == 2 * 2 + 5
        assert {row[0] for row in seen.rows} >= {'episode_0000', 'episode_0001'}
    assert scores[0] == scores[1]
    assert set(scores[0]['scores']['clusters']) == {'4', '9'}
    assert [one['bag'] for one in scores[0]['scores']['bags']] == ['episode_0000', 'episode_0001']


def test_a_bag_that_does_not_fit_is_found_before_any_is_played(
    tiny_bundle, tmp_path, capsys, monkeypatch
):
    write_bag(tmp_path / 'bags' / 'a', make_messages(3))
    small = np.zeros((48, 64, 3), np.uint8)
    topic = f'/camera/{CAMERAS[0]}/image_raw'
    changed = [
        picture(CAMERAS[0], m.time * 1e-9, small) if m.topic == topic else m
        for m in make_messages(3)
    ]
    write_bag(tmp_path / 'bags' / 'b', changed)
    monkeypatch.setattr(Replay, 'add', lambda *_: pytest.fail('it was played'))
    code, text = replay(capsys, tmp_path / 'bags', '--policy', tiny_bundle)
    assert code == 2 and 'got 64 x 48 pixels, expected 32 x 24' in text


def test_what_was_scored_is_kept_whatever_ends_the_rest(
    bags, tiny_bundle, tmp_path, capsys, monkeypatch
):
    file, add, added = tmp_path / 'scores.json', Replay.add, []

    def adding(self, *words):
        if added:
            raise KeyboardInterrupt
        added.append(words)
        add(self, *words)

    monkeypatch.setattr(Replay, 'add', adding)
    code, _ = replay(capsys, bags, '--policy', tiny_bundle, '--json', file)
    assert code == 130
    bagged = json.loads(file.read_text())['scores']['bags']
    assert [one['bag'] for one in bagged] == ['episode_0000']


def test_the_exit_code_says_whether_the_error_is_too_large(bags, tiny_bundle, capsys):
    code, text = replay(capsys, bags / 'episode_0000', '--policy', tiny_bundle, '--max-mae', 1e-3)
    assert code == 1 and 'beyond the 0.0010 rad allowed' in text
    code, text = replay(capsys, bags / 'episode_0000', '--policy', tiny_bundle, '--max-mae', 9)
    assert code == 0 and 'within the 9.0000 rad allowed' in text


def test_a_bag_of_another_recorder_is_replayed_alike(bags, spec, robot, tmp_path):
    (episode,) = open_bags(write_bag(tmp_path / 'rosbag2', make_messages()))
    foreign, own = read_track(episode, spec), read_track(open_bags(bags)[0], spec)
    assert plan(foreign, spec, robot, SETTINGS) == plan(own, spec, robot, SETTINGS)


def test_each_episode_in_a_bag_is_scored_for_itself(spec, robot, tmp_path):
    later = START + FRAMES / 30 + 2.0
    messages = [*make_messages(cluster=4), *make_messages(cluster=9, begin=later)]
    (episode,) = open_bags(write_bag(tmp_path / 'bag', messages))
    track = read_track(episode, spec)
    assert [span.cluster for span in track.spans] == ['4', '9']
    drives = list(drive(track, spec, robot, SETTINGS, recorded_future(track)))
    for one in drives:
        assert all(one.span.begin <= ask.time <= one.span.end for ask in one.asks)
    numbers = [ask.number for one in drives for ask in one.asks]
    assert numbers == list(range(len(numbers)))


def test_a_bag_without_events_is_one_episode(spec, tmp_path):
    messages = [m for m in make_messages() if m.topic not in ('/episode', '/instruction')]
    (episode,) = open_bags(write_bag(tmp_path / 'bag', messages))
    track = read_track(episode, spec)
    assert len(track.spans) == 1 and track.spans[0].cluster == '' and track.text(START + 1) == ''


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda m: None if m.topic == '/joint_commands' else m, 'expected also joint_commands'),
        (
            lambda m: None if m.topic == f'/camera/{CAMERAS[1]}/image_raw' else m,
            f'got cameras {CAMERAS[0]}, expected also {CAMERAS[1]}; record camera',
        ),
        (
            lambda m: (
                picture(CAMERAS[0], m.time * 1e-9, np.zeros((48, 64, 3), np.uint8))
                if m.topic == f'/camera/{CAMERAS[0]}/image_raw'
                else m
            ),
            'got 64 x 48 pixels, expected 32 x 24',
        ),
        (
            lambda m: (
                joint_states(m.time * 1e-9, [0.0] * 6, ['a', 'b', 'c', 'd', 'e', 'f'])
                if m.topic == '/joint_states'
                else m
            ),
            'got positions of a, b, c, d, e, f, expected finite ones of shoulder_pan',
        ),
        (
            lambda m: (
                joint_commands(m.time * 1e-9, [0.0] * 5, JOINTS[:-1])
                if m.topic == '/joint_commands'
                else m
            ),
            f'got positions of {", ".join(JOINTS[:-1])}, expected also {JOINTS[-1]}',
        ),
        (
            lambda m: (
                joint_commands(m.time * 1e-9, [0.0] * 7, [*JOINTS, JOINTS[0]])
                if m.topic == '/joint_commands'
                else m
            ),
            f'joint_commands: got {JOINTS[0]} twice in one message',
        ),
        (
            lambda m: m._replace(topic='/joint_commands') if m.topic == '/instruction' else m,
            'joint_commands: got std_msgs/msg/String, expected trajectory_msgs',
        ),
    ],
)
def test_a_bag_that_does_not_fit_is_named(spec, tmp_path, change, message):
    changed = [new for new in map(change, make_messages(3)) if new]
    if 'String' in message:
        changed = [m for m in changed if m.topic != '/joint_commands' or 'String' in m.msgtype]
    (episode,) = open_bags(write_bag(tmp_path / 'bag', changed))
    with pytest.raises(VlaError, match=message):
        read_track(episode, spec)


def test_a_robot_with_other_joints_is_named(track, spec, robot):
    other = type(robot)(
        'two', ('a', 'b'), robot.lower[:2], robot.upper[:2], robot.velocity[:2],
        robot.acceleration[:2],
    )  # fmt: skip
    with pytest.raises(ConfigError, match='robot two: got joints a, b, expected those of'):
        plan(track, spec, other, SETTINGS)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('latency', -0.1),
        ('every', 0.0),
        *(('rate', value) for value in (-1.0, 1001.0, float('inf'), float('nan'))),
        ('mode', 'later'),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name, value):
    with pytest.raises(ConfigError, match=f'{name}: got'):
        Settings(**{name: value}).executor()


def test_joint_states_that_come_in_parts_are_put_together_as_the_nodes_do(spec, tmp_path):
    def apart(messages):
        for item in messages:
            if item.topic != '/joint_states':
                yield item
                continue
            time = header_time(item.data)
            values = positions(round((time - START - 0.001) * 60) / 2)
            yield joint_states(time, values[:-1], JOINTS[:-1])
            yield joint_states(time + 0.002, values[-1:], JOINTS[-1:])  # the gripper's driver
            yield joint_states(time + 0.003, [1.0, 2.0], ['wheel_left', 'wheel_right'])

    whole = read_track(open_bags(write_bag(tmp_path / 'whole', make_messages()))[0], spec)
    parts = read_track(open_bags(write_bag(tmp_path / 'parts', apart(make_messages())))[0], spec)
    np.testing.assert_allclose(parts.states[::2], whole.states, atol=1e-6)
    assert parts.measured.times[0] == pytest.approx(whole.measured.times[0], abs=1e-6)
    assert (np.diff(parts.measured.times) >= 0).all()


def test_commands_without_a_stamp_were_given_when_they_came(track, spec, tmp_path):
    unstamped = [
        joint_commands(0.0, track.commanded.at(np.array([m.time * 1e-9]))[0])._replace(time=m.time)
        if m.topic == '/joint_commands'
        else m
        for m in make_messages()
    ]
    (bag,) = open_bags(write_bag(tmp_path / 'bag', unstamped))
    found = read_track(bag, spec)
    np.testing.assert_allclose(found.commanded.times, track.commanded.times, atol=1e-6)
    np.testing.assert_allclose(found.commanded.positions, track.commanded.positions, atol=1e-6)


def test_joint_that_nobody_tells_of_is_named(spec, tmp_path):
    def handless(messages):
        for item in messages:
            if item.topic == '/joint_states':
                item = joint_states(header_time(item.data), [0.0] * 5, JOINTS[:-1])
            yield item

    bag = open_bags(write_bag(tmp_path / 'bag', handless(make_messages())))[0]
    with pytest.raises(VlaError, match='got positions of .*wrist_roll, expected finite ones of'):
        read_track(bag, spec)

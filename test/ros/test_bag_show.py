# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag plays itself into the page: in its own time, from any moment on, paused."""

import json
import threading
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from patience import PATIENCE

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')

from bundles import CAMERAS
from recordings import START, header, instruction, message
from replays import FRAMES, make_messages, write_bag

from vla_ros.core.config import find_config
from vla_ros.core.errors import VlaError
from vla_ros.core.robot import load_robot
from vla_ros.dataset.bags import open_bags
from vla_ros.dataset.streams import STORY, TopicChoice
from vla_ros.ros.bag_show import SPEEDS, BagShow, find_roles, open_bag
from vla_ros.ros.show import Clocks, Show
from vla_ros.view.words import NOT_RECORDED

DURATION = FRAMES / 30
MIDDLE = DURATION / 2
ROBOT = load_robot(find_config('robots', 'so101'))


def status(moment, mode, reason=''):
    """Return what the action queue said ``moment`` (s) after the beginning."""
    when = START + moment
    counts = [True, 1, 1.0, 0.5, 0, 0, 0, 1, 0.1, 0.5, 0.0, 0.4, 0.2, 3, []]
    return message(
        '/queue_status', 'vla_ros/msg/QueueStatus', when, header(when), mode, reason, *counts
    )


def story():
    """Yield a recording in which the arm runs, and holds from the middle on."""
    said = [status(t, 1) for t in np.arange(0, MIDDLE, 0.1)]
    said += [status(t, 0, 'not enabled') for t in np.arange(MIDDLE, DURATION, 0.1)]
    said.append(instruction(START + 1.2 * MIDDLE, 'Now the saucer.'))
    return sorted([*make_messages(), *said], key=lambda item: item.time)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp('bags') / 'whole', story())


class Hub:
    """Keeps what is shown, with the time in the bag."""

    def __init__(self):
        self.shown, self.player = [], None

    def show(self, key, item):
        content = json.loads(item) if isinstance(item, str) else {'kind': key}
        self.shown.append((self.player.now() - START, content))

    def kinds(self, wanted, at=None):
        """Return the items of a kind that were shown, at a moment of the bag or at any."""
        return [
            item
            for time, item in list(self.shown)
            if item['kind'] == wanted and (at is None or abs(time - at) < 0.01)
        ]


class Playing:
    """A playback in a thread of its own."""

    def __init__(self, *bags):
        self.complaints = []
        self.bags = [open_bag(bag) for bag in bags]
        report = lambda *words: self.complaints.append(words)  # noqa: E731
        self.hub, self.player = Hub(), BagShow(self.bags, report)
        self.hub.player = self.player
        self.thread = threading.Thread(target=self.player.run, args=(self.make_show,))

    def make_show(self, bag):
        clocks, cameras = Clocks(self.player.now, self.player.now), list(bag.story.cameras)
        return Show(self.hub, ROBOT, cameras, '/', clocks, 15.0, 640, NOT_RECORDED)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.player.stop()
        self.thread.join(10.0)
        assert not self.thread.is_alive()

    def until(self, condition, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, 'timed out'
            time.sleep(0.01)

    def state(self):
        return SimpleNamespace(**self.player.state())


def test_a_bag_plays_in_its_own_time_to_its_end_and_waits_there(folder):
    began = time.monotonic()
    with Playing(*open_bags(folder)) as playing:
        playing.until(lambda: not playing.state().playing)
        assert time.monotonic() - began > 0.9 * DURATION
        assert playing.state().position == pytest.approx(playing.state().duration)
    hub = playing.hub
    (hello,) = hub.kinds('hello')
    assert set(hello['cameras']) == set(CAMERAS) and not playing.complaints
    modes = [item['mode'] for item in hub.kinds('status')]
    assert modes[0] == 'RUNNING' and modes[-1] == 'HOLDING' and 'SILENT' not in modes
    texts = [item['text'] for item in hub.kinds('instruction')]
    assert texts[0] == 'Grab it.' and texts[-1] == 'Now the saucer.'
    for number in range(len(CAMERAS)):
        assert len(hub.kinds(f'picture {number}')) > 5
    assert all(len(item.get('measured', ())) in (0, 6) for item in hub.kinds('joints'))


def test_another_moment_tells_what_was_known_then_and_shows_every_camera(folder):
    with Playing(*open_bags(folder)) as playing:
        playing.player.command('pause', '')
        playing.until(lambda: not playing.state().playing)
        for moment, mode, text in (
            (1.5 * MIDDLE, 'HOLDING', 'Now the saucer.'),
            (0.5 * MIDDLE, 'RUNNING', 'Grab it.'),
        ):
            playing.hub.shown.clear()
            playing.player.command('seek', str(moment))
            shown = partial(playing.hub.kinds, at=moment)
            playing.until(lambda: shown('status'))  # noqa: B023
            assert shown('status')[-1]['mode'] == mode
            assert shown('instruction')[-1]['text'] == text
            assert all(shown(f'picture {number}') for number in range(len(CAMERAS)))


def test_time_stands_still_while_it_is_paused_and_nothing_grows_old(folder):
    with Playing(*open_bags(folder)) as playing:
        playing.player.command('seek', str(0.5 * MIDDLE))
        playing.player.command('pause', '')
        playing.until(lambda: not playing.state().playing and playing.hub.kinds('status'))
        time.sleep(0.3)
        before = playing.state().position
        time.sleep(1.3)  # longer than a live queue may be silent
        assert playing.state().position == before
        playing.player.command('play', '')
        playing.until(lambda: playing.state().position > before)
        assert {item['mode'] for item in playing.hub.kinds('status')} == {'RUNNING'}


def test_play_at_the_end_begins_again_and_slow_motion_takes_its_time(folder):
    with Playing(*open_bags(folder)) as playing:
        playing.player.command('seek', '1000')
        playing.until(lambda: not playing.state().playing)
        playing.player.command('play', '')
        playing.until(lambda: playing.state().playing and playing.state().position < MIDDLE)
        playing.player.command('speed', '0.25')
        playing.player.command('seek', str(playing.state().duration - 0.3))
        began = time.monotonic()
        playing.until(lambda: not playing.state().playing)
        assert time.monotonic() - began > 0.9 * 4 * 0.3 and playing.state().speed == 0.25


def test_one_of_several_bags_is_chosen_by_its_number(folder, tmp_path):
    plain = write_bag(tmp_path / 'plain', make_messages())
    with Playing(*open_bags(folder), *open_bags(plain)) as playing:
        playing.player.command('bag', '1')
        playing.until(lambda: len(playing.hub.kinds('hello')) >= 1 and playing.state().number)
        assert (playing.state().name, playing.state().count) == ('plain', 2)
        playing.until(
            lambda: 'Recorded' in {item['headline'] for item in playing.hub.kinds('status')}
        )
        with pytest.raises(VlaError, match="bag: got '2', expected 0 to 1"):
            playing.player.command('bag', '2')


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('dance', '', "command: got 'dance', expected one of play, pause, seek, speed, bag"),
        ('seek', 'soon', "seek: got 'soon', expected a number"),
        ('seek', 'nan', "seek: got 'nan', expected a number"),
        ('seek', '-inf', "seek: got '-inf', expected a number"),
        ('speed', '3', f"speed: got '3', expected one of {', '.join(map(str, SPEEDS))}"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(folder, name, text, message):
    player = Playing(*open_bags(folder)).player
    with pytest.raises(VlaError, match=message):
        player.command(name, text)


def test_what_a_bag_lacks_is_told_in_words_and_how_to_have_it(folder, tmp_path):
    plain = Playing(*open_bags(write_bag(tmp_path / 'plain', make_messages())))
    missing = plain.player.state()['missing']
    assert set(missing) == {'queue_status', 'action_chunk', 'queued_actions', 'diagnostics'}
    assert missing['queue_status'] == STORY['queue_status'][1]
    assert 'topics:=story' in plain.player.state()['hint']


def test_a_message_that_is_damaged_is_told_and_the_rest_is_shown(tmp_path):
    torn = [item._replace(data=item.data[:30]) if item.topic == '/joint_states' else item
            for item in make_messages(frames=6)]  # fmt: skip
    with Playing(*open_bags(write_bag(tmp_path / 'torn', torn))) as playing:
        playing.until(lambda: not playing.state().playing)
    assert {topic for topic, _ in playing.complaints} == {'/joint_states'}
    assert playing.hub.kinds('picture 0')


def test_topics_are_those_of_one_robot(tmp_path):
    def twice():
        for item in make_messages(frames=3):
            yield item._replace(topic=f'/left{item.topic}')
            yield item._replace(topic=f'/right{item.topic}')

    bag = write_bag(tmp_path / 'two', twice())
    with pytest.raises(VlaError, match='several topics for one part of the robot'):
        open_bag(*open_bags(bag))
    roles = find_roles(open_bag(*open_bags(bag, TopicChoice('/left'))))
    assert all(topic.startswith('/left/') for topic in roles)
    assert {'joint_states', 'camera/top/image_raw'} <= set(roles.values())


def test_a_bag_that_holds_nothing_of_a_robot_is_refused(tmp_path):
    item = message('/chatter', 'std_msgs/msg/String', START, 'hello')
    (episode,) = open_bags(write_bag(tmp_path / 'other', [item]))
    with pytest.raises(VlaError, match='got topics /chatter, expected some of queue_status'):
        open_bag(episode)

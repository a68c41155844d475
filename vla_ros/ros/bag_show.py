# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bag that plays itself into a show: in its own time, paused, or from another moment on.

Time is that at which messages were received. It stands still while the playback is paused, so that
what was known at a moment stays known. At another moment the newest that was said by then of
all that is not a stream is told first.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from rosbags.rosbag2 import Reader

from vla_ros.core.errors import VlaError
from vla_ros.dataset.bag import Episode, Message, decode, reading
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.streams import Story, find_story
from vla_ros.ros.show import DIAGNOSTICS, FORGET, PERIOD, Show

GLANCE = 1.0  # s after a moment in which there should be a picture of each camera
STREAMS = ('joint_states', 'joint_commands')
LATE = 0.25  # s; what is later than that is not caught up
REMEMBERED = {'action_chunk': 4, 'queued_actions': 2}  # of the newest messages; of others 1
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
HINT = 'record with topics:=story to have them'


class Bag(NamedTuple):
    """A bag that can be played."""

    episode: Episode
    story: Story
    begin: float  # s
    end: float  # s


def open_bag(episode: Episode) -> Bag:
    """Return the bag; raise VlaError where it holds nothing that can be shown."""
    story = find_story(episode)
    with reading(episode.path), Reader(episode.path) as reader:
        return Bag(episode, story, 1e-9 * reader.start_time, 1e-9 * reader.end_time)


class BagShow:
    """Plays one of several bags; ``command`` may come from any thread while ``run`` runs."""

    def __init__(self, bags: Sequence[Bag], report: Callable[[str, str], None]) -> None:
        """Begin with the first bag; ``report`` is told which topic is damaged, and how."""
        self._bags, self._report = bags, report
        self._changed = threading.Condition()
        self._running = self._playing = True
        self._chosen = 0
        self._speed = 1.0
        self._position = bags[0].begin  # s
        self._target: float | None = bags[0].begin  # s, where to go on from
        self._anchor: tuple[float, float] | None = None  # s: by the clock, and in the bag then
        self._roles: dict[str, str] = {}  # topic of the bag: topic of the page
        self._past: dict[str, list[Message]] = {}  # of the topics that are no streams

    @property
    def bag(self) -> Bag:
        """Return the one that is played."""
        return self._bags[self._chosen]

    def now(self) -> float:
        """Return the time in the bag, s."""
        return self._position

    def stop(self) -> None:
        """Have ``run`` end."""
        with self._changed:
            self._running = False
            self._changed.notify()

    def state(self) -> dict[str, Any]:
        """Return how the playback stands, for its controls."""
        bag = self.bag
        return {
            'name': bag.episode.path.name,
            'number': self._chosen,
            'count': len(self._bags),
            'position': round(self._position - bag.begin, 3),
            'duration': round(bag.end - bag.begin, 3),
            'playing': self._playing,
            'speed': self._speed,
            'missing': bag.story.missing,
            'hint': HINT if bag.story.missing else '',
        }

    def command(self, name: str, text: str) -> str:
        """
        Do what ``name`` says: play, pause, seek (s from the beginning), speed, or bag (number).

        Return what was done; raise VlaError for another name, and for a text that will not do.
        """
        commands = {
            'play': self._play,
            'pause': self._pause,
            'seek': self._seek,
            'speed': self._set_speed,
            'bag': self._choose,
        }
        if name not in commands:
            raise VlaError(f'command: got {name!r}, expected one of {", ".join(commands)}')
        with self._changed:
            commands[name](text)
            self._anchor = None
            self._changed.notify()
        return 'done'

    def _play(self, text: str) -> None:
        self._playing = True
        if self._position >= self.bag.end:
            self._target = self.bag.begin

    def _pause(self, text: str) -> None:
        self._playing = False

    def _seek(self, text: str) -> None:
        bag = self.bag
        self._target = min(max(bag.begin + _number('seek', text), bag.begin), bag.end)

    def _set_speed(self, text: str) -> None:
        speed = _number('speed', text)
        if speed not in SPEEDS:
            raise VlaError(f'speed: got {text!r}, expected one of {", ".join(map(str, SPEEDS))}')
        self._speed = speed

    def _choose(self, text: str) -> None:
        number = _number('bag', text)
        if number not in range(len(self._bags)):
            raise VlaError(f'bag: got {text!r}, expected 0 to {len(self._bags) - 1}')
        self._chosen = int(number)
        self._target = self.bag.begin

    def run(self, make_show: Callable[[Bag], Show]) -> None:
        """Play into what ``make_show`` returns for each bag, until ``stop``."""
        shown, show = -1, None
        while self._running:
            with self._changed:
                chosen, begin, self._target = self._chosen, self._target, None
            if chosen != shown or show is None:
                shown, show = chosen, make_show(self.bag)
                self._roles = find_roles(self.bag)
                self._past = self._read_past()
                show.greet()
            if begin is not None:
                self._jump(show, begin)
            self._follow(show)

    def _jump(self, show: Show, begin: float) -> None:
        """Go to a moment (s), and tell what was known and seen then."""
        self._position, self._anchor = begin, None
        show.forget()
        for message in [*self._known(begin), *self._seen(begin)]:
            self._tell(show, message, force=True)
        show.tick()
        show.show_playback(self.state())

    def _seen(self, moment: float) -> Iterator[Message]:
        """Yield the first message of each stream after a moment (s)."""
        left = {topic for topic in self._roles if topic not in self._past}
        for message in self._messages(moment):
            if not left or 1e-9 * message.time > moment + GLANCE:
                return
            if message.topic in left:
                left.remove(message.topic)
                yield message

    def _known(self, moment: float) -> list[Message]:
        """Return the newest messages by ``moment`` (s) of all topics that are no streams."""
        found = []
        for topic, past in self._past.items():
            said = [message for message in past if 1e-9 * message.time <= moment]
            if self._roles[topic] == DIAGNOSTICS:
                found += [m for m in said if 1e-9 * m.time > moment - FORGET]
            else:
                found += said[-REMEMBERED.get(self._roles[topic], 1) :]
        return sorted(found, key=attrgetter('time'))

    def _follow(self, show: Show) -> None:
        """Play on from the position, until the end or another wish."""
        tick_due = self._position
        for message in self._messages(self._position):
            due = 1e-9 * message.time
            while due > tick_due:
                if not self._wait_until(show, min(due, tick_due)):
                    return
                show.tick()
                tick_due = max(tick_due + PERIOD, self._position)
            if not self._wait_until(show, due):
                return
            self._tell(show, message)
        self._position = self.bag.end
        show.tick()
        with self._changed:
            self._playing = self._playing and self._target is not None
        self._hold(show)

    def _wait_until(self, show: Show, due: float) -> bool:
        """Let the time in the bag come to ``due`` (s); return False for another wish."""
        while self._running and self._target is None:
            if not self._playing:
                self._hold(show)
                continue
            began, position = self._anchor = self._anchor or (time.monotonic(), self._position)
            delay = (due - position) / self._speed - (time.monotonic() - began)
            if delay <= 0:
                self._position = due
                if delay < -LATE:
                    self._anchor = None  # it is not caught up
                return True
            with self._changed:
                self._changed.wait(min(delay, PERIOD))
            passed = self._speed * (time.monotonic() - began)
            self._position = min(due, max(self._position, position + passed))
            if show.is_due('playback', PERIOD):
                show.show_playback(self.state())
        return False

    def _hold(self, show: Show) -> None:
        """Stand still, and say so, until another wish."""
        while self._running and not self._playing and self._target is None:
            show.show_playback(self.state())
            with self._changed:
                self._changed.wait(5 * PERIOD)

    def _tell(self, show: Show, message: Message, force: bool = False) -> None:
        """Show a message, unless its like was shown a moment ago."""
        role = self._roles[message.topic]
        heard = show.topics.get(role) or show.streams[role]
        if not force and not show.is_wanted(role, heard):
            return
        try:
            if role.endswith('/image_raw'):
                show.show_picture(self._cameras.index(message.topic), read_picture(message))
            else:
                heard.take(decode(message))
        except VlaError as error:
            self._report(message.topic, str(error))

    @property
    def _cameras(self) -> list[str]:
        return list(self.bag.story.cameras.values())

    def _read_past(self) -> dict[str, list[Message]]:
        """Return all messages of the topics that are no streams."""
        wanted = [
            topic
            for topic, role in self._roles.items()
            if role not in STREAMS and not role.endswith('/image_raw')
        ]
        past: dict[str, list[Message]] = {topic: [] for topic in wanted}
        for message in self.bag.episode.messages(wanted) if wanted else ():
            past[message.topic].append(message)
        return past

    def _messages(self, begin: float) -> Iterator[Message]:
        """Yield the messages from a moment (s) on."""
        path, roles = self.bag.episode.path, self._roles
        with reading(path), Reader(path) as reader:
            chosen = [c for c in reader.connections if c.topic in roles]
            for connection, when, data in reader.messages(chosen, start=round(1e9 * begin)):
                yield Message(connection.topic, connection.msgtype, when, bytes(data))


def find_roles(bag: Bag) -> dict[str, str]:
    """Return the topic of the page for each topic of a bag that it shows."""
    known = bag.episode.topics()
    roles = {
        topic: DIAGNOSTICS if role == 'diagnostics' else role
        for role, topic in bag.story.topics.items()
    }
    for name, topic in bag.story.cameras.items():
        roles[topic] = f'camera/{name}/image_raw'
        lens = topic.removesuffix('/compressed').removesuffix('/image_raw') + '/camera_info'
        if lens in known:
            roles[lens] = f'camera/{name}/camera_info'
    return roles


def _number(what: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise VlaError(f'{what}: got {text!r}, expected a number')
    return number

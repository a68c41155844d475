# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are the robot's: found by name and type, chosen where several could be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vla_ros.core.errors import ConfigError, VlaError

if TYPE_CHECKING:
    from vla_ros.dataset.bag import Episode

STATE, ACTION, INSTRUCTION, EPISODE = 'joint_states', 'joint_commands', 'instruction', 'episode'
PHASE = 'phase'  # number of the part of a demonstration that a frame belongs to
INTERVENTION = 'intervention'  # 1 where a person led the arm, 0 where the policy did
LABELS, LABEL_TYPE = (PHASE, INTERVENTION), 'std_msgs/msg/Int64'
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
_TYPES = {
    STATE: 'sensor_msgs/msg/JointState',
    ACTION: 'trajectory_msgs/msg/JointTrajectory',
    INSTRUCTION: 'std_msgs/msg/String',
    **dict.fromkeys(LABELS, LABEL_TYPE),
    EPISODE: 'vla_ros/msg/EpisodeEvent',
}
_NEEDED = (STATE, ACTION)
# what a page shows of a robot besides its cameras, and what that is in words
STORY = {
    'queue_status': ('vla_ros/msg/QueueStatus', 'what the arm did, and why'),
    'action_chunk': ('vla_ros/msg/ActionChunk', 'how long each plan took'),
    'queued_actions': ('vla_ros/msg/ActionChunk', 'the planned path'),
    STATE: (_TYPES[STATE], 'where the joints were'),
    ACTION: (_TYPES[ACTION], 'where the joints were sent'),
    EPISODE: (_TYPES[EPISODE], 'how episodes began and ended'),
    INSTRUCTION: (_TYPES[INSTRUCTION], 'what was to be done'),
    'diagnostics': ('diagnostic_msgs/msg/DiagnosticArray', 'the nodes'),
}
_CAMERA = re.compile(r'(?:.*/)?camera/([^/]+)/image_raw(/compressed)?')
_GIVEN_CAMERA = re.compile(r'camera/([^/]+)')
_ASSIGNED = ':='


@dataclass(frozen=True)
class Streams:
    """The topics of an episode that make frames, in whatever namespace they are."""

    state: str
    action: str
    instruction: str  # '' where none was recorded
    cameras: Mapping[str, str]  # name of the camera: topic
    labels: Mapping[str, str] = field(default_factory=dict)  # of each frame: name and topic
    episode: str = ''  # when episodes begin and end; '' where nobody said

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that every frame has a sample of."""
        return (self.state, self.action, *self.cameras.values(), *self.labels.values())


@dataclass(frozen=True)
class TopicChoice:
    """What a user says about the topics: the robot's namespace, and single ones by their role."""

    namespace: str = ''
    topics: Mapping[str, str] = field(default_factory=dict)  # role, or camera/<name>: topic

    def nearest(self, candidates: Sequence[str]) -> list[str]:
        """Return those in the namespace; where none is, those of the nearest one around it."""
        parts = [part for part in self.namespace.split('/') if part]
        found = [topic for topic in candidates if topic.startswith('/'.join(['', *parts, '']))]
        while parts and not found:
            parts.pop()
            found = [topic for topic in candidates if _lies_in(topic, parts)]
        return found


ANY_TOPIC = TopicChoice()


def _lies_in(topic: str, parts: Sequence[str]) -> bool:
    """Say whether a topic is that of the namespace itself, and not of one within."""
    inside = '/'.join(['', *parts, ''])
    rest = topic.removeprefix(inside)
    return topic.startswith(inside) and ('/' not in rest or rest.startswith('camera/'))


def parse_choice(namespace: str = '', assignments: Sequence[str] = ()) -> TopicChoice:
    """Return the choice in words such as joint_states:=/follower/joint_states; or ConfigError."""
    topics = {}
    for word in assignments:
        role, assigned, topic = word.partition(_ASSIGNED)
        if not assigned or not topic or not (role in _TYPES or _GIVEN_CAMERA.fullmatch(role)):
            raise ConfigError(
                f'topic: got {word!r}, expected ROLE:=TOPIC, where the role is one of '
                f'{", ".join(_TYPES)} or camera/NAME'
            )
        topics[role] = topic
    return TopicChoice(namespace, topics)


def find_streams(episode: 'Episode') -> Streams:
    """
    Return the topics of the episode that are the robot's, as far as the user chose them.

    Raise VlaError naming those that are missing, and those of which several could be meant.
    """
    topics, what, choice = episode.topics(), episode.path.name, episode.choice
    for role, topic in choice.topics.items():
        if topic not in topics:
            raise VlaError(
                f'{what}: {role}: got no topic {topic}, expected one of {_list(topics)}'
            )
    candidates = {role: _candidates(topics, role, choice) for role in _TYPES}
    cameras = dict(_find_cameras(topics, choice))
    missing = [role for role in _NEEDED if not candidates[role]]
    if missing or not cameras:
        _refuse_types(topics, what, missing)
        raise VlaError(
            f'{what}: got topics {_list(topics)}, expected also '
            f'{", ".join(missing) or "camera/<name>/image_raw"}; where they have other names say '
            f'which they are: --topic {missing[0] if missing else "camera/front"}:=/its/name'
        )
    _refuse_several(what, candidates | {f'camera/{name}': cameras[name] for name in cameras})
    chosen = {role: found[0] if found else '' for role, found in candidates.items()}
    return Streams(
        chosen[STATE],
        chosen[ACTION],
        chosen[INSTRUCTION],
        {name: found[0] for name, found in sorted(cameras.items())},
        {label: chosen[label] for label in LABELS if chosen[label]},
        chosen[EPISODE],
    )


class Story(NamedTuple):
    """What a bag holds of the story of one robot, and what it lacks."""

    topics: Mapping[str, str]  # role in STORY: topic
    cameras: Mapping[str, str]  # name: topic
    missing: Mapping[str, str]  # role: what is not seen without it, in words


def find_story(episode: 'Episode') -> Story:
    """
    Return the topics of an episode that a page can show, whichever there are.

    Raise VlaError where several could be meant, and where there is none at all.
    """
    topics, what, choice = episode.topics(), episode.path.name, episode.choice
    found = {role: _candidates(topics, role, choice, kind) for role, (kind, _) in STORY.items()}
    cameras = dict(_find_cameras(topics, choice))
    _refuse_several(what, found | {f'camera/{name}': cameras[name] for name in cameras})
    chosen = {role: names[0] for role, names in found.items() if names}
    if not chosen and not cameras:
        raise VlaError(
            f'{what}: got topics {_list(topics)}, expected some of {", ".join(STORY)} or '
            'camera/<name>/image_raw; where they have other names: --topic joint_states:=/its/name'
        )
    missing = {role: words for role, (_, words) in STORY.items() if role not in chosen}
    return Story(chosen, {name: names[0] for name, names in sorted(cameras.items())}, missing)


def _candidates(
    topics: Mapping[str, str], role: str, choice: TopicChoice, kind: str = ''
) -> list[str]:
    """Return the topics that could be meant by a role, without those that the choice excludes."""
    if role in choice.topics:
        return [choice.topics[role]]
    named = [topic for topic in sorted(topics) if topic.rpartition('/')[2] == role]
    return choice.nearest([topic for topic in named if topics[topic] == (kind or _TYPES[role])])


def _find_cameras(
    topics: Mapping[str, str], choice: TopicChoice
) -> Iterator[tuple[str, list[str]]]:
    """Yield each camera with the topics that could be its; plain ones rather than compressed."""
    given = {
        match[1]: topic
        for role, topic in choice.topics.items()
        if (match := _GIVEN_CAMERA.fullmatch(role))
    }
    found: dict[str, dict[bool, list[str]]] = {}
    for topic in sorted(topics):
        match = _CAMERA.fullmatch(topic)
        kind = COMPRESSED if match and match[2] else IMAGE
        if match and match[1] not in given and topics[topic] == kind:
            found.setdefault(match[1], {}).setdefault(bool(match[2]), []).append(topic)
    for name, by_kind in found.items():
        near = {kind: choice.nearest(names) for kind, names in by_kind.items()}
        chosen = near.get(False) or near.get(True)
        if chosen:
            yield name, chosen
    yield from ((name, [topic]) for name, topic in given.items())


def _refuse_types(topics: Mapping[str, str], what: str, missing: Sequence[str]) -> None:
    """Raise VlaError where what is missing is there, with messages of another type."""
    for role in missing:
        for topic, kind in topics.items():
            if topic.rpartition('/')[2] == role:
                raise VlaError(
                    f'{what}: {topic}: got {kind}, expected {_TYPES[role]}; record messages of '
                    f'that type, or say which topic it is: --topic {role}:=/its/name'
                )


def _refuse_several(what: str, candidates: Mapping[str, Sequence[str]]) -> None:
    several = {role: found for role, found in candidates.items() if len(found) > 1}
    if not several:
        return
    role, found = next(iter(several.items()))
    spaces = [topic.removesuffix(f'/{role}').removesuffix(f'/{role}/image_raw') for topic in found]
    named = '; '.join(f'{role}: {" and ".join(topics)}' for role, topics in several.items())
    raise VlaError(
        f'{what}: got several topics for one part of the robot ({named}), expected one each; '
        f'choose with --namespace {next(filter(None, spaces), found[0])}, or one by one with '
        f'--topic {role}:={found[0]}'
    )


def _list(topics: Mapping[str, str]) -> str:
    return ', '.join(sorted(topics))

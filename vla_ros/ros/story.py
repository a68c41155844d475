# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
More topics for a recorder than a dataset needs: the story of a run, or the whole graph.

What is privileged knowledge, such as the state of a simulation, is never among them.
"""

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message

from vla_ros.dataset.bag import typestore
from vla_ros.dataset.streams import STORY
from vla_ros.msg import Features
from vla_ros.ros import messages
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import parse_names
from vla_ros.ros.show import DIAGNOSTICS
from vla_ros.ros.tensors import TensorReceiver

ALL, STORY_WORD = 'all', 'story'
SHARED = (DIAGNOSTICS, '/tf', '/tf_static')  # of all robots together
PRIVILEGED = ('vla_ros/msg/SimState',)
PERIOD = 1.0  # s between two looks at what has come into the graph
DEPTH = 100

Take = Callable[[str, str, bytes, bool], None]  # topic, type, message, whether it is latched


class StoryTopics:
    """Subscribes a node to the topics that are wanted, as soon as somebody publishes them."""

    def __init__(self, node: VlaNode, wanted: str, known: Collection[str], take: Take) -> None:
        """
        Take what is ``wanted``: story, all, or names, separated by commas; '' for nothing.

        ``known`` are topics that are recorded anyway.
        """
        words = parse_names(wanted)
        names = [word for word in words if word not in (ALL, STORY_WORD)]
        if STORY_WORD in words:
            names += [DIAGNOSTICS if name == 'diagnostics' else name for name in STORY]
            names += ['robot_description', 'arm_obstacle', 'commander', *SHARED]
        self._node, self._take = node, take
        self._all = ALL in words
        self._names = {node.resolve_topic_name(name) for name in names}
        self._known = set(known)
        self._tensors = TensorReceiver()
        self._namespace = node.get_namespace().rstrip('/') + '/'

    def look(self) -> None:
        """Subscribe to what is new in the graph."""
        if not self._names and not self._all:
            return
        for topic, kinds in self._node.get_topic_names_and_types():
            if topic not in self._known and self._wants(topic) and self._is_published(topic):
                self._known.add(topic)
                self._subscribe(topic, kinds[0])

    def _wants(self, topic: str) -> bool:
        ours = topic.startswith(self._namespace) or topic in SHARED
        return topic in self._names or (self._all and ours and topic != '/parameter_events')

    def _is_published(self, topic: str) -> bool:
        return self._node.count_publishers(topic) > 0

    def _subscribe(self, topic: str, kind: str) -> None:
        if kind in PRIVILEGED:
            return
        package, _, name = kind.partition('/msg/')
        try:
            msg_type = getattr(import_module(f'{package}.msg'), name)
        except ModuleNotFoundError:
            self._node.report(topic, f'not recorded: got {kind}, expected one that is installed')
            return
        if kind not in typestore().fielddefs:
            self._node.report(topic, f'not recorded: got {kind}, which MCAP cannot be told here')
            return
        profile = self._profile(topic)
        latched = profile.durability == DurabilityPolicy.TRANSIENT_LOCAL

        def on_raw(data: bytes) -> None:
            whole = self._inline(data) if msg_type is Features else data
            self._take(topic, kind, whole, latched)

        self._node.subscribe(msg_type, topic, on_raw, profile, raw=True)

    def _profile(self, topic: str) -> QoSProfile:
        """Return the best quality that every publisher of a topic offers."""
        offered = [i.qos_profile for i in self._node.get_publishers_info_by_topic(topic)]
        reliable = all(each.reliability == ReliabilityPolicy.RELIABLE for each in offered)
        latched = all(each.durability == DurabilityPolicy.TRANSIENT_LOCAL for each in offered)
        return QoSProfile(
            depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
            ),
        )

    def _inline(self, data: bytes) -> bytes:
        """Return features with their bytes in the message: shared memory does not last."""
        msg: Any = deserialize_message(data, Features)
        names = [tensor.name for tensor in msg.tensors]
        with self._tensors.open(msg.tensors, names) as arrays:
            copies = {name: values.copy() for name, values in arrays.items()}
        msg.tensors = [messages.tensor_to_msg(name, values) for name, values in copies.items()]
        whole: bytes = serialize_message(msg)
        return whole

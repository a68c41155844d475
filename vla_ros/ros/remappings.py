# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Remappings on a node's command line that ROS drops without a word: slips of the pen."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from rclpy.node import Node

NEAR = 0.85  # of difflib's ratio: joint_states is not what joint_commands was meant to be


def find_misnamed(node: Node, words: Sequence[str]) -> Iterator[str]:
    """
    Yield a line for each remapping of a name that the node lacks, while it has one that is near.

    Others may be for a node that is set up otherwise: one that commands nothing has no topic of
    commands.
    """
    inside = node.get_namespace().rstrip('/') + '/'
    named = set(_names(node))
    near = {name.removeprefix(inside) for name in named}
    for old, new in _rules(words):
        found = get_close_matches(old.removeprefix(inside), near, 1, NEAR)
        if found and node.resolve_topic_name(new, only_expand=True) not in named:
            yield (
                f'remapping {old}:={new}: got a name that nothing of this node has: it changes '
                f'nothing; did you mean {found[0]}?'
            )


def _rules(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is called how, of the words -r or --remap OLD:=NEW; names of nodes are none."""
    for option, rule in zip(words, words[1:], strict=False):
        old, assigned, new = rule.partition(':=')
        if option in ('-r', '--remap') and assigned and not old.startswith('__'):
            yield old, new


def _names(node: Node) -> Iterator[str]:
    """Yield the full names of the node's topics and services."""
    yield from (publisher.topic_name for publisher in node.publishers)
    yield from (subscription.topic_name for subscription in node.subscriptions)
    own = node.get_name(), node.get_namespace()
    yield from (name for name, _ in node.get_service_names_and_types_by_node(*own))

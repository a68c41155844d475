# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Positions of joints out of recorded messages, as strict as the nodes are with live ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import FASTEST, SAME, check_once
from vla_ros.dataset.bag import Message, decode, header_time

SILENT = 1.0  # s without a word of a joint; where it was meanwhile nobody knows
JUMPY = 0.01  # of its messages; a joint that jumps more often is told of by two publishers
FEWEST_JUMPS = 3


def command_time(message: Message) -> float:
    """Return when a recorded command was given (s): one without a stamp means now."""
    return header_time(message.data, message.topic) or 1e-9 * message.time


def read_command(what: str, message: Message, joint_names: Sequence[str]) -> np.ndarray:
    """
    Return where a trajectory of one place sends the joints, (joints,).

    Raise VlaError, beginning with ``what``, where it does not say that of each of them, once, and
    where it leads through several places: when the arm was sent to which, it does not say alone.
    """
    msg = decode(message)
    if len({tuple(point.positions) for point in msg.points}) > 1:
        raise VlaError(
            f'{what}: got a trajectory through {len(msg.points)} points, expected one place in '
            'each message, where the arm is sent at its time; record what the arm is sent while '
            'it plays them, which the robot node publishes as followed_commands'
        )
    found = _by_name(what, msg.joint_names, msg.points[-1].positions if msg.points else ())
    missing = [name for name in joint_names if name not in found]
    if missing:
        raise VlaError(
            f'{what}: got positions of {", ".join(found) or "nothing"}, expected also '
            f'{", ".join(missing)}, as in the first command, or in the policy; record the episode '
            'anew, or take a policy for this robot'
        )
    vector = np.array([found[name] for name in joint_names])
    _check_finite(what, found, vector, joint_names)
    return vector


def read_states(what: str, messages: Iterable[Message], joint_names: Sequence[str]) -> np.ndarray:
    """
    Return the joints (messages, joints) as they were known at each message of their state.

    States may come in parts: a joint that a message leaves out stands where the last one that
    named it had it, and before that where the first one has it. Raise VlaError, beginning with
    ``what``, where one is never named, not for SILENT s, or in two places by turns.
    """
    states = _States(what, joint_names)
    for message in messages:
        states.take(message)
    return states.rows()


class _States:
    """What is known of the joints, message by message."""

    def __init__(self, what: str, joint_names: Sequence[str]) -> None:
        self._what, self._names = what, tuple(joint_names)
        self._known = np.full(len(joint_names), np.nan)
        self._times = np.full(len(joint_names), np.nan)  # s, when each was told of last
        self._told = np.zeros(len(joint_names), int)  # how often
        self._jumps = np.zeros(len(joint_names), int)
        self._rows: list[np.ndarray] = []
        self._seen: set[str] = set()

    def take(self, message: Message) -> None:
        """Take what a message says."""
        msg, time = decode(message), header_time(message.data)
        found = _by_name(self._what, msg.name, msg.position) if len(msg.position) else {}
        self._seen.update(found)
        places = np.array([i for i, name in enumerate(self._names) if name in found], int)
        values = np.array([found[self._names[i]] for i in places], float)
        _check_finite(self._what, found, values, self._names)
        if not self._rows:
            self._times[:] = time
        reach = SAME + FASTEST * np.abs(time - self._times[places])
        self._jumps[places] += np.abs(values - self._known[places]) > reach  # not at first: nan
        self._known[places], self._times[places] = values, time
        self._told[places] += 1
        self._rows.append(self._known.copy())
        self._check_silence(time)

    def rows(self) -> np.ndarray:
        """Return the joints at every message."""
        missing = [name for name in self._names if name not in self._seen]
        if missing:
            raise VlaError(
                f'{self._what}: got joints {", ".join(sorted(self._seen))}, expected also '
                f'{", ".join(missing)}, which are commanded; record them, or choose another topic'
            )
        self._check_jumps()
        states = np.array(self._rows)
        first = np.isfinite(states).argmax(axis=0)
        for place, row in enumerate(first):
            states[:row, place] = states[row, place]
        return states

    def _check_silence(self, time: float) -> None:
        silent = np.flatnonzero((time - self._times > SILENT) & (self._told > 0))
        if len(silent):
            raise VlaError(
                f'{self._what}: got no position of {self._names[silent[0]]} for more than '
                f'{SILENT:g} s while other joints were told of: does its driver run all the time? '
                'Record the episode anew'
            )

    def _check_jumps(self) -> None:
        jumpy = np.flatnonzero(self._jumps > np.maximum(FEWEST_JUMPS - 1, JUMPY * self._told))
        if len(jumpy):
            place = int(jumpy[0])
            raise VlaError(
                f'{self._what}: {self._names[place]} jumps {self._jumps[place]} times in '
                f'{self._told[place]} messages, faster than {FASTEST:g} per s, expected one '
                'publisher of each joint: stop the other one, or let it publish on another topic, '
                'and record the episode anew'
            )


def _by_name(what: str, names: Sequence[str], values: Any) -> dict[str, float]:
    """Return the values by joint; raise VlaError for a joint that comes twice."""
    if len(names) != len(values):
        raise VlaError(
            f'{what}: got {len(values)} positions for {len(names)} joints, expected finite '
            'positions, one for each; mend the node that publishes them'
        )
    check_once(what, names)
    return dict(zip(names, map(float, values), strict=True))


def _check_finite(
    what: str, found: dict[str, float], values: np.ndarray, joint_names: Sequence[str]
) -> None:
    if not np.isfinite(values).all():
        raise VlaError(
            f'{what}: got {found}, expected finite positions of {", ".join(joint_names)}; record '
            'the episode anew'
        )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the joints of a robot are, put together from whoever tells of some of them."""

from collections.abc import Hashable, Sequence

import numpy as np

from vla_ros.core.errors import VlaError, repeated

SAME = 0.05  # rad or m by which two publishers of one joint may differ
FASTEST = 10.0  # rad/s or m/s; so much may it have moved between their messages
LASTING = 1.0  # s that a publisher counts after its last message, and that a dispute lasts
MOST_LAYOUTS = 64  # lists of names that are remembered
MOST_TOLD = 8  # names in a message for a person


class JointStates:
    """
    The newest position of each joint, with its time.

    A message may hold some of the joints, or joints of somebody else, as where a gripper or a
    mobile base has a driver of its own: each joint counts from when it was last told of. Who
    tells of no joint of the robot is passed over. Where two publishers contradict each other
    about a joint, nobody knows where it is.
    """

    def __init__(self, joint_names: Sequence[str]) -> None:
        """Know nothing of the joints."""
        self.joint_names = tuple(joint_names)
        self._columns = {name: column for column, name in enumerate(joint_names)}
        self._layouts: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget where the joints are."""
        count = len(self.joint_names)
        self._positions = np.full(count, np.nan)
        self._times = np.full(count, -np.inf)
        self._told: dict[Hashable, tuple[float, np.ndarray]] = {}  # by publisher: when, what
        self._dispute, self._disputed = '', -np.inf

    def take(
        self, names: Sequence[str], positions: Sequence[float], time: float, source: Hashable = 0
    ) -> bool:
        """
        Take the positions (rad, m) that ``source`` measured at ``time`` (s); say if any is ours.

        Raise VlaError naming a joint of the robot that comes twice, that has no finite position,
        or that another publisher has elsewhere; then nobody knows where it is.
        """
        rows, columns = self._layout(names)
        if not len(columns) or not len(positions):  # velocities, efforts: nothing for us
            return False
        if len(positions) != len(names):
            raise VlaError(
                f'joint state: got {len(positions)} positions for {len(names)} names, expected '
                'one each; mend the robot driver'
            )
        values = np.asarray(positions, np.float64)[rows]
        bad = columns[~np.isfinite(values)]
        if len(bad):
            self._times[bad] = -np.inf
            raise VlaError(
                f'joint state: got NaN or infinity for {[self.joint_names[i] for i in bad]}, '
                'expected finite positions in rad; mend the robot driver'
            )
        newer = time >= self._times[columns]
        self._positions[columns[newer]], self._times[columns[newer]] = values[newer], time
        self._compare(columns, values, time, source)
        return True

    def set_back(self, now: float) -> None:
        """Let nothing be newer than ``now`` (s), for the clock may have been set back."""
        np.minimum(self._times, now, out=self._times)
        self._disputed = min(self._disputed, now)
        self._told = {who: told for who, told in self._told.items() if told[0] <= now}

    @property
    def positions(self) -> np.ndarray | None:
        """Return the positions (joints,) rad, or None where one of them is not known."""
        return self._positions.copy() if np.isfinite(self._times).all() else None

    @property
    def time(self) -> float:
        """Return when the joint that was told of longest ago was there (s); -inf before all."""
        return float(self._times.min())

    @property
    def oldest(self) -> str:
        """Return the name of the joint that was told of longest ago."""
        return self.joint_names[int(self._times.argmin())]

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the joints whose positions are not known."""
        known = np.isfinite(self._times)
        return tuple(
            n for n, is_known in zip(self.joint_names, known, strict=True) if not is_known
        )

    def objection(self, now: float) -> str:
        """Return why it isn't known at ``now`` (s) where the joints are, '' where it is."""
        if now - self._disputed < LASTING:
            return self._dispute
        missing = self.missing
        if missing == self.joint_names:
            return 'no joint state that makes sense: where the joints are is not known'
        if missing:
            return (
                f'no joint state of {", ".join(missing)}, only of the others: does its driver run?'
            )
        return ''

    def _layout(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return which elements of a message are of which of our columns."""
        key = tuple(names)
        found = self._layouts.get(key)
        if found is None:
            rows = [row for row, name in enumerate(key) if name in self._columns]
            check_once('joint state', [key[row] for row in rows])
            columns = [self._columns[key[row]] for row in rows]
            found = np.array(rows, int), np.array(columns, int)
            if len(self._layouts) >= MOST_LAYOUTS:
                self._layouts.clear()
            self._layouts[key] = found
        return found

    def _compare(
        self, columns: np.ndarray, values: np.ndarray, time: float, source: Hashable
    ) -> None:
        """Raise VlaError where another publisher has one of the joints elsewhere."""
        mine = np.full(len(self.joint_names), np.nan)
        mine[columns] = values
        self._told[source] = time, mine
        if len(self._told) == 1:
            return
        self._told = {who: told for who, told in self._told.items() if time - told[0] < LASTING}
        for who, (when, others) in self._told.items():
            off = np.abs(mine - others) - SAME - FASTEST * abs(time - when)
            if who != source and np.nanmax(off, initial=-np.inf) > 0.0:
                column = int(np.nanargmax(off))
                self._disputed = time
                self._dispute = (
                    f'joint states: got {self.joint_names[column]} at {others[column]:.3f} and at '
                    f'{mine[column]:.3f} from two publishers, expected one; stop the wrong one, '
                    'or let it publish other joints or on another topic'
                )
                raise VlaError(self._dispute)


def check_once(what: str, joint_names: Sequence[str]) -> None:
    """Raise VlaError, beginning with ``what``, for joints that a message names more than once."""
    twice = repeated(joint_names)
    if twice:
        raise VlaError(
            f'{what}: got {", ".join(twice[:MOST_TOLD])} twice in one message, expected each '
            'joint once; mend the node that publishes it'
        )

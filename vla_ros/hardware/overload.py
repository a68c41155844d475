# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motors that are not well: what they complain about, their heat, their current."""

from collections.abc import Sequence

import numpy as np

from vla_ros.hardware.driver import Reading


class OverloadWatch:
    """Says when an arm has to stop for the sake of its motors, or of what they press against."""

    def __init__(
        self,
        joint_names: Sequence[str],
        max_temperature: float,
        max_current: float,
        overload_time: float,
    ) -> None:
        """Allow so many degrees Celsius, and so many A for at most ``overload_time`` s."""
        self._names = joint_names
        self._max_temperature, self._max_current = max_temperature, max_current
        self._overload_time = overload_time
        # s, since when there is too much current
        self._since: np.ndarray = np.full(len(joint_names), np.inf)

    def objection(self, reading: Reading, now: float) -> str:
        """Return which motor is not well at ``now`` (s), and why; '' where all are."""
        for name, fault in reading.faults.items():
            return f'{name}: its motor complains: {fault}'
        return self._too_hot(reading.temperature) or self._too_strong(reading.current, now)

    def _too_hot(self, temperature: np.ndarray | None) -> str:
        if temperature is None or not (temperature > self._max_temperature).any():
            return ''
        joint = int(np.nanargmax(temperature))
        return (
            f'{self._names[joint]}: {temperature[joint]:.0f} degrees Celsius, expected at most '
            f'{self._max_temperature:.0f}'
        )

    def _too_strong(self, current: np.ndarray | None, now: float) -> str:
        if current is None:
            return ''
        strength = np.abs(current)  # a motor that turns the other way tells it with a minus
        above = strength > self._max_current
        self._since = np.where(above, np.minimum(self._since, now), np.inf)
        lasting = above & (now - self._since >= self._overload_time)
        if not lasting.any():
            return ''
        joint = int(np.argmax(np.where(lasting, strength, -np.inf)))
        return (
            f'{self._names[joint]}: {strength[joint]:.2f} A for {now - self._since[joint]:.2f} s, '
            f'expected at most {self._max_current:.2f} A'
        )

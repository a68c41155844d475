# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A stop that lasts until somebody releases it, also where the process that holds it dies.

A launcher that starts its nodes again (``vla_ros up``, `ros2 launch`) names a folder of its run in
their environment, and what is stopped is noted there. Who starts a node by hand looks at it then.
"""

import os
from collections.abc import Callable
from pathlib import Path

ESTOP = 'emergency stop'
RUN = 'VLA_ROS_RUN'  # environment variable: the folder of the run that this process belongs to


class Latch:
    """Why one node is stopped, be it that a process of it before this one was."""

    def __init__(self, name: str, report: Callable[[str, str], None]) -> None:
        """Be as the node of that full name was left; ``report`` hears what could not be noted."""
        folder = os.environ.get(RUN)
        file = name.strip('/').replace('/', '.') + '.stopped'
        self._path = Path(folder, file) if folder else None
        self._report = report
        self._why = ''
        if self._path is not None and self._path.is_file():
            self._why = self._path.read_text(encoding='utf-8') or ESTOP

    @property
    def why(self) -> str:
        """Return why it is stopped, '' where it is not."""
        return self._why

    @why.setter
    def why(self, why: str) -> None:
        before, self._why = self._why, why
        if self._path is None or why == before:
            return
        try:
            if why:
                self._path.write_text(why, encoding='utf-8')
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            self._report(
                'latch',
                f'{self._path}: cannot be written: {error.strerror}: where this node is started '
                'again it will not know whether it is stopped',
            )

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the commands of a fuzzed arm do to its workspace."""

from dataclasses import dataclass

import numpy as np

from vla_ros.core.robot import RobotSpec
from vla_ros.core.workspace import workspace_of

BOX_RULES = 6
TOLERANCE = 1e-6  # m


@dataclass
class WorkspaceFindings:
    """Commands that break a rule of the workspace."""

    looked_at: int = 0
    outside_box: int = 0  # the tool is
    in_table: int = 0
    in_itself: int = 0
    fast_tool: int = 0

    @property
    def violations(self) -> int:
        """Return how many there are."""
        return self.outside_box + self.in_table + self.in_itself + self.fast_tool

    def __str__(self) -> str:
        """Return the findings for a person."""
        return (
            f'of {self.looked_at} commands in a workspace outside the box: {self.outside_box}, '
            f'through the table: {self.in_table}, into the arm itself: {self.in_itself}, with the '
            f'tool too fast: {self.fast_tool}'
        )


class WorkspaceWatch:
    """Looks at the commands of one arm that has a workspace, many at once."""

    def __init__(self, robot: RobotSpec, findings: WorkspaceFindings) -> None:
        """Note in ``findings``; a robot without a workspace is let alone."""
        self._workspace = workspace_of(robot)
        self._found = findings
        self._ways: list[tuple[np.ndarray, np.ndarray, float]] = []

    def start(self, rng: np.random.Generator, limits: np.ndarray) -> np.ndarray:
        """Return positions (joints,) for the arm to begin at, the clock joint at 0."""
        while True:
            positions = rng.uniform(*limits)
            positions[-1] = 0.0
            if self._workspace is None or not self._workspace.objection(positions):
                return positions

    def add(self, before: np.ndarray, command: np.ndarray, elapsed: float) -> None:
        """Take note of a command, ``elapsed`` s after the one before."""
        if self._workspace is not None:
            self._ways.append((before, command, elapsed))

    def look(self) -> None:
        """Look at the commands so far."""
        if self._workspace is None or not self._ways:
            return
        self._found.looked_at += len(self._ways)
        befores, commands, times = (np.array(each) for each in zip(*self._ways, strict=True))
        self._ways.clear()
        broken = self._workspace.clearance(commands) < -TOLERANCE
        box, pairs = BOX_RULES, self._workspace.pairs
        self._found.outside_box += int(broken[:, :box].any(axis=1).sum())
        self._found.in_table += int(broken[:, box:-pairs].any(axis=1).sum())
        self._found.in_itself += int(broken[:, -pairs:].any(axis=1).sum())
        speeds = self._workspace.tool_speeds(befores, commands, times)
        self._found.fast_tool += int((speeds > self._workspace.safety.tool_speed).sum())

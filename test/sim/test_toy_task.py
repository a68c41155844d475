# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A task of one's own keeps the promise of every task: one file, one plan, and these lines."""

from pathlib import Path

import pytest

pytest.importorskip('mujoco')

from vla_ros.sim.conformance import TaskConformance
from vla_ros.sim.task import TaskChoice


class TestLamp(TaskConformance):
    """The toy keeps the promise."""

    task = TaskChoice('toy_task:Lamp', str(Path(__file__).parents[1] / 'toy_plan.yaml'))

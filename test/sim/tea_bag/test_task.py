# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tea-bag task keeps the promise of every task."""

import pytest

pytest.importorskip('mujoco')

from vla_ros.sim.conformance import TaskConformance
from vla_ros.sim.task import TaskChoice


class TestTeaBag(TaskConformance):
    """The study's task, with the study's plan."""

    task = TaskChoice('tea_bag')

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A policy that needs no learning: it plays back what the expert did in the same scene."""

from types import SimpleNamespace

import numpy as np

from vla_ros.dataset.plan import PlannedEpisode
from vla_ros.sim.episode import demonstrate
from vla_ros.sim.robots.so101 import JOINT_NAMES
from vla_ros.sim.task import TaskChoice

CHUNK, FPS = 100, 30.0


class Demonstrator:
    """Answers each observation with the expert's actions from that time on."""

    spec = SimpleNamespace(
        cameras=[SimpleNamespace(name='top', width=16, height=8)],
        joint_names=JOINT_NAMES,
        fps=FPS,
        chunk_size=CHUNK,
    )

    def __init__(self, cluster, seed, seconds=0.0):
        """Record the expert in that scene; predictions claim to take ``seconds``."""
        episode = demonstrate(TaskChoice().make(), PlannedEpisode(0, cluster, '', seed))
        self.planned = PlannedEpisode(0, cluster, '', episode.seed)
        self.actions = np.array([step.action for step in episode.steps])
        self.row = lambda: 0
        self._seconds = seconds

    def predict(self, images, state, instruction=None, sequence=0):
        rows = np.minimum(np.arange(CHUNK) + self.row(), len(self.actions) - 1)
        return self.actions[rows], {'playback': self._seconds}

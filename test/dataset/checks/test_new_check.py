# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A check of one's own: a function of the episodes, and its entry in the catalogue."""

import numpy as np

from vla_ros.dataset.checks import catalogue
from vla_ros.dataset.checks.finding import Limit, judge


def check_start(episodes, limits):
    """Find episodes whose arm does not start near where the others do."""
    home = np.median([episode.state[0] for episode in episodes.episodes], axis=0)
    away = {e.index: float(np.abs(e.state[0] - home).max()) for e in episodes.episodes}
    mend = 'drive the arm home before each episode'
    return [judge('start', '', away, 'rad', Limit(0.0, 2.0), mend)]


def test_the_report_has_it(recording, monkeypatch):
    monkeypatch.setattr(catalogue, 'CHECKS', (*catalogue.CHECKS, check_start))
    assert catalogue.run_checks(recording)[-1].passed
    recording.episodes[7].state[0] += 3.0
    found = catalogue.run_checks(recording)[-1]
    assert (found.name, found.scope, found.passed) == ('start', 'episode 7', False)

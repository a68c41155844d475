# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The driver's benchmark on a short run: every figure is there, and the arm held."""

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')

from vla_ros.benchmarks.driver import Drive, drive, stray
from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.hardware.simulated_bus import Weather

ROBOT = load_robot(find_config('robots', 'so101'))


def test_short_drive_with_a_cable_that_is_pulled_holds_and_goes_on():
    found = drive(ROBOT, seconds=2.0, rate=50.0, weather=Weather(lost=0.005), unplug=1)
    assert not found.violated and len(found.recoveries) == 1
    assert found.ticks > 50 and found.period['p50'] > 0 and 0 < found.cpu < 1


@pytest.mark.parametrize('change', [{'drift': 0.1}, {'lost': 1}])
def test_arm_that_moved_unseen_or_was_not_found_is_a_violation(change):
    assert Drive(50.0, **change).violated


@pytest.mark.parametrize(
    ('after', 'expected'),
    [([0.0, 0.0], 0.0), ([0.7, -0.1], 0.0), ([0.75, 0.0], 0.05), ([0.3, 0.02], 0.02)],
)
def test_arm_that_finishes_what_it_was_told_did_not_stray(after, expected):
    before, told = np.array([0.0, 0.0]), np.array([0.7, -0.1])  # the step of a loop that was late
    assert stray(before, told, np.array(after)) == pytest.approx(expected)

# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a page is shown of a robot."""

import json

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from vla_ros.core.config import find_config
from vla_ros.core.robot import load_robot
from vla_ros.ros.show import Clocks, Show

ROBOT = load_robot(find_config('robots', 'so101'))
POSITIONS = np.linspace(-0.5, 0.5, 6)


class Hub(dict):
    """Keeps the newest item of each key."""

    def show(self, key, item):
        self[key] = json.loads(item)


@pytest.fixture
def show():
    return Show(Hub(), ROBOT, [], '/', Clocks(lambda: 0.0, lambda: 0.0), 15.0, 640)


def feel(show, names, positions):
    """Tell it where some joints are; return what the page then says of all of them."""
    heard = show.streams['joint_states']
    if show.is_wanted('joint_states', heard):
        heard.take(JointState(name=list(names), position=list(positions)))
    show.tick()
    return show._hub['joints'].get('measured')


def test_joints_that_are_told_of_in_parts_are_shown_together(show):
    arm, hand = ROBOT.joint_names[:-1], ROBOT.joint_names[-1:]
    assert feel(show, arm, POSITIONS[:-1]) is None
    assert feel(show, ['wheel'], [9.0]) is None
    assert feel(show, hand, POSITIONS[-1:]) == pytest.approx(POSITIONS)
    moved = [*(POSITIONS[:-1] + 0.1), POSITIONS[-1]]
    assert feel(show, arm, moved[:-1]) == pytest.approx(moved)


def test_nothing_is_known_of_the_joints_once_nobody_looked(show):
    feel(show, ROBOT.joint_names, POSITIONS)
    show.forget_joints()
    assert feel(show, ROBOT.joint_names[:1], [0.0]) is None

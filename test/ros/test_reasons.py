# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Why an arm holds, as its joint states have it, is told on the page in words of its own."""

import pytest
from plans import robot
from sensor_msgs.msg import JointState

from vla_ros.core.status import Mode
from vla_ros.ros.felt_joints import FeltJoints
from vla_ros.view.words import describe

ARM = robot(limit=1.0)


def felt(*told):
    """Return what is known of an arm after messages: names, positions and their time (s)."""
    joints = FeltJoints(ARM, longest=0.1)
    for names, positions, now in told:
        joints.hear(JointState(name=names, position=positions), {}, now)
    return joints


@pytest.mark.parametrize(
    ('told', 'now', 'explanation'),
    [
        ((), 1.0, 'does not tell where'),
        (([ARM.joint_names[0]], [0.0], 1.0), 1.0, 'does not tell where'),
        ((ARM.joint_names, [0.0, 0.0], 1.0), 3.0, 'last told 2'),
        ((ARM.joint_names, [0.0, 90.0], 1.0), 1.0, 'where it can not be'),
    ],
)
def test_every_objection_of_the_joint_states_has_words(told, now, explanation):
    reason = felt(*([told] if told else [])).objection(now)
    words = describe(Mode.HOLDING, reason)
    assert explanation in words.explanation and words.advice

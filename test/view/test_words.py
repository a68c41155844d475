# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every mode and every reason has words that a beginner understands."""

import pytest

from vla_ros.core.status import Mode
from vla_ros.view.words import describe


@pytest.mark.parametrize(
    ('mode', 'reason', 'headline', 'explanation', 'advice'),
    [
        (Mode.RUNNING, '', 'Moving', 'follows the actions', ''),
        (Mode.ESTOP, 'emergency stop: release it', 'Emergency stop', 'braked', 'press Rearm'),
        (Mode.STARVED, 'the queue ran dry', 'Out of actions', 'are late', 'budget'),
        (Mode.WAITING, 'waiting for a chunk', 'Thinking', 'plans its next', ''),
        (
            Mode.WAITING,
            'the arm is not let go: latency 2.9 s at 30 rows/s needs chunk_size_threshold 0.9',
            'Waiting',
            'would stutter',
            'auto_budget:=true',
        ),
        (
            Mode.WAITING,
            'the newest observation is 12.31 s old',
            'Waiting',
            'seen 12.31 s ago',
            'cameras',
        ),
        (Mode.HOLDING, 'not enabled', 'Holding', 'Nobody has let', 'press Enable'),
        (Mode.HOLDING, 'the arm comes to rest', 'Holding', 'comes to rest', ''),
        (
            Mode.HOLDING,
            'the arm: bring the leader to where the arm is: elbow_flex is 0.5 rad off, expected',
            'Holding',
            'elsewhere: elbow_flex by 0.5 rad.',
            'Bring the leader',
        ),
        (
            Mode.HOLDING,
            'the arm: after a stop joint_commands have to begin where the arm is: wrist is 1 rad',
            'Holding',
            'was stopped: wrist is 1 rad',
            'begin where the arm is',
        ),
        (Mode.HOLDING, 'no episode follows', 'Done', 'is over', ''),
        (
            Mode.HOLDING,
            'camera_top, vision_encoder: not active',
            'Holding',
            'missing: camera_top, vision_encoder.',
            'started again',
        ),
        (
            Mode.HOLDING,
            'no joint state that makes sense: where the joints are is not known',
            'Holding',
            'does not tell where',
            'cable',
        ),
        (
            Mode.HOLDING,
            'the joint state of elbow is 0.31 s old, expected at most 0.08 s: is the driver',
            'Holding',
            'last told 0.31 s ago where its joints are (elbow)',
            'driver',
        ),
        (
            Mode.HOLDING,
            'no controller serves the action /arm/follow_joint_trajectory',
            'Holding',
            'is not there: /arm/follow_joint_trajectory.',
            'Start it',
        ),
        (
            Mode.HOLDING,
            '/arm/follow: the controller refuses the trajectory',
            'Holding',
            'did not follow what it was sent: /arm/follow: the controller refuses',
            'press Enable',
        ),
        (
            Mode.HOLDING,
            'elbow: got the command 3, expected -1 to 1: not sent',
            'Holding',
            'was stopped: elbow: got the command 3, expected -1 to 1.',
            'press Enable',
        ),
        (
            Mode.HOLDING,
            'a recording is replayed: no arm moves',
            'Replay',
            'No arm moves',
            '',
        ),
        (
            Mode.HOLDING,
            '/other commands this arm, too: stop that, then ~/enable',
            'Holding',
            'commands this arm, too: /other.',
            'press Enable',
        ),
        (
            Mode.HOLDING,
            'the arm: elbow_flex is too hot: release it with ~/rearm',
            'Holding',
            'has stopped: elbow_flex is too hot.',
            'press Rearm',
        ),
        (
            Mode.HOLDING,
            'the arm: nobody presses dead_man',
            'Holding',
            'lets the arm move',
            'Press',
        ),
        (Mode.HOLDING, 'the arm: a person leads it', 'Led', 'leads the arm', 'Let go'),
        (
            Mode.HOLDING,
            'not active: activate the node first',
            'Holding',
            'switched off',
            'Activate',
        ),
    ],
)
def test_a_mode_and_its_reason_are_explained(mode, reason, headline, explanation, advice):
    words = describe(mode, reason)
    assert words.headline == headline
    assert explanation in words.explanation
    assert advice.lower() in words.advice.lower() and bool(advice) == bool(words.advice)


def test_a_reason_that_nobody_foresaw_is_told_as_it_is():
    assert describe(Mode.HOLDING, 'the moon is full').explanation == 'the moon is full'
    assert describe(Mode.HOLDING, '').explanation == 'No reason is given.'


def test_a_mode_of_a_newer_version_is_named_by_its_number():
    assert describe(9, 'why not').headline == 'Mode 9'


def test_every_mode_has_a_headline_of_its_own():
    reasons = {Mode.HOLDING: 'not enabled'}
    headlines = [describe(mode, reasons.get(mode, '')).headline for mode in Mode]
    assert len(set(headlines)) == len(Mode)
